//! The page of `bench conformance`: one row for each case, one column for each receiver. Must not judge results.

use std::fmt::Write as _;
use std::path::Path;

use super::{Case, Column, Measures};

const HEAD: &str = "# Conformance\n\nWritten by `make conformance-peers`; do not edit. `linekeeper conformance` sends each receiver \
valid and forged posts; an observation hook of each receiver reports the messages it handled.\n\n";

/// Writes the page with all results.
pub(super) fn write(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let mut text = String::from(HEAD);
    let machine = &measures.machine;
    writeln!(text, "- {}, commit {}", measures.date.strftime("%Y-%m-%d %H:%M UTC"), machine.commit)?;
    writeln!(text, "- {}, {} cores; build profile {}", machine.processor, machine.cores, measures.profile)?;
    for Column { name, versions, stores, .. } in &measures.columns {
        writeln!(text, "- {name}: {versions}. Stored before the answer: {stores}.")?;
    }
    let names: Vec<&str> = measures.columns.iter().map(|column| column.name).collect();
    writeln!(text, "\n| case | a receiver must | {} |", names.join(" | "))?;
    writeln!(text, "|---|---|{}", "---|".repeat(names.len()))?;
    let first = measures.columns.first().map_or(&[][..], |column| column.report.cases.as_slice());
    for (at, case) in first.iter().enumerate() {
        let cells: Vec<String> =
            measures.columns.iter().map(|column| column.report.cases.get(at).map(cell).unwrap_or_default()).collect();
        writeln!(text, "| {} | {} | {} |", case.name, case.expected, cells.join(" | "))?;
    }
    let sums = measures.columns.iter().map(|column| {
        let report = &column.report;
        let unknown = if report.unknown > 0 { format!(", {} unknown", report.unknown) } else { String::new() };
        format!("{} passed, {} failed{unknown}", report.passed, report.failed)
    });
    writeln!(text, "| | | {} |", sums.collect::<Vec<_>>().join(" | "))?;
    writeln!(text, "{EXPLANATION}")?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

const EXPLANATION: &str = "
Each cell shows the verdict, the statuses of the answers, and how many messages of the case were handled exactly once. The answer time
is that of single posts to an idle receiver; [other measurements](peers.md) show the rates that receivers sustain. The peers are
written for this comparison; [their README](../../bench/peers/README.md) describes them.";

fn cell(case: &Case) -> String {
    let verdict = match case.result.as_str() {
        "pass" => "pass",
        "fail" => "**FAIL**",
        _ => "unknown",
    };
    let handled = match (case.messages, case.handled_once, case.handled_more_than_once) {
        (0, ..) | (_, None, _) => String::new(),
        (messages, Some(once), None | Some(0)) => format!("; {once} of {messages}"),
        (messages, Some(once), Some(more)) => format!("; {once} of {messages}, {more} more than once"),
    };
    format!("{verdict}: {}{handled}", case.observed)
}
