//! Endpoints, delivery attempts and dead letters as tables for a terminal, and as JSON for programs. Never prints
//! a secret, the path of an address, or a header's value.

use comfy_table::{Cell, Color};
use domain::delivery::EndpointStatus;
use jiff::Timestamp;
use serde_json::{Value, json};
use server::flows::forwarding::endpoints::view::View;
use server::messages as catalogue;
use server::store::deliveries::Delivery;
use server::store::deliveries::attempts::Attempt;

use crate::cli::durations::{ago, duration, until};
use crate::cli::output::{table, table_or};

pub(super) fn list(views: &[View], now: Timestamp) -> String {
    let mut table = table(["endpoint", "name", "host", "owner", "status", "last delivery", "pending", "dead letters"]);
    for view in views {
        let settings = &view.endpoint.settings;
        table.add_row([
            Cell::new(view.endpoint.id),
            Cell::new(&settings.name),
            Cell::new(&settings.host),
            Cell::new(owner(view)),
            status_cell(&view.status),
            Cell::new(ago_or_dash(view.endpoint.last_delivered_at, now)),
            Cell::new(view.counts.waiting + view.counts.replayed),
            Cell::new(view.counts.dead),
        ]);
    }
    table_or(
        &table,
        "There is no endpoint: events are stored and not forwarded. Create one with: linekeeper endpoint create --account \
         <account> --url https://… --format standard",
    )
}

fn owner(view: &View) -> String {
    match view.endpoint.channel_id {
        Some(inbox) => format!("inbox {inbox}"),
        None => format!("account {}", view.endpoint.account_id),
    }
}

fn status_cell(status: &EndpointStatus) -> Cell {
    let cell = Cell::new(catalogue::endpoint_status(status).title);
    match status {
        EndpointStatus::Active => cell.fg(Color::Green),
        EndpointStatus::Failing { .. } => cell.fg(Color::Red),
        EndpointStatus::Disabled { .. } => cell.fg(Color::Yellow),
    }
}

fn ago_or_dash(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or_else(|| "–".to_owned(), |at| ago(at, now))
}

/// One endpoint with its settings, its status and its backlog.
pub(super) fn page(view: &View, now: Timestamp) -> String {
    let View { endpoint, status, counts, behind, next_try_at } = view;
    let settings = &endpoint.settings;
    let message = catalogue::endpoint_status(status);
    let kinds: Vec<&str> = settings.kinds.iter().map(domain::delivery::EventKind::into_str).collect();
    let mut lines = vec![
        format!("{}  {}  ({}, {})", endpoint.id, settings.name, settings.host, owner(view)),
        format!("{}. {}", message.title, message.text),
        String::new(),
        format!("Format          {}", endpoint.format.into_str()),
        format!("Events          {}", kinds.join(", ")),
    ];
    if !settings.headers.is_empty() {
        let names: Vec<&str> = settings.headers.keys().map(String::as_str).collect();
        lines.push(format!("Headers         {}", names.join(", ")));
    }
    lines.extend(settings.per_second.map(|limit| format!("Rate limit      {limit} requests per second")));
    lines.push(format!("Last delivery   {}", ago_or_dash(endpoint.last_delivered_at, now)));
    lines.extend(next_try_at.map(|at| format!("Next attempt    {}", until(at, now))));
    let replayed = counts.replayed;
    lines.push(format!("Pending         {} to retry, {replayed} to replay, {behind} not sent yet", counts.waiting));
    lines.push(format!("Dead letters    {}", counts.dead));
    let before = endpoint.previous_secret.as_ref().filter(|(_, until)| *until > now);
    lines.extend(
        before.map(|(_, until)| format!("Old secret      also signs for {}", duration(until.duration_since(now)))),
    );
    lines.join("\n")
}

/// One endpoint as JSON.
pub(super) fn json_of(view: &View) -> Value {
    let View { endpoint, status, counts, behind, next_try_at } = view;
    let settings = &endpoint.settings;
    let (disabled_at, disabled_reason, failing_since) = match status {
        EndpointStatus::Active => (None, None, None),
        EndpointStatus::Failing { since } => (None, None, Some(*since)),
        EndpointStatus::Disabled { since, reason } => (Some(*since), Some(reason.into_str()), None),
    };
    json!({
        "id": endpoint.id.to_string(), "account_id": endpoint.account_id.0,
        "inbox_id": endpoint.channel_id.map(|id| id.0), "name": settings.name, "host": settings.host,
        "format": endpoint.format.into_str(),
        "kinds": settings.kinds.iter().map(domain::delivery::EventKind::into_str).collect::<Vec<_>>(),
        "header_names": settings.headers.keys().collect::<Vec<_>>(), "per_second": settings.per_second,
        "state": status.into_str(), "disabled_at": disabled_at, "disabled_reason": disabled_reason,
        "failing_since": failing_since, "next_try_at": next_try_at, "last_delivered_at": endpoint.last_delivered_at,
        "counts": { "waiting": counts.waiting, "replayed": counts.replayed, "dead": counts.dead, "behind": behind },
        "previous_secret_until": endpoint.previous_secret.as_ref().map(|(_, until)| until),
        "created_at": endpoint.created_at, "updated_at": endpoint.updated_at,
    })
}

/// Table of delivery attempts.
pub(super) fn attempts(rows: &[Attempt], now: Timestamp) -> String {
    let mut table = table(["event", "webhook id", "when", "attempt", "outcome", "status", "duration", "response"]);
    for row in rows {
        table.add_row([
            row.key.event.to_string(),
            row.key.webhook_id(),
            ago(row.at, now),
            row.attempt.to_string(),
            catalogue::delivery(row.outcome).to_owned(),
            row.status.map_or_else(|| "–".to_owned(), |status| status.to_string()),
            format!("{} ms", row.duration_ms),
            row.answer.clone().unwrap_or_default(),
        ]);
    }
    table_or(&table, "There are no delivery attempts.")
}

/// One delivery attempt as JSON.
pub(super) fn json_of_attempt(row: &Attempt) -> Value {
    json!({ "event_id": row.key.event.to_string(), "webhook_id": row.key.webhook_id(), "attempt": row.attempt, "at": row.at,
        "status": row.status, "duration_ms": row.duration_ms, "outcome": row.outcome.into_str(), "answer": row.answer })
}

/// Table of dead letters.
pub(super) fn dead_letters(rows: &[Delivery], now: Timestamp) -> String {
    let mut table = table(["event", "webhook id", "first failure", "attempts", "last failure"]);
    for row in rows {
        let (attempts, failure) =
            (row.attempts.to_string(), row.failure.as_deref().map_or_else(String::new, catalogue::last_failure));
        let (event, webhook_id) = (row.key.event.to_string(), row.key.webhook_id());
        table.add_row([event, webhook_id, ago_or_dash(row.first_failed_at, now), attempts, failure]);
    }
    table_or(&table, "There are no dead letters.")
}

/// One dead letter as JSON.
pub(super) fn json_of_dead_letter(row: &Delivery) -> Value {
    json!({ "event_id": row.key.event.to_string(), "webhook_id": row.key.webhook_id(), "attempts": row.attempts,
        "first_failed_at": row.first_failed_at, "failure": row.failure })
}
