//! The table and the page of `bench run`: what was measured, its goal, and whether it is met. Must not leave out a result.

use std::path::Path;

use super::ingest::Ingest;
use super::page::Page;
use super::plot::{Bar, bar_chart};
use super::table::{Row, per_second, print_table, table};
use super::{Measures, forward};

/// Title of the section about receiving.
const RECEIVING: &str = "Receiving";

/// The goals that the project sets itself.
mod goal {
    pub(super) const EVENTS_PER_S: f64 = 40_000.0;
    pub(super) const SHARE_OF_CEILING: f64 = 0.40;
    pub(super) const P99_MS: f64 = 15.0;
    pub(super) const APPROVAL_P95_S: f64 = 2.0;
    pub(super) const IDLE_MB: f64 = 25.0;
    pub(super) const COLD_START_MS: f64 = 100.0;
    pub(super) const BINARY_MB: f64 = 20.0;
}

/// Prints the results as one table.
pub(crate) fn print(measures: &Measures) {
    print_table(&measures.context, &sections(measures).into_iter().flat_map(|(_, rows)| rows).collect::<Vec<_>>());
}

/// Writes the page and its plots.
pub(crate) fn write(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let mut page = Page::new(path, "Measurements", INTRODUCTION)?;
    page.push_list(&measures.context.lines());
    if !measures.is_complete {
        page.push("\n**This run was ended before every part was measured.**\n");
    }
    for (title, rows) in sections(measures) {
        page.push(&format!("\n## {title}\n{}", table(&rows)));
        let plots = match title {
            RECEIVING => receiving_plots(measures),
            _ => forward::report::plots(&measures.forwarding),
        };
        for (name, description, svg) in plots {
            page.push_plot(name, description, &svg)?;
        }
    }
    page.push(EXPLANATION);
    page.finish()
}

/// Bars of the rates of receiving.
fn receiving_plots(measures: &Measures) -> Vec<(&'static str, &'static str, String)> {
    let bar = |name: String, rate: f64| Bar { name, value: rate, label: per_second(rate) };
    let ceiling = measures
        .ceiling
        .iter()
        .map(|ceiling| bar(format!("signature check only, {} per post", ceiling.changes), ceiling.events_per_s));
    let ingest = measures.ingest.iter().map(|ingest| bar(ingest_name(ingest), ingest.sustained.events_per_s));
    let bars: Vec<Bar> = ceiling.chain(ingest).collect();
    if bars.is_empty() {
        return Vec::new();
    }
    let svg = bar_chart("Sustained rate of received events", "events per second", &bars);
    vec![("receiving", "Bars: sustained rate of received events", svg)]
}

/// Name of an ingest measurement in tables and plots.
fn ingest_name(ingest: &Ingest) -> String {
    let slow = if ingest.fsync_added_ms > 0 { format!(", fsync +{} ms", ingest.fsync_added_ms) } else { String::new() };
    format!("{}, {} per post{slow}", ingest.engine, ingest.sustained.changes)
}

