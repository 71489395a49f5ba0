//! Tables, plots and pages about forwarding. Must not measure anything or leave out a result.

use std::path::Path;

use super::backlog::{self, Backlog};
use super::delivered::Delivered;
use super::fan_out::FanOut;
use super::forwarding_rig::LoadResult;
use super::isolation::{Isolation, Pair};
use super::{Forwarding, soak};
use crate::run::page::Page;
use crate::run::plot::{Bar, Line, bar_chart, line_chart};
use crate::run::samples::Samples;
use crate::run::table::{Row, per_second, print_table, table};

/// The goals that the project sets itself.
mod goal {
    pub(super) const P50_MS: f64 = 20.0;
    pub(super) const SHARE: f64 = 0.95;
}

/// Points of a line in a plot.
const POINTS: usize = 160;

/// The rows of every part; `ceiling` is the rate of the signature check alone, if it was measured.
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
    let name = it.engine;
    if let Some(sustained) = &it.sustained {
        let share =
            ceiling.filter(|ceiling| *ceiling > 0.0).map(|ceiling| sustained.received.per_second() / ceiling * 100.0);
        let share = share.map(|share| format!(", {share:.0} % of the signature check alone")).unwrap_or_default();
        let text = format!(
            "{} ({:.0} µs of the product's processor time each{share})",
            per_second(sustained.received.per_second()),
            sustained.server_us_per_message
        );
        rows.push(Row::free(format!("{name}: highest rate that forwarding keeps up with"), text));
    }
    let flood =
        format!("{}; p99 of the answers {:.1} ms", per_second(it.flood.received.per_second()), it.flood.sent.p99_ms);
    rows.push(Row::free(format!("{name}: deliveries at overload"), flood));
    if let Some(half) = &it.half {
        let what = format!("{name}: time until delivered, at {}", per_second(half.sent.rate));
        let met = half.received.p50_ms <= goal::P50_MS && half.missing == 0;
        rows.push(Row::goal(what, times(half), format!("p50 ≤ {} ms", goal::P50_MS), met));
    }
    if let Some(half) = &it.half_of_ingest {
        let what = format!("{name}: time until delivered, at half of the stored rate, {}", per_second(half.sent.rate));
        let text = format!("{}; lag of {:.1} s at the end", times(half), half.received.lag_ms / 1000.0);
        let met = half.received.p50_ms <= goal::P50_MS && half.missing == 0;
        rows.push(Row::goal(what, text, format!("p50 ≤ {} ms", goal::P50_MS), met));
    }
    let all = [Some(&it.flood), it.sustained.as_ref(), it.half.as_ref(), it.half_of_ingest.as_ref()];
    rows.push(counts(format!("{name}: acknowledged and delivered"), all.into_iter().flatten()));
}

fn fan_out_rows(it: &FanOut, rows: &mut Vec<Row>) {
    let name = it.engine;
    for width in &it.widths {
        let text = format!(
            "{} in all ({:.0} µs of the product's processor time each); at half of that {}",
            per_second(width.full.received.per_second()),
            width.full.server_us_per_message,
            times(&width.half)
        );
        rows.push(Row::free(format!("{name}: one event to {} endpoints", width.endpoints), text));
    }
    let all = it.widths.iter().flat_map(|width| [&width.full, &width.half]);
    rows.push(counts(format!("{name}: acknowledged and delivered to each"), all));
}

