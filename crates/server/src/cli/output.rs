//! What a command prints: tables and text for people, JSON for programs. The only place that writes to
//! standard output and standard error. A reader that closed its end of a pipe is not an error.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Result of a command that ran to its end; an error is the other case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CommandStatus {
    Success,
    /// Exit status 3: the command ran, and its result is negative. A check failed, a number is not live.
    Negative,
}

impl CommandStatus {
    pub(super) const fn success_if(is_success: bool) -> Self {
        if is_success { Self::Success } else { Self::Negative }
    }
}

/// Where and in which form a command prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether a program reads the output.
    pub(super) const fn is_json(self) -> bool {
        self.json
    }

    /// Whether a person watches the output on a terminal, which can be redrawn.
    pub(super) fn is_terminal(self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Prints a text unchanged, also when JSON was asked for.
    #[expect(clippy::unused_self, reason = "everything that prints goes through an Output")]
    pub(super) fn print_text(self, text: &str) -> anyhow::Result<CommandStatus> {
        let mut out = io::stdout().lock();
        let end = if text.ends_with('\n') { "" } else { "\n" };
        match write!(out, "{text}{end}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(CommandStatus::Success),
        }
    }

    /// Prints a value as indented JSON, also when JSON was not asked for.
    pub(super) fn print_json(self, value: &impl Serialize) -> anyhow::Result<CommandStatus> {
        self.print_text(&serde_json::to_string_pretty(value)?)
    }

    /// Prints a value as one line of JSON, for a program that reads line by line.
    pub(super) fn print_json_line(self, value: &impl Serialize) -> anyhow::Result<CommandStatus> {
        self.print_text(&serde_json::to_string(value)?)
    }

    /// Prints `value` as JSON for a program, or `text` for a person.
    pub(super) fn print(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<CommandStatus> {
        if self.json { self.print_json(value) } else { self.print_text(&text()) }
    }

    /// A progress bar with `length` steps; hidden unless standard error is a terminal.
    pub(super) fn progress(self, length: usize, message: &'static str) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX)).with_style(style).with_message(message)
    }

    /// A running count, for work of unknown length; hidden unless standard error is a terminal.
    pub(super) fn counter(self, message: &'static str) -> ProgressBar {
        if self.json || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        ProgressBar::new_spinner()
            .with_style(
                ProgressStyle::with_template("{spinner} {pos} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            )
            .with_message(message)
    }

    /// Prints an error and its causes to standard error.
    pub(super) fn print_error(self, error: &anyhow::Error) -> ExitCode {
        let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
        let text = if self.json {
            serde_json::json!({ "error": causes.first(), "causes": causes.get(1..) }).to_string()
        } else {
            let mut lines = causes.iter();
            let first = lines.next().map_or("", String::as_str);
            lines.fold(format!("error: {first}"), |text, cause| format!("{text}\n  because: {cause}"))
        };
        // there is no other place to report that standard error is closed
        let _ = writeln!(io::stderr().lock(), "{text}");
        ExitCode::FAILURE
    }
}

/// An empty table with this header, at most as wide as the terminal.
pub(super) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}

/// The table as text, or `when_empty` if it has no rows.
pub(super) fn table_or(table: &Table, when_empty: &str) -> String {
    if table.is_empty() { when_empty.to_owned() } else { table.trim_fmt() }
}
