//! The document of `bench conformance`: one row a case, one column a receiver, as the suite told it.

use std::fmt::Write as _;
use std::path::Path;

use super::{Case, Column, Measures};

const HEAD: &str = "# Conformance\n\nWritten by `make conformance-peers`; do not edit. `linekeeper conformance` posts to each receiver what Meta would, and \
what a forger would; each tells which messages it handled.\n\n";

/// Writes the document.
pub(super) fn write(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let mut text = String::from(HEAD);
    let machine = &measures.machine;
    writeln!(text, "- {}, commit {}", measures.date.strftime("%Y-%m-%d %H:%M UTC"), machine.commit)?;
    writeln!(text, "- {}, {} cores; build profile {}", machine.processor, machine.cores, measures.profile)?;
    for Column { name, made_of, keeps, .. } in &measures.columns {
        writeln!(text, "- {name}: {made_of}. Kept before the answer: {keeps}.")?;
    }
    let names: Vec<&str> = measures.columns.iter().map(|column| column.name).collect();
    writeln!(text, "\n| case | a receiver must | {} |", names.join(" | "))?;
    writeln!(text, "|---|---|{}", "---|".repeat(names.len()))?;
    let first = measures.columns.first().map_or(&[][..], |column| column.told.cases.as_slice());
    for (at, case) in first.iter().enumerate() {
        let cells: Vec<String> =
            measures.columns.iter().map(|column| column.told.cases.get(at).map(cell).unwrap_or_default()).collect();
        writeln!(text, "| {} | {} | {} |", case.name, case.expected, cells.join(" | "))?;
    }
    let sums = measures.columns.iter().map(|column| {
        let told = &column.told;
        let unknown = if told.unknown > 0 { format!(", {} unknown", told.unknown) } else { String::new() };
        format!("{} passed, {} failed{unknown}", told.passed, told.failed)
    });
    writeln!(text, "| | | {} |", sums.collect::<Vec<_>>().join(" | "))?;
    writeln!(text, "{EXPLAINED}")?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

const EXPLAINED: &str = "
Each cell: the verdict, the answers' statuses, and how many of the case's messages were handled exactly once. The answer time is that of
one post after the other on an idle receiver; how many posts a receiver takes at once is [measured apart](../../bench/peers/README.md).
The peers are written for this comparison, each at its best; [what that means](../../bench/peers/README.md), and what they leave to
whoever uses them.";

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
