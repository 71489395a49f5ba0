//! The table and the document of `bench peers`: rates, times at half of them, what was kept, and our rate over each
//! other's. Hides nothing.

use std::fmt::Write as _;
use std::path::Path;

use comfy_table::Table;

use super::super::report::per_second;
use super::{Measured, Measures};

const HEADER: [&str; 6] =
    ["receiver", "held", "p50 and p99 at half of it", "acknowledged and kept", "ours / it", "load"];

/// Prints the table.
#[expect(clippy::print_stdout, reason = "the result of the program")]
pub(super) fn print(measures: &Measures) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY).set_header(HEADER);
    for measured in all(measures) {
        table.add_row(row(measures, measured));
    }
    println!("{}\n{table}\n{}", place(measures).join("\n"), best(measures));
}

/// Writes the document.
pub(super) fn write(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let mut text = String::from(HEAD);
    for line in place(measures) {
        writeln!(text, "- {line}")?;
    }
    writeln!(text, "\n| {} |\n|---|---|---|---|---|---|", HEADER.join(" | "))?;
    for measured in all(measures) {
        writeln!(text, "| {} |", row(measures, measured).join(" | "))?;
    }
    writeln!(text, "\n**{}**\n", best(measures))?;
    writeln!(text, "What each keeps before it answers 200:\n")?;
    for measured in std::iter::once(&measures.ours).chain(&measures.peers).chain(measures.ceilings.first()) {
        writeln!(text, "- {} ({}): {}.", measured.name, measured.made_of, measured.keeps)?;
    }
    writeln!(text, "{EXPLAINED}")?;
    writeln!(text, "## Raw figures\n\n```json\n{}\n```", serde_json::to_string_pretty(measures)?)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

const HEAD: &str = "# Beside other receivers\n\nWritten by `make bench-peers`; do not edit. `bench peers --quick` does the same briefly and \
writes nothing.\n\n";

const EXPLAINED: &str = "
## How it is measured

- One run on one machine, one receiver after the other, each over an empty SQLite database on the same disk, in WAL mode with
  `synchronous=FULL`, with two workers where a receiver has workers. The signature check alone is measured before and after.
- The generator and its posts are those of `make bench`: one signed message of about 2 KiB a post, on a fixed
  schedule; a time counts from the scheduled instant. A rate is held when for the whole time every post was answered 200, the 99th
  percentile stayed at or below 100 ms and the last answer came within 250 ms of the schedule's end.
- Afterwards every acknowledged message is looked for in the receiver's own database.
- The peers are [written for this](../../bench/peers/README.md) and tuned beyond their documentation's examples: each commits
  everything that waits in one transaction.
- Compare the ratios between machines, not the rates.
";

fn all(measures: &Measures) -> impl Iterator<Item = &Measured> {
    let last = measures.ceilings.get(1..).unwrap_or_default();
    measures.ceilings.iter().take(1).chain([&measures.ours]).chain(&measures.peers).chain(last)
}

fn place(measures: &Measures) -> Vec<String> {
    let machine = &measures.machine;
    vec![
        format!("{}, commit {}", measures.date.strftime("%Y-%m-%d %H:%M UTC"), machine.commit),
        format!(
            "{}, {} cores, {:.0} GB, Linux {}",
            machine.processor, machine.cores, machine.memory_gb, machine.kernel
        ),
        format!("file system {}; 4 KiB and fdatasync take {:.0} µs", machine.file_system, machine.fsync_us),
        format!(
            "build profile {}; {} connections; held for {:.0} s",
            measures.profile, measures.connections, measures.pace.hold
        ),
    ]
}

fn row(measures: &Measures, of: &Measured) -> [String; 6] {
    let times = match &of.held.half {
        Some(half) => format!("{:.1} ms, {:.1} ms", half.p50_ms, half.p99_ms),
        None => "–".to_owned(),
    };
    let kept = match &of.rows {
        Some(rows) if rows.is_right() => format!("all {}", rows.acknowledged),
        Some(rows) => {
            format!("{} of {}: {} MISSING, {} TWICE", rows.stored, rows.acknowledged, rows.missing, rows.twice)
        }
        None => "keeps nothing".to_owned(),
    };
    [
        of.name.to_owned(),
        per_second(of.held.events_per_s),
        times,
        kept,
        ratio(measures, of).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
        of.load_average.clone(),
    ]
}

/// Our rate over another's; none where the other held nothing.
fn ratio(measures: &Measures, other: &Measured) -> Option<f64> {
    (other.held.events_per_s > 0.0).then(|| measures.ours.held.events_per_s / other.held.events_per_s)
}

/// Our rate over that of the best peer that kept everything it acknowledged.
fn best(measures: &Measures) -> String {
    let durable = measures.peers.iter().filter(|peer| peer.rows.as_ref().is_some_and(super::Rows::is_right));
    let best = durable.max_by(|one, other| one.held.events_per_s.total_cmp(&other.held.events_per_s));
    match best.and_then(|peer| Some((peer.name, ratio(measures, peer)?))) {
        Some((name, ratio)) => format!("Linekeeper holds {ratio:.1} times the rate of the best durable peer, {name}."),
        None => "No peer held a rate and kept all it acknowledged.".to_owned(),
    }
}
