//! Meta's handshake under attack: wrong, missing, foreign and doubled tokens.

use graph_emulator::Config as EmulatorConfig;
use secrecy::ExposeSecret as _;
use server::config::Config;
use server::store::{Engine, channels};

use super::raw;
use super::support::{HOOK, Site};
use crate::app::TestApp;

const TOKEN: &str = "canary/verify+token";

fn query(mode: &str, token: &str, challenge: &str) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("hub.mode", mode).append_pair("hub.verify_token", token).append_pair("hub.challenge", challenge);
    pairs.finish()
}

async fn shake(app: &TestApp, path: &str, query: &str) -> raw::Reply {
    raw::exchange(&app.url, &raw::request("GET", &format!("{path}?{query}"), &[], b"")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_callback_answers_the_installations_token_alone() {
    let change = |config: &mut Config| config.meta.verify_token = Some(TOKEN.into());
    let app = TestApp::with(Engine::Sqlite, change, EmulatorConfig::default()).await;
    let answer = shake(&app, HOOK, &query("subscribe", TOKEN, "<b>1158201444</b>")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "<b>1158201444</b>"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "a browser would run it");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "a browser would guess");
    let half = &TOKEN[..TOKEN.len() - 1];
    let wrong = [
        query("subscribe", "", "1"),
        query("subscribe", half, "1"),
        query("subscribe", &format!("{TOKEN} "), "1"),
        query("subscribe", &TOKEN.to_uppercase(), "1"),
        query("unsubscribe", TOKEN, "1"),
        query("", TOKEN, "1"),
        "hub.challenge=1".to_owned(),
        format!("hub.verify_token={TOKEN}"),
        "hub.mode=subscribe&hub.challenge=1".to_owned(),
        "hub.mode=subscribe&hub.verify_token[]=x&hub.challenge=1".to_owned(),
        "hub.mode=subscribe&hub.verify_token=%ff%fe&hub.challenge=1".to_owned(),
        "%".to_owned(),
        String::new(),
        "a=b&".repeat(1000),
    ];
    for query in wrong {
        let answer = shake(&app, HOOK, &query).await;
        let document = answer.problem(401, "wrong_verify_token");
        assert_eq!(document["error"], "Error; wrong verify token", "the origin's words");
        assert!(!answer.body.contains("canary"), "{query}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_numbers_callback_answers_its_own_token_and_no_siblings() {
    let site = Site::new().await;
    let (.., other_inbox) = site.neighbour().await;
    let mut tx = site.app.app.store.read().await.unwrap();
    let phone = channels::find(&mut tx, site.inbox).await.unwrap().unwrap().phone_number;
    let own = channels::credentials(&mut tx, site.inbox).await.unwrap().unwrap().verify_token;
    let other = channels::credentials(&mut tx, other_inbox).await.unwrap().unwrap().verify_token;
    drop(tx);
    let path = format!("{HOOK}/{phone}");
    let good = shake(&site.app, &path, &query("subscribe", own.expose_secret(), "7")).await;
    assert_eq!((good.status, good.body.as_str()), (200, "7"));
    shake(&site.app, &path, &query("subscribe", other.expose_secret(), "7")).await.problem(401, "wrong_verify_token");
    let strange = ["+15559999999", "+0", "%00", "%ff", "..%2f..", "+1555010%20", "'%20or%201=1--", "%2B%2B", "💥"];
    for phone in strange.iter().map(|&text| text.to_owned()).chain(["1".repeat(5000)]) {
        let target = format!("{HOOK}/{phone}");
        let answer = shake(&site.app, &target, &query("subscribe", own.expose_secret(), "7")).await;
        answer.problem(401, "wrong_verify_token");
    }
}
