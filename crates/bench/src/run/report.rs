//! The table and the document: what was measured, what the goal is, whether it is met. Hides nothing.

use std::fmt::Write as _;
use std::path::Path;

use comfy_table::Table;

use super::occasion::Occasion;
use super::{Ingest, Measures, forward};

/// Goals of the issue.
mod goal {
    pub(super) const EVENTS_PER_S: f64 = 40_000.0;
    pub(super) const SHARE_OF_CEILING: f64 = 0.40;
    pub(super) const P99_MS: f64 = 15.0;
    pub(super) const APPROVAL_P95_S: f64 = 2.0;
    pub(super) const IDLE_MB: f64 = 25.0;
    pub(super) const COLD_START_MS: f64 = 100.0;
    pub(super) const BINARY_MB: f64 = 20.0;
}

/// A line of a table.
pub(crate) struct Row {
    what: String,
    measured: String,
    goal: String,
    /// `None` where there is no goal.
    met: Option<bool>,
}

impl Row {
    /// Something there is no goal for.
    pub(super) fn free(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { what: what.into(), measured: measured.into(), goal: String::new(), met: None }
    }

    /// Something there is a goal for.
    pub(super) fn goal(
        what: impl Into<String>,
        measured: impl Into<String>,
        goal: impl Into<String>,
        met: bool,
    ) -> Self {
        Self { what: what.into(), measured: measured.into(), goal: goal.into(), met: Some(met) }
    }

    fn met(&self) -> &'static str {
        match self.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "",
        }
    }
}

/// Prints the tables.
pub(super) fn print(measures: &Measures) {
    print_table(&measures.occasion, &sections(measures).into_iter().flat_map(|(_, rows)| rows).collect::<Vec<_>>());
}

/// Prints a table.
#[expect(clippy::print_stdout, reason = "the result of the program")]
pub(super) fn print_table(occasion: &Occasion, rows: &[Row]) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY).set_header(["what", "measured", "goal", "met"]);
    for row in rows {
        table.add_row([row.what.as_str(), &row.measured, &row.goal, row.met()]);
    }
    println!("{}\n{table}", occasion.lines().join("\n"));
}

/// A table of a document.
pub(super) fn table(rows: &[Row]) -> String {
    let line = |row: &Row| format!("| {} | {} | {} | {} |\n", row.what, row.measured, row.goal, row.met());
    let lines: String = rows.iter().map(line).collect();
    format!("\n| what | measured | goal | met |\n|---|---|---|---|\n{lines}")
}

/// Writes the document.
pub(super) fn write(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let mut text = String::from(HEAD);
    for line in measures.occasion.lines() {
        writeln!(text, "- {line}")?;
    }
    if !measures.is_whole {
        writeln!(text, "\n**This run was ended before everything was measured.**")?;
    }
    for (title, rows) in sections(measures) {
        write!(text, "\n## {title}\n{}", table(&rows))?;
    }
    writeln!(text, "{EXPLAINED}")?;
    writeln!(text, "## Raw figures\n\n```json\n{}\n```", serde_json::to_string_pretty(measures)?)?;
    std::fs::write(path, text)?;
    Ok(())
}

