//! The effect of an endpoint's responses: Retry-After, gone, failing for days, slow, unreachable, rate limited.

use std::time::Duration;

use domain::delivery::{AttemptOutcome, DISABLE_AFTER, DisabledReason, Format};
use jiff::SignedDuration;
use serde_json::Value;
use server::flows::forwarding::endpoints;
use server::store::Engine;
use server::store::deliveries::attempts::Attempt;

use super::support::{Place, text_of};
use crate::support::on_each_engine;
use crate::support::receiver::Reply;

on_each_engine!(
    retry_after_pauses_every_event_of_the_endpoint,
    retry_after_is_parsed_in_every_form,
    an_endpoint_that_is_gone_is_disabled_and_announced_once,
    an_endpoint_that_fails_gets_one_probe_at_a_time_and_is_disabled_after_days,
    a_slow_endpoint_and_a_failing_one_delay_no_other,
    an_answer_is_stored_cut_and_redacted,
    a_rate_limit_is_kept,
);

async fn retry_after_pauses_every_event_of_the_endpoint(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    let control = place.line(Format::Meta).await;
    let start = place.app.clock.now();
    line.receiver.answer(|_| Reply { status: 429, retry_after: Some("120".to_owned()), ..Reply::default() });
    place.messages(&[("1555000", "a")]).await;
    line.receiver.wait_for(1).await;
    place.until("the pause is stored", async || place.kept(&line.endpoint).await.breaker.blocked_until.is_some()).await;
    line.receiver.answer(|_| Reply::status(200));
    place.messages(&[("1555111", "b")]).await;
    place.later(SignedDuration::from_secs(100));
    place.messages(&[("1555222", "c")]).await;
    control.receiver.wait_for(3).await;
    assert_eq!(line.receiver.count(), 1, "nothing before its time");
    place.later(SignedDuration::from_secs(25));
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 3);
    let resumed_at = start + SignedDuration::from_secs(120);
    let early: Vec<Attempt> = place.attempts(&line.endpoint).await;
    let early: Vec<&Attempt> =
        early.iter().filter(|attempt| attempt.status != Some(429) && attempt.at < resumed_at).collect();
    assert!(early.is_empty(), "{early:?}");
}

/// RFC 9110: seconds, and a date in three forms.
async fn retry_after_is_parsed_in_every_form(engine: Engine) {
    let place = Place::on(engine).await;
    let expected = place.app.clock.now() + SignedDuration::from_secs(600);
    let forms = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let dates = forms.map(|form| expected.strftime(form).to_string());
    let mut lines = Vec::new();
    for value in dates.into_iter().chain(["600".to_owned()]) {
        let line = place.line(Format::Meta).await;
        let retry_after = Some(value.clone());
        line.receiver.answer(move |_| Reply { status: 503, retry_after: retry_after.clone(), ..Reply::default() });
        lines.push((value, line));
    }
    place.messages(&[("1555000", "a")]).await;
    for (value, line) in &lines {
        let blocked_until = async || place.kept(&line.endpoint).await.breaker.blocked_until;
        place.until("the pause is stored", async || blocked_until().await.is_some()).await;
        assert_eq!(blocked_until().await.unwrap().as_second(), expected.as_second(), "{value}");
    }
}

async fn an_endpoint_that_is_gone_is_disabled_and_announced_once(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    let announced = place.line_of(place.app.account, None, Format::Standard, &["announcements"]).await;
    let control = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(410));
    place.messages(&[("1555000", "a"), ("1555111", "b"), ("1555222", "c")]).await;
    place.until("the endpoint is disabled", async || place.kept(&line.endpoint).await.disabled.is_some()).await;
    let got = announced.receiver.wait_for(1).await;
    let value = got[0].json()["data"]["value"].clone();
    assert_eq!((&value["kind"], &value["args"]["reason"]), (&Value::from("endpoint_disabled"), &Value::from("gone")));
    // a worker disables its endpoint after the last request in flight
    let seen = line.receiver.count();
    place.messages(&[("1555000", "d")]).await;
    control.receiver.wait_for(4).await;
    assert_eq!(line.receiver.count(), seen);

    // enabled again, it continues at its cursor
    line.receiver.answer(|_| Reply::status(200));
    endpoints::enable(&place.app.app, &place.kept(&line.endpoint).await, false).await.unwrap();
    place.later(SignedDuration::from_secs(30));
    place.until_delivered(&line).await;
    let mut texts: Vec<String> = line.receiver.taken().iter().map(|got| text_of(&got.json())).collect();
    texts.sort();
    assert_eq!(texts, ["a", "b", "c", "d"]);
    place.until_delivered(&announced).await;
    assert_eq!(announced.receiver.count(), 1);
}

