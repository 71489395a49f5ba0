//! Tables of results: rows with goals, printed on a terminal or written as Markdown. Must not know what is measured.

use comfy_table::Table;

use super::run_context::RunContext;

/// One row of a table of results.
pub(crate) struct Row {
    what: String,
    measured: String,
    goal: String,
    /// Whether the goal is met; `None` without a goal.
    met: Option<bool>,
}

impl Row {
    /// A row without a goal.
    pub(crate) fn free(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { what: what.into(), measured: measured.into(), goal: String::new(), met: None }
    }

    /// A row with a goal.
    pub(crate) fn goal(
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

/// Prints the circumstances and a table of rows.
#[expect(clippy::print_stdout, reason = "the result of the program")]
pub(crate) fn print_table(context: &RunContext, rows: &[Row]) {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY).set_header(["what", "measured", "goal", "met"]);
    for row in rows {
        table.add_row([row.what.as_str(), &row.measured, &row.goal, row.met()]);
    }
    println!("{}\n{table}", context.lines().join("\n"));
}

/// A Markdown table of rows.
pub(crate) fn table(rows: &[Row]) -> String {
    let line = |row: &Row| format!("| {} | {} | {} | {} |\n", row.what, row.measured, row.goal, row.met());
    let lines: String = rows.iter().map(line).collect();
    format!("\n| what | measured | goal | met |\n|---|---|---|---|\n{lines}")
}

/// Formats 12345.6 as `12,300/s`: more digits would not be accurate.
pub(crate) fn per_second(rate: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are small and not negative")]
    let hundreds = (rate / 100.0).round() as u64;
    let (thousands, rest) = (hundreds / 10, (hundreds % 10) * 100);
    if thousands == 0 { format!("{rest}/s") } else { format!("{thousands},{rest:03}/s") }
}
