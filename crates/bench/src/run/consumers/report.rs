//! The document of `bench consumers`: what was set up, then one row a case, as the consumer's handlers told it.

use std::fmt::Write as _;
use std::path::Path;

use super::{Handed, Measures, Told};

const HEAD: &str = "# A consumer that nobody here wrote\n\nWritten by `make consumers`; do not edit. pywa, on its own FastAPI route with \
its own signature check and handshake, is given an endpoint's secret and verify token and nothing else; it reads what Linekeeper \
forwards in the format `meta` as if Meta had posted it. [Our part of it](../../bench/peers/pywa/consumer.py) is handlers that note what they \
are handed.\n\n";

const EXPLAINED: &str = "
Every post is made once and given to both sides: to Linekeeper, signed as Meta signs, which forwards it to one pywa; and straight to another
pywa that knows Meta's secret. Due is what is this account's; a cell says how much of it handlers were handed, each with its id, its
number, its account, its sender and what it says compared. The two may differ in one direction only: pywa reads the first change of a
post, and Linekeeper forwards each change as a post of its own, so through it pywa is handed what it would leave out of Meta's own batch.
Of several messages in one change pywa reads the first, whoever posts it; Linekeeper does not take a change apart in this format. What
else pywa wants of a post is in [the notes on it](../../bench/peers/README.md).";

/// Writes the document.
pub(super) fn write(measures: &Measures, path: &Path) -> anyhow::Result<()> {
    let mut text = String::from(HEAD);
    let machine = &measures.machine;
    writeln!(text, "- {}, commit {}", measures.date.strftime("%Y-%m-%d %H:%M UTC"), machine.commit)?;
    writeln!(text, "- linekeeper {}, SQLite; build profile {}", env!("CARGO_PKG_VERSION"), measures.profile)?;
    writeln!(text, "- {}", measures.made_of)?;
    writeln!(text, "- posts of another tenant's accounts that reached pywa: {}\n", measures.foreign)?;
    writeln!(text, "| set up | |\n|---|---|")?;
    for seen in &measures.seen {
        writeln!(text, "| {} | {} |", seen.what, seen.saw)?;
    }
    writeln!(text, "\n| Meta posts | due | straight from Meta | through Linekeeper | |\n|---|---|---|---|---|")?;
    for told in &measures.told {
        let verdict = if told.is_right() { "right" } else { "**WRONG**" };
        let (due, direct, forwarded) = (due(told), cell(told, &told.direct), cell(told, &told.forwarded));
        writeln!(text, "| {} | {due} | {direct} | {forwarded} | {verdict} |", told.case.name)?;
    }
    writeln!(text, "{EXPLAINED}")?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)?;
    Ok(())
}

/// How many of each handler's: `2 message, 1 button`.
fn due(told: &Told) -> String {
    let due = &told.case.due;
    let by_handler = due.chunk_by(|one, next| one.handler == next.handler);
    let words = by_handler.filter_map(|same| same.first().map(|first| format!("{} {}", same.len(), first.handler)));
    let words: Vec<String> = words.collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn cell(told: &Told, handed: &[Handed]) -> String {
    let due = &told.case.due;
    let right = due.iter().filter(|due| handed.contains(due)).count();
    let more = handed.len().saturating_sub(right);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{right} of {}{more}", due.len())
}
