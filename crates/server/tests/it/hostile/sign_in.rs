//! Guessing keys at the page of sign-in: attempts are limited by the address of the client, also behind a proxy.

use graph_emulator::Config as EmulatorConfig;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use server::store::Engine;
use server::store::api_keys::fresh_secret;

use super::raw::{self, Reply};
use crate::app::TestApp;

const GUESSER: &str = "198.51.100.7";

async fn sign_in(app: &TestApp, forwarded_for: &str, key: &str) -> Reply {
    let headers = [("x-forwarded-for", forwarded_for), ("content-type", "application/x-www-form-urlencoded")];
    raw::exchange(&app.url, &raw::request("POST", "/sign-in", &headers, format!("key={key}").as_bytes())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_from_one_address_are_slowed_down_and_nobody_else_is() {
    let behind_a_proxy = |config: &mut server::config::Config| config.trusted_proxies = vec!["127.0.0.1".to_owned()];
    let app = TestApp::with(Engine::Sqlite, behind_a_proxy, EmulatorConfig::default()).await;
    let (right, wrong) = (app.key.expose_secret(), fresh_secret().expose_secret().to_owned());
    for _ in 0..20 {
        assert_eq!(sign_in(&app, GUESSER, right).await.status, 303, "a right key costs no attempt");
    }
    for _ in 0..10 {
        assert_eq!(sign_in(&app, GUESSER, &wrong).await.status, 422);
    }
    let refused = sign_in(&app, GUESSER, &wrong).await;
    refused.problem(429, "too_many_attempts");
    assert_eq!(refused.header("retry-after"), Some("60"), "{}", refused.head);
    assert_eq!(sign_in(&app, GUESSER, right).await.status, 429, "a guess that is right is refused as well");
    assert_eq!(sign_in(&app, &format!("203.0.113.1, {GUESSER}"), &wrong).await.status, 429, "it names itself");
    assert_eq!(sign_in(&app, "203.0.113.1", &wrong).await.status, 422);
    app.advance(SignedDuration::from_mins(1)).await;
    assert_eq!(sign_in(&app, GUESSER, right).await.status, 303);
    app.get("/api/v1/accounts").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_no_proxy_does_not_choose_its_address() {
    let app = TestApp::new().await;
    let wrong = fresh_secret().expose_secret().to_owned();
    for n in 0..10 {
        assert_eq!(sign_in(&app, &format!("198.51.100.{n}"), &wrong).await.status, 422);
    }
    assert_eq!(sign_in(&app, "198.51.100.11", &wrong).await.status, 429);
}
