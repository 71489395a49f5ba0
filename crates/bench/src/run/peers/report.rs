//! The table, the plot and the page of `bench peers`. Must not leave out a result.

use std::path::Path;

use comfy_table::Table;

use super::{Measures, ReceiverResult};
use crate::run::page::Page;
use crate::run::plot::{Bar, bar_chart};
use crate::run::stored_rows::StoredRows;
use crate::run::table::per_second;

const HEADER: [&str; 6] = [
    "receiver",
    "sustained",
    "p50 and p99 at half of that",
    "acknowledged and stored",
    "Linekeeper / receiver",
    "load average",
];

/// Prints the results as one table.
#[expect(clippy::print_stdout, reason = "the result of the program")]
pub(super) fn print(measures: &Measures) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY).set_header(HEADER);
    for measured in all(measures) {
        table.add_row(row(measures, measured));
    }
    println!("{}\n{table}\n{}", circumstances(measures).join("\n"), best(measures));
}

/// Writes the page and its plot.
pub(crate) fn write(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let mut page = Page::new(path, "Compared with other receivers", INTRODUCTION)?;
    page.push_list(&circumstances(measures));
    page.push(&format!("\n| {} |\n|---|---|---|---|---|---|\n", HEADER.join(" | ")));
    for receiver in all(measures) {
        page.push(&format!("| {} |\n", row(measures, receiver).join(" | ")));
    }
    page.push(&format!("\n**{}**\n", best(measures)));
    let bars: Vec<Bar> = all(measures)
        .map(|receiver| {
            let rate = receiver.sustained.events_per_s;
            Bar { name: receiver.name.clone(), value: rate, label: per_second(rate) }
        })
        .collect();
    let svg = bar_chart("Sustained rate of received messages", "messages per second", &bars);
    page.push_plot("rates", "Bars: sustained rate of received messages", &svg)?;
    page.push("\nWhat each receiver stores before it answers 200:\n\n");
    let receivers = std::iter::once(&measures.linekeeper).chain(&measures.peers).chain(measures.ceilings.first());
    let stored = receivers.map(|receiver| format!("{} ({}): {}.", receiver.name, receiver.versions, receiver.stores));
    page.push_list(&stored.collect::<Vec<_>>());
    page.push(EXPLANATION);
    page.finish()
}

const INTRODUCTION: &str = "Written by `make bench-peers`; do not edit. `bench peers --quick` does the same briefly and writes \
no page.";

const EXPLANATION: &str = "
## How it is measured

- All receivers are measured in one run on one machine, one after the other. Each has an empty SQLite database on the same
  disk, in WAL mode with `synchronous=FULL`, and two workers if it has workers. The signature check alone is measured before
  and after.
- The generator and its posts are those of `make bench`: one signed message of about 2 KiB in each post, on a fixed schedule.
  Every time counts from the scheduled instant. A rate is sustained if every post was answered 200, the 99th percentile was at
  most 100 ms, and the last answer came within 250 ms of the end of the schedule.
- Afterwards every acknowledged message is searched in the receiver's own database.
- The peers are [written for this comparison](../../bench/peers/README.md) and go beyond the examples of their documentation:
  each commits everything that waits in one transaction.
- Compare the ratios between machines, not the rates.
";

fn all(measures: &Measures) -> impl Iterator<Item = &ReceiverResult> {
    let last = measures.ceilings.get(1..).unwrap_or_default();
    measures.ceilings.iter().take(1).chain([&measures.linekeeper]).chain(&measures.peers).chain(last)
}

fn circumstances(measures: &Measures) -> Vec<String> {
    let machine = &measures.machine;
    vec![
        format!("{}, commit {}", measures.date.strftime("%Y-%m-%d %H:%M UTC"), machine.commit),
        format!(
            "{}, {} cores, {:.0} GB, Linux {}",
            machine.processor, machine.cores, machine.memory_gb, machine.kernel
        ),
        format!("file system {}; writing 4 KiB with fdatasync takes {:.0} µs", machine.file_system, machine.fsync_us),
        format!(
            "build profile {}; {} connections; sustained for {:.0} s",
            measures.profile, measures.connections, measures.durations.hold
        ),
    ]
}

fn row(measures: &Measures, of: &ReceiverResult) -> [String; 6] {
    let times = match &of.sustained.half {
        Some(half) => format!("{:.1} ms, {:.1} ms", half.p50_ms, half.p99_ms),
        None => "–".to_owned(),
    };
    let stored_messages = match &of.rows {
        Some(rows) if rows.is_complete() => format!("all {}", rows.acknowledged),
        Some(rows) => {
            format!(
                "{} of {}: {} MISSING, {} DUPLICATED",
                rows.stored, rows.acknowledged, rows.missing, rows.duplicated
            )
        }
        None => "stores nothing".to_owned(),
    };
    [
        of.name.clone(),
        per_second(of.sustained.events_per_s),
        times,
        stored_messages,
        ratio(measures, of).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
        of.load_average.clone(),
    ]
}

/// Linekeeper's rate divided by another's; `None` if the other sustained no rate.
fn ratio(measures: &Measures, other: &ReceiverResult) -> Option<f64> {
    (other.sustained.events_per_s > 0.0)
        .then(|| measures.linekeeper.sustained.events_per_s / other.sustained.events_per_s)
}

/// A sentence that compares Linekeeper with the best peer that stored everything it acknowledged.
fn best(measures: &Measures) -> String {
    let durable = measures.peers.iter().filter(|peer| peer.rows.as_ref().is_some_and(StoredRows::is_complete));
    let best = durable.max_by(|one, other| one.sustained.events_per_s.total_cmp(&other.sustained.events_per_s));
    match best.and_then(|peer| Some((&peer.name, ratio(measures, peer)?))) {
        Some((name, ratio)) => {
            format!("Linekeeper sustains {ratio:.1} times the rate of the best durable peer, {name}.")
        }
        None => "No peer sustained a rate and stored everything it acknowledged.".to_owned(),
    }
}
