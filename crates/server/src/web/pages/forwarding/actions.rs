//! The form actions of an endpoint. Each calls one flow and ends in a redirect with a notice, or in a page with a failure,
//! the result of a test, or a secret that is shown once.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::delivery::AttemptOutcome;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::endpoint::{endpoint_of, render, show_failure, show_secret};
use super::forms;
use crate::App;
use crate::flows::forwarding::endpoints::{self, replay};
use crate::messages;
use crate::store::deliveries::replay::ReplaySelector;
use crate::store::endpoints::Endpoint;
use crate::web::api::endpoints::{from_now, named};
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Result};
use crate::web::extract::auth::{Admin, Operate};
use crate::web::extract::form::{Fields, PostedTo};
use crate::web::extract::path::NestedId;
use crate::web::pages::notice::Notice;

/// Creates an endpoint and shows its secret.
pub(super) async fn create(State(app): State<App>, posted: PostedTo<Admin>) -> Result<Response> {
    let PostedTo { channel, principal, fields, .. } = &posted;
    let worker = app.clone();
    let made = match forms::wanted(channel, fields) {
        Ok(wanted) => {
            run_to_completion(&app, async move { endpoints::create(&worker, wanted).await }).await?.map_err(named)
        }
        Err(error) => Err(error),
    };
    match made {
        Ok((made, secret)) => show_secret(channel, principal, &made, &secret, true),
        Err(error) => forms::show_new_again(&app, channel, principal, fields, error).await,
    }
}

/// Changes the settings of an endpoint.
pub(super) async fn change(State(app): State<App>, path: NestedId, posted: PostedTo<Admin>) -> Result<Response> {
    let PostedTo { channel, principal, fields, .. } = &posted;
    let endpoint = endpoint_of(&app, channel, &path).await?;
    let changed = match forms::change(fields, &endpoint) {
        Ok(changes) => endpoints::patch(&app, &endpoint, changes).await.map_err(named),
        Err(error) => Err(error),
    };
    match changed {
        Ok(changed) => Ok(back(&posted, &changed, "changed")),
        Err(error) => forms::show_change_again(channel, principal, &endpoint, fields, error),
    }
}

/// Sends a test message and shows the response.
pub(super) async fn test(State(app): State<App>, path: NestedId, posted: PostedTo<Operate>) -> Result<Response> {
    let PostedTo { channel, principal, .. } = &posted;
    let endpoint = endpoint_of(&app, channel, &path).await?;
    let (worker, tested) = (app.clone(), endpoint.clone());
    let made = run_to_completion(&app, async move { endpoints::send_test(&worker, &tested).await }).await?;
    let status = made.status.map_or_else(String::new, |status| format!(" with HTTP {status}"));
    let outcome = messages::delivery(made.outcome);
    let said = made.answer.map_or_else(String::new, |said| format!(" {said}"));
    let tone = if made.outcome == AttemptOutcome::Delivered { "good" } else { "bad" };
    let notice = Notice::new(tone, format!("Test: {outcome}{status}, in {} ms.{said}", made.duration_ms));
    render(&app, channel, principal, endpoint, Some(notice), false).await
}

/// Replays the events of a period, or the dead letters.
pub(super) async fn replay(State(app): State<App>, path: NestedId, posted: PostedTo<Operate>) -> Result<Response> {
    let PostedTo { channel, principal, fields, .. } = &posted;
    let endpoint = endpoint_of(&app, channel, &path).await?;
    let done = match which(fields, app.clock.now()) {
        Ok(which) => {
            let (worker, it) = (app.clone(), endpoint.clone());
            run_to_completion(&app, async move { replay::request_replay(&worker, &it, which, &|_| {}).await })
                .await?
                .map_err(named)
        }
        Err(error) => Err(error),
    };
    match done {
        Ok(marked) => Ok(back(&posted, &endpoint, &format!("replayed&n={marked}"))),
        Err(error) => show_failure(&app, channel, principal, endpoint, error).await,
    }
}

fn which(fields: &Fields, now: Timestamp) -> Result<ReplaySelector> {
    if fields.get("dead").is_some() {
        return Ok(ReplaySelector::DeadLetters);
    }
    let from = fields.get("from").ok_or_else(|| ApiError::invalid("from", "enter the begin of the period"))?;
    let to = fields.get("to").map_or(Ok(now), |to| in_utc("to", to))?;
    Ok(ReplaySelector::Between(in_utc("from", from)?, to))
}

/// Parses the date and time of a form field, which is in UTC.
fn in_utc(field: &str, text: &str) -> Result<Timestamp> {
    let read = text.parse::<DateTime>().and_then(|at| at.to_zoned(TimeZone::UTC));
    read.map(|at| at.timestamp()).map_err(|_| ApiError::invalid(field, "a date and a time, such as 2026-11-25T10:00"))
}

/// Switches the endpoint on.
pub(super) async fn enable(State(app): State<App>, path: NestedId, posted: PostedTo<Admin>) -> Result<Response> {
    let endpoint = endpoint_of(&app, &posted.channel, &path).await?;
    let from_now = from_now(posted.fields.get("from"))?;
    endpoints::enable(&app, &endpoint, from_now).await?;
    Ok(back(&posted, &endpoint, "enabled"))
}

/// Switches the endpoint off.
pub(super) async fn disable(State(app): State<App>, path: NestedId, posted: PostedTo<Admin>) -> Result<Response> {
    let endpoint = endpoint_of(&app, &posted.channel, &path).await?;
    endpoints::disable(&app, &endpoint).await?;
    Ok(back(&posted, &endpoint, "disabled"))
}

/// Discards the dead letters.
pub(super) async fn discard(State(app): State<App>, path: NestedId, posted: PostedTo<Admin>) -> Result<Response> {
    let endpoint = endpoint_of(&app, &posted.channel, &path).await?;
    let (worker, it) = (app.clone(), endpoint.clone());
    let forgotten = run_to_completion(&app, async move { replay::discard_dead_letters(&worker, &it).await }).await??;
    Ok(back(&posted, &endpoint, &format!("discarded&n={forgotten}")))
}

/// Generates a new secret and shows it.
pub(super) async fn rotate(State(app): State<App>, path: NestedId, posted: PostedTo<Admin>) -> Result<Response> {
    let endpoint = endpoint_of(&app, &posted.channel, &path).await?;
    let (changed, secret) = endpoints::rotate_secret(&app, &endpoint, None).await?;
    show_secret(&posted.channel, &posted.principal, &changed, &secret, false)
}

/// Deletes the endpoint and its deliveries.
pub(super) async fn delete(State(app): State<App>, path: NestedId, posted: PostedTo<Admin>) -> Result<Response> {
    let endpoint = endpoint_of(&app, &posted.channel, &path).await?;
    let worker = app.clone();
    run_to_completion(&app, async move { endpoints::delete(&worker, &endpoint).await }).await??;
    let address = format!("/numbers/{}/forwarding?note=endpoint_deleted", posted.channel.id);
    Ok(Redirect::to(&address).into_response())
}

fn back<N>(posted: &PostedTo<N>, endpoint: &Endpoint, note: &str) -> Response {
    let address = format!("/numbers/{}/endpoints/{}?note={note}", posted.channel.id, endpoint.id);
    Redirect::to(&address).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forms_time_is_utc() {
        assert_eq!(in_utc("from", "2026-11-25T10:00").unwrap(), "2026-11-25T10:00:00Z".parse().unwrap());
        assert!(in_utc("from", "25.11.2026").unwrap_err().detail().starts_with("from: "));
    }
}