fn backlog_rows(it: &Backlog, rows: &mut Vec<Row>) {
    let name = format!("{}, backlog of {} events", it.engine, it.down.stored());
    let (first, last) = it.memory_down.thirds_mb();
    let (first_back, last_back) = it.memory_back().thirds_mb();
    let text = format!(
        "{:.1} MB before; first and last third {first:.1} MB and {last:.1} MB, at most {:.1} MB; while it is delivered \
         {first_back:.1} MB and {last_back:.1} MB, at most {:.1} MB; {:.1} MB after",
        it.memory_before.rss_mb,
        it.memory_down.max_mb(),
        it.memory_drain.max_mb(),
        it.memory_after.rss_mb
    );
    rows.push(Row::goal(format!("{name}: memory"), text, "flat", it.is_flat()));
    let text =
        format!("{} after the return was detected (after {:.0} s)", per_second(it.drain.per_second()), it.detected_s);
    rows.push(Row::free(format!("{name}: delivered"), text));
    let text = format!(
        "{:.1} ms before, {:.1} ms while it grows, {:.1} ms while it is delivered (at {})",
        it.before.p99_ms,
        it.down.p99_ms,
        it.meanwhile.p99_ms,
        per_second(it.meanwhile.rate)
    );
    rows.push(Row::free(format!("{name}: p99 of the answers to posts"), text));
    let text =
        format!("{} missing, {} duplicates, {} unrecognized", it.missing, it.drain.duplicates, it.drain.unrecognized);
    rows.push(Row::goal(format!("{name}: acknowledged and delivered"), text, "all", it.missing == 0));
    let Some(replay) = &it.replay else { return };
    let name = format!("{}, replay of {} events", it.engine, replay.events);
    let text = format!(
        "{} delivered again, {}; all marked after {:.1} s; memory at most {:.1} MB",
        replay.redelivered,
        per_second(replay.per_second()),
        replay.marked_s,
        replay.memory.max_mb()
    );
    rows.push(Row::goal(name.clone(), text, "all", replay.is_complete(it.down.stored() + it.meanwhile.stored())));
    let text = format!(
        "p99 {:.1} ms, slowest {:.0} ms (at {})",
        replay.meanwhile.p99_ms,
        replay.meanwhile.max_ms,
        per_second(replay.meanwhile.rate)
    );
    rows.push(Row::free(format!("{name}: answers to posts"), text));
}

fn isolation_rows(it: &Isolation, rows: &mut Vec<Row>) {
    let name = it.engine;
    let share = &it.share;
    let text = format!(
        "{:.1} % of its rate alone (median of {} pairs; {:.1} % to {:.1} %, confidence {:.1} %)",
        share.median * 100.0,
        it.pairs.len(),
        share.from * 100.0,
        share.to * 100.0,
        share.confidence * 100.0
    );
    let goal = format!("≥ {:.0} %", goal::SHARE * 100.0);
    let met = share.median >= goal::SHARE && it.missing == 0;
    rows.push(Row::goal(format!("{name}: a healthy endpoint beside three failing ones"), text, goal, met));
    let pair = |pair: &Pair| format!("{:.0} and {:.0}", pair.alone, pair.beside);
    let pairs: Vec<String> = it.pairs.iter().map(pair).collect();
    rows.push(Row::free(format!("{name}: alone and beside them, messages per second"), pairs.join("; ")));
}

fn times(result: &LoadResult) -> String {
    let received = &result.received;
    format!(
        "p50 {:.1} ms, p99 {:.1} ms, p99.9 {:.1} ms, slowest {:.0} ms",
        received.p50_ms, received.p99_ms, received.p999_ms, received.max_ms
    )
}

fn counts<'a>(what: String, results: impl Iterator<Item = &'a LoadResult>) -> Row {
    let (mut accepted, mut missing, mut duplicates, mut unrecognized) = (0, 0, 0, 0);
    for LoadResult { received, missing: lost, .. } in results {
        accepted += received.accepted;
        duplicates += received.duplicates;
        unrecognized += received.unrecognized;
        missing += lost;
    }
    let text = format!("{accepted} delivered, {missing} missing, {duplicates} duplicates, {unrecognized} unrecognized");
    Row::goal(what, text, "all", missing == 0 && unrecognized == 0)
}

/// Bars of the delivery rates over every engine.
pub(crate) fn plots(forwarding: &Forwarding) -> Vec<(&'static str, &'static str, String)> {
    let bar = |name: String, rate: f64| Bar { name, value: rate, label: per_second(rate) };
    let mut bars = Vec::new();
    for it in &forwarding.delivered {
        let sustained = it.sustained.as_ref();
        bars.extend(sustained.map(|result| bar(format!("{}, sustained", it.engine), result.received.per_second())));
        bars.push(bar(format!("{}, at overload", it.engine), it.flood.received.per_second()));
    }
    for it in &forwarding.fan_out {
        bars.extend(it.widths.iter().map(|width| {
            bar(format!("{}, {} endpoints", it.engine, width.endpoints), width.full.received.per_second())
        }));
    }
    for it in &forwarding.backlog {
        bars.push(bar(format!("{}, backlog of {}", it.engine, it.down.stored()), it.drain.per_second()));
    }
    if bars.is_empty() {
        return Vec::new();
    }
    let svg = bar_chart("Rate of deliveries", "messages per second, all endpoints together", &bars);
    vec![("forwarding", "Bars: rate of deliveries", svg)]
}

