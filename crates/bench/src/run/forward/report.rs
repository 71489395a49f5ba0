//! Forwarding in tables and documents: what was measured, what the goal is, whether it is met. Hides nothing,
//! measures nothing.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::backlog::{self, Backlog};
use super::delivered::Delivered;
use super::fan_out::FanOut;
use super::isolation::Isolation;
use super::{Forwarding, Passage, soak};
use crate::run::occasion::Occasion;
use crate::run::report::{Row, per_second, print_table, table};
use crate::run::samples::Samples;

/// Goals of the issue.
mod goal {
    pub(super) const P50_MS: f64 = 20.0;
    pub(super) const SHARE: f64 = 0.95;
}

/// So many points of a curve are printed.
const POINTS: usize = 24;

/// How wide a bar is at the most.
const BAR: f64 = 48.0;

/// Everything, one part after the other. `ceiling` is the signature check alone, where it was measured.
pub(crate) fn rows(forwarding: &Forwarding, ceiling: Option<f64>) -> Vec<Row> {
    let mut rows = Vec::new();
    for delivered in &forwarding.delivered {
        delivered_rows(delivered, ceiling, &mut rows);
    }
    for fan_out in &forwarding.fan_out {
        fan_out_rows(fan_out, &mut rows);
    }
    for backlog in &forwarding.backlog {
        backlog_rows(backlog, &mut rows);
    }
    for isolation in &forwarding.isolation {
        isolation_rows(isolation, &mut rows);
    }
    rows
}

fn delivered_rows(it: &Delivered, ceiling: Option<f64>, rows: &mut Vec<Row>) {
    let name = it.engine.as_str();
    if let Some(held) = &it.held {
        let share = ceiling.filter(|ceiling| *ceiling > 0.0).map(|ceiling| held.came.per_second() / ceiling * 100.0);
        let share = share.map(|share| format!(", {share:.0} % of the signature check alone")).unwrap_or_default();
        let text = format!(
            "{} ({:.0} µs of the server's processor each{share})",
            per_second(held.came.per_second()),
            held.server_us_per_message
        );
        rows.push(Row::free(format!("{name}: delivered as fast as posted, at most"), text));
    }
    let flood =
        format!("{}; p99 of the answers {:.1} ms", per_second(it.flood.came.per_second()), it.flood.sent.p99_ms);
    rows.push(Row::free(format!("{name}: delivered while more is posted than that"), flood));
    if let Some(half) = &it.half {
        let what = format!("{name}: due until delivered, at {}", per_second(half.sent.rate));
        let met = half.came.p50_ms <= goal::P50_MS && half.missing == 0;
        rows.push(Row::goal(what, times(half), format!("p50 ≤ {} ms", goal::P50_MS), met));
    }
    if let Some(half) = &it.half_of_ingest {
        let what = format!("{name}: the same at half of what is acknowledged, {}", per_second(half.sent.rate));
        let text = format!("{}; {:.1} s behind at the end", times(half), half.came.behind_ms / 1000.0);
        let met = half.came.p50_ms <= goal::P50_MS && half.missing == 0;
        rows.push(Row::goal(what, text, format!("p50 ≤ {} ms", goal::P50_MS), met));
    }
    let all = [Some(&it.flood), it.held.as_ref(), it.half.as_ref(), it.half_of_ingest.as_ref()];
    rows.push(counts(format!("{name}: acknowledged and delivered"), all.into_iter().flatten()));
}

fn fan_out_rows(it: &FanOut, rows: &mut Vec<Row>) {
    let name = it.engine.as_str();
    for width in &it.widths {
        let text = format!(
            "{} in all ({:.0} µs of the server's processor each); at half of it {}",
            per_second(width.full.came.per_second()),
            width.full.server_us_per_message,
            times(&width.half)
        );
        rows.push(Row::free(format!("{name}: one event to {} endpoints", width.endpoints), text));
    }
    let all = it.widths.iter().flat_map(|width| [&width.full, &width.half]);
    rows.push(counts(format!("{name}: acknowledged and delivered to each"), all));
}