/// What Meta's side meets, and what customers' side does.
fn sections(measures: &Measures) -> [(&'static str, Vec<Row>); 2] {
    let one = measures.ceiling.iter().filter(|ceiling| ceiling.changes == 1);
    let ceiling = one.map(|ceiling| ceiling.events_per_s).reduce(f64::max);
    [("Receiving", rows(measures)), ("Forwarding", forward::report::rows(&measures.forwarding, ceiling))]
}

const HEAD: &str = "# Measurements\n\nWritten by `make bench`; do not edit. `target/dist/bench run --quick` does the same \
briefly and writes nothing.\n\n";

const EXPLAINED: &str = "
## How it is measured

- The load generator is a process of its own on the same machine. Posts arrive on a fixed schedule whether or not earlier
  ones were answered; a time counts from the scheduled instant, so waiting is never left out. Every body has an id of its
  own and a true signature; every answer must be 200.
- A rate is held when, for the whole time, every post was answered 200, the 99th percentile stayed at or below 100 ms and
  the last answer came within 250 ms of the schedule's end.
- 200 means on the disk: SQLite in WAL mode with `synchronous=FULL`, PostgreSQL with
  `synchronous_commit=on` and otherwise its default settings, but for those the command names. Afterwards every
  acknowledged message is looked for in the database by its own id inside the opened body; the row \"acknowledged and in the database once\" says what was found.
- The ceiling is the product's own listener, router, body reader and signature check, compiled with the same settings
  into the bench, answering at once. It is measured in the same run; ratios to it are what to compare between machines.
- \"fsync +5 ms\": a preloaded library makes every `fsync` and `fdatasync` (of the product, or of PostgreSQL) take 5 ms
  longer.
- Meta's stand-in runs beside it, and all numbers are connected and live, so every tenth second a message of each is
  interpreted and health is kept as in production.
- Forwarding: 50 persons write to each of 20 numbers, and every message is posted on by Standard Webhooks, signed, over http
  to a receiver on the same machine that answers 200 at once. A message's time counts from the scheduled instant of Meta's
  post, which its id says, until the receiver has read it whole. Forwarding keeps up with a rate when all was answered
  and delivered, the 99th percentile of those times stayed at or below 100 ms and the last message came within 250 ms of its
  time. Afterwards every acknowledged message is looked for among those the receiver took.
- The sick endpoints: one where nobody listens, one that answers after ten seconds, one that answers 429. Runs with and
  without them take turns; the interval of the median is that of order statistics.
";

fn rows(measures: &Measures) -> Vec<Row> {
    let mut rows = Vec::new();
    for held in &measures.ceiling {
        let what = format!("signature check only, {} per post", held.changes);
        rows.push(Row::free(what, per_second(held.events_per_s)));
    }
    for ingest in &measures.ingest {
        ingest_rows(measures, ingest, &mut rows);
    }
    if let Some(approval) = &measures.approval {
        let text = format!(
            "{:.2} s (p50 {:.2} s, worst {:.2} s, of {}; {} not live)",
            approval.live_p95_s, approval.live_p50_s, approval.live_max_s, approval.numbers, approval.not_live
        );
        let met = approval.live_p95_s <= goal::APPROVAL_P95_S && approval.not_live == 0;
        rows.push(Row::goal("approval to live, p95", text, format!("≤ {} s", goal::APPROVAL_P95_S), met));
    }
    for (engine, steady) in &measures.steady {
        let engine = engine.as_str();
        let idle = format!("{:.1} MB ({:.1} MB of it its own)", steady.idle.rss_mb, steady.idle.anonymous_mb);
        let met = steady.idle.rss_mb <= goal::IDLE_MB;
        rows.push(Row::goal(format!("{engine}: memory at rest"), idle, format!("≤ {} MB", goal::IDLE_MB), met));
        let start = format!(
            "{:.0} ms (slowest of {}: {:.0} ms)",
            steady.cold_start_ms, steady.starts, steady.cold_start_max_ms
        );
        let met = steady.cold_start_ms <= goal::COLD_START_MS;
        rows.push(Row::goal(format!("{engine}: cold start"), start, format!("≤ {} ms", goal::COLD_START_MS), met));
    }
    if let Some(size) = measures.binary_mb {
        let what = format!("size of the program, profile {}", measures.occasion.profile);
        let goal = format!("≤ {} MB", goal::BINARY_MB);
        rows.push(Row::goal(what, format!("{size:.1} MB"), goal, size <= goal::BINARY_MB));
    }
    rows
}

fn ingest_rows(measures: &Measures, ingest: &Ingest, rows: &mut Vec<Row>) {
    let held = &ingest.held;
    let slow = if ingest.fsync_added_ms > 0 { format!(", fsync +{} ms", ingest.fsync_added_ms) } else { String::new() };
    let name = format!("{}, {} per post{slow}", ingest.engine.as_str(), held.changes);
    let has_goal = held.changes == 1 && ingest.fsync_added_ms == 0;
    let rate = format!(
        "{} ({:.1} µs of the server's processor each)",
        per_second(held.events_per_s),
        held.server_us_per_event
    );
    rows.push(if has_goal {
        let goal = format!("≥ {}", per_second(goal::EVENTS_PER_S));
        Row::goal(
            format!("{name}: held for {:.0} s", measures.pace.hold),
            rate,
            goal,
            held.events_per_s >= goal::EVENTS_PER_S,
        )
    } else {
        Row::free(format!("{name}: held for {:.0} s", measures.pace.hold), rate)
    });
    let same = measures.ceiling.iter().filter(|ceiling| ceiling.changes == held.changes);
    let ceiling = same.map(|ceiling| ceiling.events_per_s).fold(0.0, f64::max);
    if ceiling > 0.0 && ingest.fsync_added_ms == 0 {
        let share = held.events_per_s / ceiling;
        let goal = format!("≥ {:.0} %", goal::SHARE_OF_CEILING * 100.0);
        let met = share >= goal::SHARE_OF_CEILING;
        rows.push(Row::goal(format!("{name}: share of the ceiling"), format!("{:.0} %", share * 100.0), goal, met));
    }
    if let Some(half) = &held.half {
        let times = format!(
            "p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, worst {:.0} ms",
            half.p50_ms, half.p99_ms, half.p999_ms, half.max_ms
        );
        let what = format!("{name}: at half of it");
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
    let text = format!("{} of {} ({} missing, {} twice)", found.stored, found.acknowledged, found.missing, found.twice);
    rows.push(Row::goal(format!("{name}: acknowledged and in the database once"), text, "all", found.is_right()));
}

/// 12345.6 as `12,300/s`: no more digits than are true.
pub(super) fn per_second(rate: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are small and not negative")]
    let hundreds = (rate / 100.0).round() as u64;
    let (thousands, rest) = (hundreds / 10, (hundreds % 10) * 100);
    if thousands == 0 { format!("{rest}/s") } else { format!("{thousands},{rest:03}/s") }
}