/// Prints the result of `bench backlog`.
pub(crate) fn print_backlog(measures: &backlog::Measures) {
    print_table(&measures.context, &backlog_table(measures));
}

fn backlog_table(measures: &backlog::Measures) -> Vec<Row> {
    let mut rows = Vec::new();
    for backlog in &measures.backlog {
        backlog_rows(backlog, &mut rows);
    }
    rows
}

/// Writes the page of `bench backlog` and its plots.
pub(crate) fn write_backlog(measures: &backlog::Measures, path: &Path) -> anyhow::Result<()> {
    let mut page = Page::new(path, "Backlog", BACKLOG)?;
    page.push_list(&measures.context.lines());
    page.push(&table(&backlog_table(measures)));
    let lines: Vec<Line> = measures.backlog.iter().map(|it| line(it.engine.to_string(), &it.memory())).collect();
    page.push_plot(
        "memory",
        "Lines: resident memory while the backlog grows and is delivered",
        &line_chart("Resident memory while the backlog grows and is delivered", SECONDS, MEGABYTES, &lines),
    )?;
    let replays = measures.backlog.iter().filter_map(|it| Some((it.engine, it.replay.as_ref()?)));
    let lines: Vec<Line> = replays.map(|(engine, replay)| line(engine.to_string(), &replay.memory)).collect();
    page.push_plot(
        "replay",
        "Lines: resident memory during the replay",
        &line_chart("Resident memory during the replay", SECONDS, MEGABYTES, &lines),
    )?;
    page.finish()
}

/// Prints the result of `bench soak`.
pub(crate) fn print_soak(measures: &soak::Measures) {
    print_table(&measures.context, &soak_table(measures));
}

fn soak_table(measures: &soak::Measures) -> Vec<Row> {
    let mut rows = Vec::new();
    for it in &measures.runs {
        let name = format!("{}, {:.0} s at {}", it.engine, it.seconds, per_second(it.result.sent.rate));
        let (first, last) = it.memory.thirds_mb();
        let text = format!(
            "mean of the first third {first:.1} MB, of the last third {last:.1} MB, at most {:.1} MB; slope after the first \
             third {:+.1} MB an hour",
            it.memory.max_mb(),
            it.memory.slope_mb_per_hour()
        );
        rows.push(Row::goal(format!("{name}: memory"), text, "flat", it.memory.is_flat()));
        rows.push(Row::free(format!("{name}: time until delivered"), times(&it.result)));
        let answers = format!("p50 {:.1} ms, p99 {:.1} ms", it.result.sent.p50_ms, it.result.sent.p99_ms);
        rows.push(Row::free(format!("{name}: answers to posts"), answers));
        rows.push(counts(format!("{name}: acknowledged and delivered"), std::iter::once(&it.result)));
    }
    rows
}

/// Writes the page of `bench soak` and its plot.
pub(crate) fn write_soak(measures: &soak::Measures, path: &Path) -> anyhow::Result<()> {
    let mut page = Page::new(path, "Soak", SOAK)?;
    page.push_list(&measures.context.lines());
    page.push(&table(&soak_table(measures)));
    let lines: Vec<Line> = measures.runs.iter().map(|it| line(it.engine.to_string(), &it.memory)).collect();
    let title = "Resident memory under a steady load";
    page.push_plot(
        "memory",
        "Lines: resident memory under a steady load",
        &line_chart(title, SECONDS, MEGABYTES, &lines),
    )?;
    page.finish()
}

fn line(name: String, samples: &Samples) -> Line {
    Line { name, points: samples.thinned(POINTS).map(|sample| (sample.at_s, sample.memory.rss_mb)).collect() }
}

const SECONDS: &str = "seconds since the start of the load";
const MEGABYTES: &str = "resident memory in MB";

const BACKLOG: &str = "Written by `make backlog`; do not edit. One endpoint answers 503 while its events pile up. Then it \
accepts everything, and requests a replay of all events. Memory is flat if the last third uses at most 10 % or 5 MB more than \
the first third, both while the events pile up and from the detected return until all are delivered.";

const SOAK: &str = "Written by `make soak`; do not edit. A steady load is forwarded to one endpoint while the memory of the \
product is sampled. Memory is flat if the last third uses at most 10 % or 5 MB more than the first third.";
