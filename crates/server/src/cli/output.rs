//! What a command prints: tables and sentences for people, JSON for programs. The only place that
//! writes to standard output and standard error; a reader that went away is not an error.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Verdict;

/// How to print.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Programs read it.
    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// A person watches it, on a terminal that can be redrawn.
    pub(super) fn is_terminal(self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Prints a text as it is.
    #[expect(clippy::unused_self, reason = "printing goes through the one who knows how")]
    pub(super) fn text(self, text: &str) -> anyhow::Result<Verdict> {
        let mut out = io::stdout().lock();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        match write!(out, "{text}{end}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(Verdict::Well),
        }
    }

    /// Prints a value as JSON, whoever reads.
    pub(super) fn json(self, value: &impl Serialize) -> anyhow::Result<Verdict> {
        self.text(&serde_json::to_string_pretty(value)?)
    }

    /// Prints a value as one line of JSON, for a program that reads as it goes.
    pub(super) fn line(self, value: &impl Serialize) -> anyhow::Result<Verdict> {
        self.text(&serde_json::to_string(value)?)
    }

    /// Prints the value for programs, or what `people` makes for people.
    pub(super) fn either(self, value: &impl Serialize, people: impl FnOnce() -> String) -> anyhow::Result<Verdict> {
        if self.json { self.json(value) } else { self.text(&people()) }
    }

    /// A progress bar for a person; nothing where nobody watches.
    pub(super) fn progress(self, length: usize, doing: &'static str) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX)).with_style(style).with_message(doing)
    }

    /// A running count for a person, where the end is not known.
    pub(super) fn counter(self, doing: &'static str) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        ProgressBar::new_spinner()
            .with_style(
                ProgressStyle::with_template("{spinner} {pos} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            )
            .with_message(doing)
    }

    /// Says what went wrong, with every cause once, on standard error.
    pub(super) fn failed(self, error: &anyhow::Error) -> ExitCode {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        let text = if self.json {
            serde_json::json!({ "error": causes.first(), "causes": causes.get(1..) }).to_string()
        } else {
            let mut lines = causes.iter();
            let first = lines.next().map_or("", String::as_str);
            lines.fold(format!("error: {first}"), |text, cause| format!("{text}\n  because: {cause}"))
        };
        // nothing is left to tell when standard error is gone
        let _ = writeln!(io::stderr().lock(), "{text}");
        ExitCode::FAILURE
    }
}

/// A table with this header, as wide as the terminal at most.
pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

/// A sentence where there is nothing to list.
pub(super) fn listing(table: &Table, when_empty: &str) -> String {
    if table.is_empty() { when_empty.to_owned() } else { table.trim_fmt() }
}