/// What piles up before an endpoint.
fn backlog_rows(it: &Backlog, rows: &mut Vec<Row>) {
    let name = format!("{}, {} events before an endpoint that is down", it.engine.as_str(), it.down.stored());
    let (first, last) = it.memory_down.thirds_mb();
    let (first_back, last_back) = it.memory_back().thirds_mb();
    let text = format!(
        "{:.1} MB before; {first:.1} MB and {last:.1} MB in the first and last third, at most {:.1} MB; while it is \
         delivered {first_back:.1} MB and {last_back:.1} MB, at most {:.1} MB; {:.1} MB after",
        it.memory_before.rss_mb,
        it.memory_down.max_mb(),
        it.memory_drain.max_mb(),
        it.memory_after.rss_mb
    );
    rows.push(Row::goal(format!("{name}: memory"), text, "flat", it.is_flat()));
    let text = format!("{}, once it was found to be back ({:.0} s)", per_second(it.drain.per_second()), it.found_s);
    rows.push(Row::free(format!("{name}: delivered"), text));
    let text = format!(
        "{:.1} ms without it, {:.1} ms while it piles up, {:.1} ms while it is delivered (at {})",
        it.before.p99_ms,
        it.down.p99_ms,
        it.meanwhile.p99_ms,
        per_second(it.meanwhile.rate)
    );
    rows.push(Row::free(format!("{name}: p99 of the answers to posts"), text));
    let text = format!("{} missing, {} delivered again, {} strange", it.missing, it.drain.again, it.drain.strange);
    rows.push(Row::goal(format!("{name}: acknowledged and delivered"), text, "all", it.missing == 0));
    let replay = &it.replay;
    let name = format!("{}, {} events asked for again", it.engine.as_str(), replay.events);
    let text = format!(
        "{} of them came, {}; all were marked after {:.1} s; memory at most {:.1} MB",
        replay.again,
        per_second(replay.per_second()),
        replay.marked_s,
        replay.memory.max_mb()
    );
    rows.push(Row::goal(name.clone(), text, "all", replay.is_all_of(it.down.stored() + it.meanwhile.stored())));
    let text = format!(
        "p99 {:.1} ms, worst {:.0} ms (at {})",
        replay.meanwhile.p99_ms,
        replay.meanwhile.max_ms,
        per_second(replay.meanwhile.rate)
    );
    rows.push(Row::free(format!("{name}: answers to posts meanwhile"), text));
}

fn isolation_rows(it: &Isolation, rows: &mut Vec<Row>) {
    let name = it.engine.as_str();
    let share = &it.share;
    let text = format!(
        "{:.1} % of what it takes alone (median of {} pairs; {:.1} % to {:.1} %, {:.1} % sure)",
        share.median * 100.0,
        it.pairs.len(),
        share.from * 100.0,
        share.to * 100.0,
        share.sure * 100.0
    );
    let goal = format!("≥ {:.0} %", goal::SHARE * 100.0);
    let met = share.median >= goal::SHARE && it.missing == 0;
    rows.push(Row::goal(format!("{name}: a healthy endpoint beside a dead, a slow and a busy one"), text, goal, met));
    let pair = |pair: &super::isolation::Pair| format!("{:.0} and {:.0}", pair.alone, pair.beside);
    let pairs: Vec<String> = it.pairs.iter().map(pair).collect();
    rows.push(Row::free(format!("{name}: alone and beside them, messages a second"), pairs.join("; ")));
}

fn times(passage: &Passage) -> String {
    let came = &passage.came;
    format!(
        "p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, worst {:.0} ms",
        came.p50_ms, came.p99_ms, came.p999_ms, came.max_ms
    )
}

fn counts<'a>(what: String, passages: impl Iterator<Item = &'a Passage>) -> Row {
    let (mut taken, mut missing, mut again, mut strange) = (0, 0, 0, 0);
    for Passage { came, missing: lost, .. } in passages {
        taken += came.taken;
        again += came.again;
        strange += came.strange;
        missing += lost;
    }
    let text = format!("{taken} taken, {missing} missing, {again} delivered again, {strange} strange");
    Row::goal(what, text, "all", missing == 0 && strange == 0)
}

