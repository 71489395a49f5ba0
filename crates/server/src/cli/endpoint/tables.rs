//! Endpoints and what they were sent as lines of a terminal, and as JSON. Neither shows a secret, an address
//! in full, or a header's value.

use comfy_table::{Cell, Color};
use domain::delivery::standing::Standing;
use jiff::Timestamp;
use serde_json::{Value, json};
use server::flows::endpoints::view::View;
use server::messages as catalogue;
use server::store::deliveries::Delivery;
use server::store::deliveries::attempts::Attempt;

use crate::cli::output::{listing, table};
use crate::cli::words;

/// Endpoints as lines of a table.
pub(super) fn list(views: &[View], now: Timestamp) -> String {
    let mut table = table(["endpoint", "name", "host", "of", "state", "last delivered", "waiting", "dead"]);
    for view in views {
        let settings = &view.endpoint.settings;
        table.add_row([
            Cell::new(view.endpoint.id),
            Cell::new(&settings.name),
            Cell::new(&settings.host),
            Cell::new(whose(view)),
            state_cell(&view.standing),
            Cell::new(maybe(view.endpoint.delivered_at, now)),
            Cell::new(view.counts.waiting + view.counts.replayed),
            Cell::new(view.counts.dead),
        ]);
    }
    listing(
        &table,
        "There is no endpoint: events are kept and forwarded nowhere. Make one: linekeeper endpoint create --account \
         <account> --url https://… --format standard",
    )
}

fn whose(view: &View) -> String {
    match view.endpoint.channel_id {
        Some(inbox) => format!("inbox {inbox}"),
        None => format!("account {}", view.endpoint.account_id),
    }
}

fn state_cell(standing: &Standing) -> Cell {
    let cell = Cell::new(catalogue::standing(standing).title);
    match standing {
        Standing::Active => cell.fg(Color::Green),
        Standing::Failing { .. } => cell.fg(Color::Red),
        Standing::Disabled { .. } => cell.fg(Color::Yellow),
    }
}

fn maybe(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or_else(|| "–".to_owned(), |at| words::ago(at, now))
}

/// One endpoint.
pub(super) fn page(view: &View, now: Timestamp) -> String {
    let View { endpoint, standing, counts, behind, next_try_at } = view;
    let settings = &endpoint.settings;
    let message = catalogue::standing(standing);
    let kinds: Vec<&str> = settings.kinds.iter().map(|kind| kind.as_str()).collect();
    let mut lines = vec![
        format!("{}  {}  ({}, {})", endpoint.id, settings.name, settings.host, whose(view)),
        format!("{}. {}", message.title, message.text),
        String::new(),
        format!("Format          {}", endpoint.format.as_str()),
        format!("Gets            {}", kinds.join(", ")),
    ];
    if !settings.headers.is_empty() {
        let names: Vec<&str> = settings.headers.keys().map(String::as_str).collect();
        lines.push(format!("Headers         {}", names.join(", ")));
    }
    lines.extend(settings.per_second.map(|limit| format!("At most         {limit} posts a second")));
    lines.push(format!("Last delivered  {}", maybe(endpoint.delivered_at, now)));
    lines.extend(next_try_at.map(|at| format!("Next try        {}", words::until(at, now))));
    let replayed = counts.replayed;
    lines.push(format!("Waiting         {}, asked for again {replayed}, not sent yet {behind}", counts.waiting));
    lines.push(format!("Dead letters    {}", counts.dead));
    let before = endpoint.secret_before.as_ref().filter(|(_, until)| *until > now);
    lines.extend(
        before.map(|(_, until)| format!("Secret before   honoured for {}", words::span(until.duration_since(now)))),
    );
    lines.join("\n")
}

/// One endpoint for programs.
pub(super) fn json_of(view: &View) -> Value {
    let View { endpoint, standing, counts, behind, next_try_at } = view;
    let settings = &endpoint.settings;
    let (disabled_at, disabled_why, failing_since) = match standing {
        Standing::Active => (None, None, None),
        Standing::Failing { since } => (None, None, Some(*since)),
        Standing::Disabled { since, why } => (Some(*since), Some(why.as_str()), None),
    };
    json!({
        "id": endpoint.id.to_string(), "account_id": endpoint.account_id.0,
        "inbox_id": endpoint.channel_id.map(|id| id.0), "name": settings.name, "host": settings.host,
        "format": endpoint.format.as_str(),
        "kinds": settings.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "header_names": settings.headers.keys().collect::<Vec<_>>(), "per_second": settings.per_second,
        "state": standing.as_str(), "disabled_at": disabled_at, "disabled_why": disabled_why,
        "failing_since": failing_since, "next_try_at": next_try_at, "delivered_at": endpoint.delivered_at,
        "counts": { "waiting": counts.waiting, "replayed": counts.replayed, "dead": counts.dead, "behind": behind },
        "secret_before_until": endpoint.secret_before.as_ref().map(|(_, until)| until),
        "created_at": endpoint.created_at, "updated_at": endpoint.updated_at,
    })
}

/// Posts and their answers.
pub(super) fn attempts(rows: &[Attempt], now: Timestamp) -> String {
    let mut table = table(["event", "when", "try", "outcome", "status", "took", "answer"]);
    for row in rows {
        table.add_row([
            row.event.to_string(),
            words::ago(row.at, now),
            row.attempt.to_string(),
            catalogue::delivery(&row.outcome),
            row.status.map_or_else(|| "–".to_owned(), |status| status.to_string()),
            format!("{} ms", row.millis),
            row.answer.clone().unwrap_or_default(),
        ]);
    }
    listing(&table, "Nothing was sent.")
}

/// One post for programs.
pub(super) fn json_of_attempt(row: &Attempt) -> Value {
    json!({ "event_id": row.event.to_string(), "part": row.part, "attempt": row.attempt, "at": row.at,
        "status": row.status, "millis": row.millis, "outcome": row.outcome, "answer": row.answer })
}

/// Dead letters.
pub(super) fn dead(rows: &[Delivery], now: Timestamp) -> String {
    let mut table = table(["event", "first failed", "tries", "last failure"]);
    for row in rows {
        let (tries, failure) =
            (row.attempts.to_string(), row.failure.as_deref().map_or_else(String::new, catalogue::last_failure));
        table.add_row([row.event.to_string(), maybe(row.first_failed_at, now), tries, failure]);
    }
    listing(&table, "There are no dead letters: nothing was given up.")
}

/// One dead letter for programs.
pub(super) fn json_of_dead(row: &Delivery) -> Value {
    json!({ "event_id": row.event.to_string(), "attempts": row.attempts, "first_failed_at": row.first_failed_at,
        "failure": row.failure })
}