async fn an_endpoint_that_fails_gets_one_probe_at_a_time_and_is_disabled_after_days(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(500));
    let texts: Vec<(String, &str)> = (0..60).map(|n| (format!("15550{n:03}"), "x")).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(from, text)| (from.as_str(), *text)).collect();
    place.messages(&texts).await;
    place.until("the breaker is open", async || place.kept(&line.endpoint).await.breaker.is_tripped()).await;
    let before = place.until_quiet(&line).await;
    assert!(before <= 40, "{before} requests before the breaker opened");
    let start = place.app.clock.now();
    let mut probes = 0;
    while place.kept(&line.endpoint).await.disabled.is_none() {
        let seen = line.receiver.count();
        place.later(SignedDuration::from_hours(10));
        let is_probed = async || line.receiver.count() > seen || place.kept(&line.endpoint).await.disabled.is_some();
        place.until("a probe is sent", is_probed).await;
        assert!(place.until_quiet(&line).await <= seen + 1, "one probe at a time");
        probes += 1;
        assert!(probes < 30, "never disabled");
    }
    assert!(place.app.clock.now().duration_since(start) >= DISABLE_AFTER - SignedDuration::from_hours(1));
    let reason = place.kept(&line.endpoint).await.disabled.unwrap().1;
    assert_eq!(reason, DisabledReason::FailingTooLong);
}

async fn a_slow_endpoint_and_a_failing_one_delay_no_other(engine: Engine) {
    let place = Place::on(engine).await;
    let slow = place.line(Format::Meta).await;
    let dead = place.line(Format::Meta).await;
    let healthy = place.line(Format::Meta).await;
    slow.receiver.answer(|_| Reply { status: 200, after: Duration::from_secs(3), ..Reply::default() });
    dead.receiver.answer(|_| Reply::status(502));
    let texts: Vec<(String, &str)> = (0..100).map(|n| (format!("15550{n:03}"), "x")).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(from, text)| (from.as_str(), *text)).collect();
    place.messages(&texts).await;
    healthy.receiver.wait_for(100).await;
    assert!(slow.receiver.taken().len() < 100);
    slow.receiver.answer(|_| Reply::status(200));
    place.until_delivered(&slow).await;
    assert_eq!(slow.receiver.taken().len(), 100);
}

async fn an_answer_is_stored_cut_and_redacted(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    // nobody listens there any more
    let patch = endpoints::EndpointPatch {
        url: Some("http://127.0.0.1:9/hook?token=canary".into()),
        ..endpoints::EndpointPatch::default()
    };
    let endpoint = endpoints::patch(&place.app.app, &place.kept(&line.endpoint).await, patch).await.unwrap();
    place.messages(&[("1555000", "a")]).await;
    place.until("an attempt failed", async || !place.attempts(&endpoint).await.is_empty()).await;
    let attempt = place.attempts(&endpoint).await.remove(0);
    assert_eq!((attempt.status, attempt.outcome), (None, AttemptOutcome::Unreachable));
    let said = attempt.answer.unwrap();
    assert!(!said.contains("canary") && !said.is_empty(), "{said}");
    let test = endpoints::send_test(&place.app.app, &endpoint).await;
    assert_eq!(test.outcome, AttemptOutcome::Unreachable);
}

async fn a_rate_limit_is_kept(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    let patch = endpoints::EndpointPatch { per_second: Some(10), ..endpoints::EndpointPatch::default() };
    endpoints::patch(&place.app.app, &line.endpoint, patch).await.unwrap();
    let texts: Vec<(String, &str)> = (0..30).map(|n| (format!("15550{n:03}"), "x")).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(from, text)| (from.as_str(), *text)).collect();
    let arrivals = place.record_arrivals(&line);
    place.messages(&texts).await;
    for second in 1..=3 {
        line.receiver.wait_for(10 * second).await;
        place.later(SignedDuration::from_secs(1));
    }
    assert_eq!(arrivals.per_second(), [10, 10, 10]);
}
