//! The page of `bench consumers`: the checks of the set-up, then one row for each case. Must not judge results.

use std::fmt::Write as _;
use std::path::Path;

use super::{CaseResult, HandledUpdate, Measures};

const HEAD: &str = "# An independent consumer\n\nWritten by `make consumers`; do not edit. pywa runs with its own FastAPI route, \
signature check and handshake. It knows only the secret and the verify token of an endpoint, and reads what Linekeeper forwards in \
the format `meta` as if Meta had posted it. [Its handlers](../../bench/peers/pywa/consumer.py) record the updates they get.\n\n";

const EXPLANATION: &str = "
Every post goes to both sides: to Linekeeper, signed like Meta's, which forwards it to one pywa; and directly to another pywa that
knows Meta's secret. *Expected* are the updates of this account. A cell shows how many of them the handlers got, compared by id,
number, account, sender and content. The two may differ in one direction only: pywa reads the first change of a post, while
Linekeeper forwards each change as a post of its own, so that pywa gets more through Linekeeper than from Meta's own batch. Of
several messages in one change pywa reads the first in both cases; in this format Linekeeper does not split a change. The [notes on
pywa](../../bench/peers/README.md) list its other requirements.";

/// Writes the page with all results.
pub(super) fn write(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let mut text = String::from(HEAD);
    let machine = &measures.machine;
    writeln!(text, "- {}, commit {}", measures.date.strftime("%Y-%m-%d %H:%M UTC"), machine.commit)?;
    writeln!(text, "- linekeeper {}, SQLite; build profile {}", env!("CARGO_PKG_VERSION"), measures.profile)?;
    writeln!(text, "- {}", measures.versions)?;
    writeln!(text, "- posts of other tenants' accounts that reached pywa: {}\n", measures.foreign)?;
    writeln!(text, "| check of the set-up | observed |\n|---|---|")?;
    for setup_checks in &measures.setup_checks {
        writeln!(text, "| {} | {} |", setup_checks.what, setup_checks.observed)?;
    }
    writeln!(
        text,
        "\n| Meta posts | expected | directly from Meta | through Linekeeper | result |\n|---|---|---|---|---|"
    )?;
    for results in &measures.results {
        let verdict = if results.is_complete() { "right" } else { "**WRONG**" };
        let (due, direct, forwarded) =
            (due(results), cell(results, &results.direct), cell(results, &results.forwarded));
        writeln!(text, "| {} | {due} | {direct} | {forwarded} | {verdict} |", results.case.name)?;
    }
    writeln!(text, "{EXPLANATION}")?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

/// The expected updates by handler, for example `2 message, 1 button`.
fn due(results: &CaseResult) -> String {
    let due = &results.case.due;
    let by_handler = due.chunk_by(|one, next| one.handler == next.handler);
    let words = by_handler.filter_map(|same| same.first().map(|first| format!("{} {}", same.len(), first.handler)));
    let words: Vec<String> = words.collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn cell(results: &CaseResult, handed: &[HandledUpdate]) -> String {
    let due = &results.case.due;
    let right = due.iter().filter(|due| handed.contains(due)).count();
    let more = handed.len().saturating_sub(right);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{right} of {}{more}", due.len())
}