/// Prints the result of `bench backlog`.
pub(super) fn print_backlog(measures: &backlog::Measures) {
    print_table(&measures.occasion, &backlog_table(measures));
}

fn backlog_table(measures: &backlog::Measures) -> Vec<Row> {
    let mut rows = Vec::new();
    for backlog in &measures.backlog {
        backlog_rows(backlog, &mut rows);
    }
    rows
}

/// Writes the document of `bench backlog`.
pub(super) fn write_backlog(measures: &backlog::Measures, path: &Path) -> anyhow::Result<()> {
    let curves = measures.backlog.iter().map(|it| (it.engine.as_str(), it.memory()));
    document(BACKLOG, &measures.occasion, &backlog_table(measures), curves, measures, path)
}

/// Prints the result of `bench soak`.
pub(super) fn print_soak(measures: &soak::Measures) {
    print_table(&measures.occasion, &soak_table(measures));
}

fn soak_table(measures: &soak::Measures) -> Vec<Row> {
    let mut rows = Vec::new();
    for it in &measures.soaked {
        let name = format!("{}, {:.0} s at {}", it.engine.as_str(), it.lasted, per_second(it.passage.sent.rate));
        let (first, last) = it.memory.thirds_mb();
        let text = format!(
            "{first:.1} MB in the first third, {last:.1} MB in the last, at most {:.1} MB; {:+.1} MB an hour by the best \
             line through the rest",
            it.memory.max_mb(),
            it.memory.slope_mb_per_hour()
        );
        rows.push(Row::goal(format!("{name}: memory"), text, "flat", it.memory.is_flat()));
        rows.push(Row::free(format!("{name}: due until delivered"), times(&it.passage)));
        let answers = format!("p50 {:.1} ms, p99 {:.1} ms", it.passage.sent.p50_ms, it.passage.sent.p99_ms);
        rows.push(Row::free(format!("{name}: answers to posts"), answers));
        rows.push(counts(format!("{name}: acknowledged and delivered"), std::iter::once(&it.passage)));
    }
    rows
}

/// Writes the document of `bench soak`.
pub(super) fn write_soak(measures: &soak::Measures, path: &Path) -> anyhow::Result<()> {
    let curves = measures.soaked.iter().map(|it| (it.engine.as_str(), it.memory.clone()));
    document(SOAK, &measures.occasion, &soak_table(measures), curves, measures, path)
}

const BACKLOG: &str = "# Backlog\n\nWritten by `make backlog`; do not edit. One endpoint answers 503 while its events pile up, then \
takes what comes, and asks for all of it again. Flat: while they pile up, and again from when it is found to be back until all is \
delivered, the last third holds at most a tenth, or 5 MB, more than the first.\n\n";

const SOAK: &str = "# Soak\n\nWritten by `make soak`; do not edit. A steady load, every message forwarded to one endpoint, the \
product's memory looked at all along. Flat: the last third holds at most a tenth, or 5 MB, more than the first.\n\n";

fn document<'a>(
    head: &str,
    occasion: &Occasion,
    rows: &[Row],
    curves: impl Iterator<Item = (&'a str, Samples)>,
    raw: &impl Serialize,
    path: &Path,
) -> anyhow::Result<()> {
    let mut text = String::from(head);
    for line in occasion.lines() {
        writeln!(text, "- {line}")?;
    }
    text.push_str(&table(rows));
    for (name, samples) in curves {
        writeln!(text, "\n## {name}: resident memory\n\n```text\n{}```", curve(&samples))?;
    }
    writeln!(text, "\n## Raw figures\n\n```json\n{}\n```", serde_json::to_string(raw)?)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

/// A line each: when, how much, and as long a bar.
fn curve(samples: &Samples) -> String {
    let most = samples.max_mb().max(1.0);
    let line = |sample: &crate::run::samples::Sample| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most as wide as a bar")]
        let width = (sample.memory.rss_mb / most * BAR).round() as usize;
        format!("{:>6.0} s {:>6.1} MB {}\n", sample.at_s, sample.memory.rss_mb, "#".repeat(width))
    };
    samples.thinned(POINTS).map(line).collect()
}
