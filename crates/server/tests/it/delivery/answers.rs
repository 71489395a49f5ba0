//! What becomes of an endpoint by what it answers: asked for time, gone, broken for days, slow, forbidden.

use std::time::Duration;

use domain::delivery::Format;
use domain::delivery::breaker::DISABLE_AFTER;
use jiff::SignedDuration;
use serde_json::Value;
use server::flows::endpoints;
use server::store::Engine;

use super::support::{Place, text_of};
use crate::support::on_each_engine;
use crate::support::receiver::Reply;

on_each_engine!(
    who_asks_for_time_gets_it_for_everything,
    who_is_gone_is_switched_off_and_the_account_told_once,
    who_takes_nothing_gets_a_probe_at_a_time_and_is_switched_off_after_days,
    a_slow_endpoint_is_given_up_on_in_time_and_a_dead_one_harms_no_other,
    what_it_answered_is_kept_trimmed_and_without_its_secrets,
    a_rate_limit_is_kept,
);

async fn who_asks_for_time_gets_it_for_everything(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply { status: 429, retry_after: Some("120".to_owned()), ..Reply::default() });
    place.messages(&[("1555000", "a")]).await;
    line.receiver.wait_for(1).await;
    place.until("it is written down", async || place.kept(&line.endpoint).await.breaker.wait_until.is_some()).await;
    line.receiver.answer(|_| Reply::status(200));
    place.messages(&[("1555111", "b")]).await;
    place.later(SignedDuration::from_secs(100));
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(line.receiver.got().len(), 1, "nothing at all before its time");
    place.later(SignedDuration::from_secs(25));
    place.until_delivered(&line).await;
    assert_eq!(line.receiver.taken().len(), 2);
}

async fn who_is_gone_is_switched_off_and_the_account_told_once(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    let told = place.line_of(place.app.account, None, Format::Standard, &["announcements"]).await;
    line.receiver.answer(|_| Reply::status(410));
    place.messages(&[("1555000", "a"), ("1555111", "b"), ("1555222", "c")]).await;
    place.until("it is switched off", async || place.kept(&line.endpoint).await.disabled.is_some()).await;
    let got = told.receiver.wait_for(1).await;
    let value = got[0].json()["data"]["value"].clone();
    assert_eq!((&value["kind"], &value["args"]["why"]), (&Value::from("endpoint_disabled"), &Value::from("gone")));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let seen = line.receiver.got().len();
    place.messages(&[("1555000", "d")]).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!((line.receiver.got().len(), told.receiver.got().len()), (seen, 1));

    // switched on again it goes on where it stopped
    line.receiver.answer(|_| Reply::status(200));
    endpoints::enable(&place.app.app, &place.kept(&line.endpoint).await, false).await.unwrap();
    place.later(SignedDuration::from_secs(30));
    place.until_delivered(&line).await;
    let mut texts: Vec<String> = line.receiver.taken().iter().map(|got| text_of(&got.json())).collect();
    texts.sort();
    assert_eq!(texts, ["a", "b", "c", "d"]);
}

async fn who_takes_nothing_gets_a_probe_at_a_time_and_is_switched_off_after_days(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    line.receiver.answer(|_| Reply::status(500));
    let texts: Vec<(String, &str)> = (0..60).map(|n| (format!("15550{n:03}"), "x")).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(from, text)| (from.as_str(), *text)).collect();
    place.messages(&texts).await;
    place.until("it is taken for broken", async || place.kept(&line.endpoint).await.breaker.is_open()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = line.receiver.got().len();
    assert!(before <= 40, "{before} posts before it was left alone");
    let start = place.app.clock.now();
    let mut probes = 0;
    while place.kept(&line.endpoint).await.disabled.is_none() {
        let seen = line.receiver.got().len();
        place.later(SignedDuration::from_hours(10));
        let moved = async || line.receiver.got().len() > seen || place.kept(&line.endpoint).await.disabled.is_some();
        place.until("it is probed", moved).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert!(line.receiver.got().len() <= seen + 1, "one probe at a time");
        probes += 1;
        assert!(probes < 30, "never given up");
    }
    assert!(place.app.clock.now().duration_since(start) >= DISABLE_AFTER - SignedDuration::from_hours(1));
    let why = place.kept(&line.endpoint).await.disabled.unwrap().1;
    assert_eq!(why, "hopeless");
}

async fn a_slow_endpoint_is_given_up_on_in_time_and_a_dead_one_harms_no_other(engine: Engine) {
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

async fn what_it_answered_is_kept_trimmed_and_without_its_secrets(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    // nobody listens there any more
    let wish =
        endpoints::Wish { url: Some("http://127.0.0.1:9/hook?token=canary".into()), ..endpoints::Wish::default() };
    let endpoint = endpoints::change(&place.app.app, &place.kept(&line.endpoint).await, wish).await.unwrap();
    place.messages(&[("1555000", "a")]).await;
    place.until("it failed", async || !place.attempts(&endpoint).await.is_empty()).await;
    let attempt = place.attempts(&endpoint).await.remove(0);
    assert_eq!((attempt.status, attempt.outcome.as_str()), (None, "unreachable"));
    let said = attempt.answer.unwrap();
    assert!(!said.contains("canary") && !said.is_empty(), "{said}");
    let test = endpoints::test(&place.app.app, &endpoint).await;
    assert_eq!(test.outcome, "unreachable");
}

async fn a_rate_limit_is_kept(engine: Engine) {
    let place = Place::on(engine).await;
    let line = place.line(Format::Meta).await;
    let wish = endpoints::Wish { per_second: Some(10), ..endpoints::Wish::default() };
    endpoints::change(&place.app.app, &line.endpoint, wish).await.unwrap();
    let texts: Vec<(String, &str)> = (0..30).map(|n| (format!("15550{n:03}"), "x")).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(from, text)| (from.as_str(), *text)).collect();
    place.messages(&texts).await;
    line.receiver.wait_for(10).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let first = line.receiver.got().len();
    assert!((10..=11).contains(&first), "{first} in the first instant");
    for _ in 0..4 {
        place.later(SignedDuration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    line.receiver.wait_for(30).await;
}
