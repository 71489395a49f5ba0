//! Sends one event to an endpoint, part after part, and says what came of it. Writes nothing down.

use std::sync::{Mutex, PoisonError};

use domain::delivery::Answer;
use domain::delivery::pace::Pace;
use jiff::Timestamp;

use super::post::{Post, headers, write};
use super::queue::Todo;
use super::redact;
use crate::App;
use crate::store::deliveries::attempts::Attempt;
use crate::store::deliveries::log;
use crate::store::endpoints::Endpoint;
use crate::store::ids::EventId;
use outbound::exchange::{ExchangeError, Reply, Request};

/// What came of an event.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) event: EventId,
    /// The part that was not taken, where one was not.
    pub(super) part: u32,
    /// How it was refused; `None` where everything was taken.
    pub(super) refused: Option<Answer>,
    /// Every post made; none where there was nothing to send.
    pub(super) attempts: Vec<Attempt>,
}

/// Spends one post of an endpoint's pace, or says when one may be.
pub(super) fn spend(pace: &Mutex<Pace>, now: Timestamp) -> Result<(), Timestamp> {
    pace.lock().unwrap_or_else(PoisonError::into_inner).spend(now)
}

/// Sends an event from a part on. Its first post is spent; the others wait for their turn.
pub(super) async fn send(app: &App, endpoint: &Endpoint, pace: &Mutex<Pace>, event: EventId, todo: Todo) -> Sent {
    let Todo { posts, part: from, attempts: failed } = todo;
    let posts = match posts {
        Some(posts) => posts,
        None => match read(app, endpoint, event).await {
            Ok(posts) => posts,
            Err(error) => {
                // as if nobody had answered: it is tried again
                tracing::warn!(endpoint = %endpoint.id, %event, %error, "an event cannot be read");
                return Sent { event, part: from, refused: Some(Answer::Unreachable), attempts: Vec::new() };
            }
        },
    };
    let mut sent = Sent { event, part: from, refused: None, attempts: Vec::with_capacity(1) };
    for post in posts.into_iter().filter(|post| post.part >= from) {
        if !sent.attempts.is_empty() {
            while let Err(until) = spend(pace, app.clock.now()) {
                app.clock.sleep_until(until).await;
            }
        }
        let (answer, attempt) = one(app, endpoint, event, &post, failed + 1).await;
        sent.attempts.push(attempt);
        if !is_taken(&answer) {
            (sent.part, sent.refused) = (post.part, Some(answer));
            break;
        }
    }
    sent
}

async fn read(app: &App, endpoint: &Endpoint, event: EventId) -> Result<Vec<Post>, crate::store::Error> {
    let mut tx = app.store.read().await?;
    let entry = log::entry(&mut tx, endpoint.account_id, event).await?;
    Ok(entry.map(|entry| write(endpoint, &entry).posts).unwrap_or_default())
}

/// One post and its answer.
pub(crate) async fn one(
    app: &App,
    endpoint: &Endpoint,
    event: EventId,
    post: &Post,
    attempt: u32,
) -> (Answer, Attempt) {
    let began = tokio::time::Instant::now();
    let request = Request {
        url: &endpoint.settings.url,
        headers: headers(endpoint, post, app.clock.now()),
        body: post.body.clone(),
        deadline: std::time::Duration::from_secs(app.config.delivery.deadline_seconds),
    };
    let result = app.outbound.post(request).await;
    let now = app.clock.now();
    let millis = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
    let (answer, status, outcome, said) = read_answer(result, now);
    let said = said.map(|said| redact::beginning(endpoint, &said));
    (answer, Attempt { event, at: now, part: post.part, attempt, status, millis, outcome, answer: said })
}

fn read_answer(result: Result<Reply, ExchangeError>, now: Timestamp) -> (Answer, Option<u16>, String, Option<String>) {
    match result {
        Ok(answered) => {
            let retry_after = answered.retry_after.as_deref().and_then(|text| instant(text, now));
            let answer = Answer::Status { code: answered.status, retry_after };
            let (outcome, said) = if is_taken(&answer) {
                ("delivered", None)
            } else {
                ("refused", Some(answered.body_start).filter(|text| !text.is_empty()))
            };
            (answer, Some(answered.status), outcome.to_owned(), said)
        }
        Err(ExchangeError::TimedOut) => (Answer::TimedOut, None, "timed_out".to_owned(), None),
        Err(ExchangeError::Unreachable(why)) => (Answer::Unreachable, None, "unreachable".to_owned(), Some(why)),
        Err(ExchangeError::Forbidden(why)) => (Answer::Forbidden, None, "forbidden".to_owned(), Some(why)),
    }
}

fn is_taken(answer: &Answer) -> bool {
    matches!(answer, Answer::Status { code: 200..=299, .. })
}

/// `Retry-After`: seconds, or a date.
fn instant(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(now + jiff::SignedDuration::from_secs(i64::from(seconds)));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(date.max(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_its_forms() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(instant("120", now), Some(now + jiff::SignedDuration::from_secs(120)));
        assert_eq!(instant("Sun, 22 Nov 2026 12:05:00 GMT", now), Some("2026-11-22T12:05:00Z".parse().unwrap()));
        assert_eq!(instant("Sun, 22 Nov 2020 12:05:00 GMT", now), Some(now));
        assert_eq!(instant("soon", now), None);
        assert_eq!(instant("-1", now), None);
    }
}