/// The rows of both directions: receiving from Meta and forwarding to customers.
fn sections(measures: &Measures) -> [(&'static str, Vec<Row>); 2] {
    let one = measures.ceiling.iter().filter(|ceiling| ceiling.changes == 1);
    let ceiling = one.map(|ceiling| ceiling.events_per_s).reduce(f64::max);
    [(RECEIVING, rows(measures)), ("Forwarding", forward::report::rows(&measures.forwarding, ceiling))]
}

const INTRODUCTION: &str =
    "Written by `make bench`; do not edit. `bench run --quick` does the same briefly and writes no page.";

const EXPLANATION: &str = "
## How it is measured

- The load generator is a process of its own on the same machine. It sends posts on a fixed schedule, even if earlier ones are
  not answered yet. Every time counts from the scheduled instant, so that waiting is always included. Every body has its own
  id and a valid signature; every answer must be 200.
- A rate is sustained if, for the whole time, every post was answered 200, the 99th percentile was at most 100 ms, and the
  last answer came within 250 ms of the end of the schedule.
- 200 means that the event is on the disk: SQLite in WAL mode with `synchronous=FULL`, PostgreSQL with
  `synchronous_commit=on` and otherwise default settings, except those in the command. Afterwards every acknowledged message
  is searched in the database by its own id in the opened body: see the rows \"acknowledged and stored once\".
- The ceiling is the product's own listener, router, body reader and signature check, built with the same settings into the
  bench; it answers at once. It is measured in the same run. Compare shares of the ceiling between machines, not rates.
- \"fsync +5 ms\": a preloaded library slows every `fsync` and `fdatasync` of the product, or of PostgreSQL, down by 5 ms.
- The emulator of Meta runs beside the product and all numbers are live. Every tenth second one message of each number is
  interpreted and health is updated, as in production.
- Forwarding: 50 people write to each of 20 numbers. Every message is forwarded in the format Standard Webhooks, signed, over
  http to a receiver on the same machine that answers 200 at once. The time of a message counts from the scheduled instant of
  Meta's post, which its id contains, until the receiver has read it completely. Forwarding keeps up with a rate if every
  post is answered and every message delivered, the 99th percentile of these times is at most 100 ms, and the last message
  arrives within 250 ms of its scheduled instant. Afterwards every acknowledged message is searched among the received ones.
- The failing endpoints: one refuses connections, one answers after ten seconds, one answers 429. Runs with and without them
  alternate; the confidence interval of the median is that of order statistics.
";

fn rows(measures: &Measures) -> Vec<Row> {
    let mut rows = Vec::new();
    for sustained in &measures.ceiling {
        let what = format!("signature check only, {} per post", sustained.changes);
        rows.push(Row::free(what, per_second(sustained.events_per_s)));
    }
    for ingest in &measures.ingest {
        ingest_rows(measures, ingest, &mut rows);
    }
    if let Some(approval) = &measures.approval {
        let text = format!(
            "{:.2} s (p50 {:.2} s, slowest {:.2} s, of {}; {} not live)",
            approval.live_p95_s, approval.live_p50_s, approval.live_max_s, approval.numbers, approval.not_live
        );
        let met = approval.live_p95_s <= goal::APPROVAL_P95_S && approval.not_live == 0;
        rows.push(Row::goal("approval to live, p95", text, format!("≤ {} s", goal::APPROVAL_P95_S), met));
    }
    for (engine, footprint) in &measures.footprint {
        let idle = format!("{:.1} MB ({:.1} MB of it anonymous)", footprint.idle.rss_mb, footprint.idle.anonymous_mb);
        let met = footprint.idle.rss_mb <= goal::IDLE_MB;
        rows.push(Row::goal(format!("{engine}: idle memory"), idle, format!("≤ {} MB", goal::IDLE_MB), met));
        let start = format!(
            "{:.0} ms (slowest of {}: {:.0} ms)",
            footprint.cold_start_ms, footprint.starts, footprint.cold_start_max_ms
        );
        let met = footprint.cold_start_ms <= goal::COLD_START_MS;
        rows.push(Row::goal(format!("{engine}: cold start"), start, format!("≤ {} ms", goal::COLD_START_MS), met));
    }
    if let Some(size) = measures.binary_mb {
        let what = format!("size of the program, build profile {}", measures.context.profile);
        let goal = format!("≤ {} MB", goal::BINARY_MB);
        rows.push(Row::goal(what, format!("{size:.1} MB"), goal, size <= goal::BINARY_MB));
    }
    rows
}

fn ingest_rows(measures: &Measures, ingest: &Ingest, rows: &mut Vec<Row>) {
    let sustained = &ingest.sustained;
    let name = ingest_name(ingest);
    let has_goal = sustained.changes == 1 && ingest.fsync_added_ms == 0;
    let rate = format!(
        "{} ({:.1} µs of the product's processor time each)",
        per_second(sustained.events_per_s),
        sustained.server_us_per_event
    );
    rows.push(if has_goal {
        let goal = format!("≥ {}", per_second(goal::EVENTS_PER_S));
        Row::goal(
            format!("{name}: sustained for {:.0} s", measures.durations.hold),
            rate,
            goal,
            sustained.events_per_s >= goal::EVENTS_PER_S,
        )
    } else {
        Row::free(format!("{name}: sustained for {:.0} s", measures.durations.hold), rate)
    });
    let same = measures.ceiling.iter().filter(|ceiling| ceiling.changes == sustained.changes);
    let ceiling = same.map(|ceiling| ceiling.events_per_s).fold(0.0, f64::max);
    if ceiling > 0.0 && ingest.fsync_added_ms == 0 {
        let share = sustained.events_per_s / ceiling;
        let goal = format!("≥ {:.0} %", goal::SHARE_OF_CEILING * 100.0);
        let met = share >= goal::SHARE_OF_CEILING;
        rows.push(Row::goal(format!("{name}: share of the ceiling"), format!("{:.0} %", share * 100.0), goal, met));
    }
    if let Some(half) = &sustained.half {
        let times = format!(
            "p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, slowest {:.0} ms",
            half.p50_ms, half.p99_ms, half.p999_ms, half.max_ms
        );
        let what = format!("{name}: at half of that rate");
        rows.push(if has_goal || ingest.fsync_added_ms > 0 {
            Row::goal(
                what,
                times,
                format!("p99 ≤ {} ms", goal::P99_MS),
                half.p99_ms <= goal::P99_MS && half.is_all_stored(),
            )
        } else {
            Row::free(what, times)
        });
    }
    let found = &ingest.rows;
    let text = format!(
        "{} of {} ({} missing, {} duplicated)",
        found.stored, found.acknowledged, found.missing, found.duplicated
    );
    rows.push(Row::goal(format!("{name}: acknowledged and stored once"), text, "all", found.is_complete()));
}
