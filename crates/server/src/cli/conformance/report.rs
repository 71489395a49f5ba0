//! Prints the results of a run, as a table or as JSON. Must not evaluate.

use serde_json::{Value, json};
use url::Url;

use super::super::output::{CommandStatus, Output, table};
use super::cases::Case;
use super::evaluate::{CaseResult, Evaluation};
use super::observed::MessageCounts;

/// A case with its result.
#[derive(Debug)]
pub(super) struct Row {
    case: &'static str,
    must: &'static str,
    evaluation: Evaluation,
    messages: usize,
    observed: Option<MessageCounts>,
}

impl Row {
    pub(super) fn new(case: &Case, evaluation: Evaluation, observed: Option<MessageCounts>) -> Self {
        Self { case: case.name, must: case.must, evaluation, messages: case.messages().len(), observed }
    }

    /// Number of messages that were handled exactly once, for people.
    fn handled(&self) -> String {
        match self.observed {
            _ if self.messages == 0 => "–".to_owned(),
            None => "not observed".to_owned(),
            Some(MessageCounts { total, once, repeated: 0 }) => format!("{once} of {total}"),
            Some(MessageCounts { total, once, repeated }) => format!("{once} of {total}, {repeated} more than once"),
        }
    }

    fn as_json(&self) -> Value {
        json!({ "case": self.case, "expected": self.must, "observed": self.evaluation.behaviour,
            "result": word(self.evaluation.result).to_lowercase(), "messages": self.messages,
            "handled_once": self.observed.map(|counts| counts.once), "handled_more_than_once": self.observed.map(|counts| counts.repeated) })
    }
}

const fn word(result: CaseResult) -> &'static str {
    match result {
        CaseResult::Pass => "pass",
        CaseResult::Fail => "FAIL",
        CaseResult::Unknown => "unknown",
    }
}

/// Prints the results. The status is negative if a case failed.
pub(super) fn print(url: &Url, rows: &[Row], output: Output) -> anyhow::Result<CommandStatus> {
    let count = |result: CaseResult| rows.iter().filter(|row| row.evaluation.result == result).count();
    let (passed, failed, unknown) = (count(CaseResult::Pass), count(CaseResult::Fail), count(CaseResult::Unknown));
    let cases: Vec<Value> = rows.iter().map(Row::as_json).collect();
    let report = json!({ "url": url.as_str(), "passed": passed, "failed": failed, "unknown": unknown, "cases": cases });
    output.print(&report, || {
        let mut table = table(["case", "expected", "observed", "handled once", "result"]);
        for row in rows {
            let cells = [row.case, row.must, &row.evaluation.behaviour, &row.handled(), word(row.evaluation.result)];
            table.add_row(cells);
        }
        format!("{}\n\n{passed} passed, {failed} failed, {unknown} unknown", table.trim_fmt())
    })?;
    Ok(CommandStatus::success_if(failed == 0))
}
