//! The table and the JSON of a run. Must not judge.

use serde_json::{Value, json};
use url::Url;

use super::super::Verdict as Ending;
use super::super::output::{Output, table};
use super::cases::Case;
use super::judge::{Judged, Verdict};
use super::observe::Seen;

/// A case with what came of it.
#[derive(Debug)]
pub(super) struct Row {
    case: &'static str,
    must: &'static str,
    judged: Judged,
    messages: usize,
    seen: Option<Seen>,
}

impl Row {
    pub(super) fn new(case: &Case, judged: Judged, seen: Option<Seen>) -> Self {
        Self { case: case.name, must: case.must, judged, messages: case.messages().len(), seen }
    }

    /// How many of its messages were handled exactly once, for people.
    fn handled(&self) -> String {
        match self.seen {
            _ if self.messages == 0 => "–".to_owned(),
            None => "not observed".to_owned(),
            Some(Seen { of, once, more: 0 }) => format!("{once} of {of}"),
            Some(Seen { of, once, more }) => format!("{once} of {of}, {more} more than once"),
        }
    }

    fn as_json(&self) -> Value {
        json!({ "case": self.case, "must": self.must, "did": self.judged.did,
            "result": word(self.judged.verdict).to_lowercase(), "messages": self.messages,
            "handled_once": self.seen.map(|seen| seen.once), "handled_more_than_once": self.seen.map(|seen| seen.more) })
    }
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Unknown => "unknown",
    }
}

/// Prints a run.
pub(super) fn show(url: &Url, rows: &[Row], output: Output) -> anyhow::Result<Ending> {
    let count = |verdict: Verdict| rows.iter().filter(|row| row.judged.verdict == verdict).count();
    let (passed, failed, unknown) = (count(Verdict::Pass), count(Verdict::Fail), count(Verdict::Unknown));
    let cases: Vec<Value> = rows.iter().map(Row::as_json).collect();
    let whole = json!({ "url": url.as_str(), "passed": passed, "failed": failed, "unknown": unknown, "cases": cases });
    output.either(&whole, || {
        let mut table = table(["case", "what a receiver must do", "what it did", "handled once", ""]);
        for row in rows {
            let cells = [row.case, row.must, &row.judged.did, &row.handled(), word(row.judged.verdict)];
            table.add_row(cells);
        }
        format!("{}\n\n{passed} passed, {failed} failed, {unknown} unknown", table.trim_fmt())
    })?;
    Ok(if failed > 0 { Ending::NotWell } else { Ending::Well })
}
