//! Numbers as tables and pages for a terminal, and as JSON for programs. Never prints a token or a PIN.

use comfy_table::{Cell, Color};
use domain::health::{Level, Party};
use domain::registration::ledger::AttemptOutcome;
use jiff::Timestamp;
use serde_json::{Value, json};
use server::flows::number::view::View;
use server::messages as catalogue;

use super::text;
use crate::cli::durations::{ago, until};
use crate::cli::output::{table, table_or};

pub(in crate::cli) fn list(views: &[View], now: Timestamp) -> String {
    let mut table = table(HEADER);
    table.add_rows(views.iter().map(|view| row(view, now)));
    table_or(
        &table,
        "There are no numbers. Numbers are connected by Embedded Signup: POST /api/v1/accounts/<account>/signups",
    )
}

/// Header of the table of numbers; see [`row`].
pub(in crate::cli) const HEADER: [&str; 7] = ["inbox", "number", "name", "level", "whose move", "status", "next step"];

/// One number as a row of the table.
pub(in crate::cli) fn row(view: &View, now: Timestamp) -> [Cell; 7] {
    [
        Cell::new(view.channel.id),
        Cell::new(&view.channel.phone_number),
        Cell::new(&view.channel.name),
        level_cell(view.report.level),
        Cell::new(text::whose(view.report.responsible)),
        Cell::new(text::summary(&view.report)),
        Cell::new(text::next_step(&view.report, &view.registration.decision, now)),
    ]
}

/// The health level, coloured on a terminal with colours.
fn level_cell(level: Level) -> Cell {
    let cell = Cell::new(catalogue::level(level));
    match level {
        Level::Live => cell.fg(Color::Green),
        Level::AtRisk | Level::WaitingForMeta => cell.fg(Color::Yellow),
        Level::ActionNeeded | Level::Blocked => cell.fg(Color::Red),
        Level::Unknown => cell,
    }
}

pub(in crate::cli) fn json_list(views: &[View]) -> Value {
    views.iter().map(json_of).collect()
}

/// One number as JSON.
pub(super) fn json_of(view: &View) -> Value {
    let decision = &view.registration.decision;
    let findings: Vec<Value> = view
        .report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "code": finding.code.into_str(), "whose_move": finding.responsible.into_str(),
                "action": finding.action.map(|action| action.into_str()), "since": finding.since,
                "next_step_at": finding.next_step_at,
            })
        })
        .collect();
    json!({
        "id": view.channel.id.0, "account_id": view.channel.account_id.0, "name": view.channel.name,
        "phone_number": view.channel.phone_number.as_str(),
        "phone_number_id": view.channel.phone_number_id.as_str(), "waba_id": view.channel.waba_id.as_str(),
        "level": view.report.level.into_str(), "whose_move": view.report.responsible.into_str(), "since": view.report.since,
        "checked_at": view.checked_at, "findings": findings,
        "registration": {
            "decision": decision.into_str(), "why": decision.reason().into_str(), "next_check_at": decision.next_check_at(),
            "calls_in_72_h": view.registration.spent.total, "held_until": view.registration.held_until,
        },
    })
}

/// One number with its findings and its register calls.
pub(super) fn page(view: &View, now: Timestamp) -> String {
    let channel = &view.channel;
    let read =
        view.checked_at.map_or_else(|| "never read at Meta".to_owned(), |at| format!("read at Meta {}", ago(at, now)));
    let mut parts = vec![
        format!("{}  {}  (inbox {}, account {})", channel.phone_number, channel.name, channel.id, channel.account_id),
        format!("{}, {read}", catalogue::level(view.report.level)),
    ];
    parts.extend(view.error.as_ref().map(|failure| format!("The last read failed: {}", failure.message)));
    parts.extend([String::new(), text::decision(&view.registration.decision, now), String::new()]);
    parts.extend([findings_of(view, now), String::new()]);
    let calls = view.registration.spent.total;
    parts.push(format!(
        "Register calls in the last 72 hours: {calls} of at most {}",
        domain::registration::ledger::BUDGET
    ));
    let held_until = view.registration.held_until;
    parts.extend(
        held_until
            .map(|at| format!("Meta accepts no register call for the number; next possible call {}", until(at, now))),
    );
    parts.extend(calls_of(view, now));
    parts.join("\n")
}

fn findings_of(view: &View, now: Timestamp) -> String {
    let findings = view.report.findings.iter().map(|finding| {
        let message = catalogue::finding(&finding.code);
        let has_move = finding.responsible != Party::Nobody;
        let mut notes: Vec<String> = Vec::new();
        notes.extend(has_move.then(|| format!("whose move: {}", text::whose(finding.responsible))));
        notes.extend(finding.action.map(|action| format!("action: {}", catalogue::button(action).label)));
        notes.extend(finding.next_step_at.map(|at| format!("next step {}", until(at, now))));
        let notes = if notes.is_empty() { String::new() } else { format!("\n  ({})", notes.join("; ")) };
        format!("* {}\n  {}{notes}", message.title, message.text)
    });
    let findings: Vec<String> = findings.collect();
    if findings.is_empty() { "No findings: all well.".to_owned() } else { findings.join("\n") }
}

fn calls_of(view: &View, now: Timestamp) -> Option<String> {
    let mut table = table(["call", "when", "outcome"]);
    for recorded in &view.registration.attempts {
        let attempt = &recorded.attempt;
        table.add_row([
            format!("{:?}, {}", attempt.kind, attempt.basis.into_str()).to_lowercase(),
            ago(attempt.started_at, now),
            outcome(attempt.outcome.as_ref()),
        ]);
    }
    (!table.is_empty()).then(|| table.trim_fmt())
}

/// `AttemptOutcome` of a register call in words.
pub(super) fn outcome(outcome: Option<&AttemptOutcome>) -> String {
    match outcome {
        Some(AttemptOutcome::Success) => "accepted".to_owned(),
        Some(AttemptOutcome::Failed(failure)) => failure.message.clone(),
        None => "no answer yet".to_owned(),
    }
}
