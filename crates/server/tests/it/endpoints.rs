//! Endpoints over HTTP: made, changed, tried out, looked at, sent to again, against a receiver that really
//! listens. What is delivered when and in which order is told elsewhere.

use std::time::Duration;

use graph_emulator::{Config as EmulatorConfig, Popup};
use reqwest::Method;
use serde_json::{Value, json};
use server::config::Config;
use server::store::Engine;

use crate::app::{Answer, TestApp};

mod form;
mod handshake;
mod input;
mod made;
pub(crate) mod receiver;
mod sent;

/// Makes a test of each story on each engine.
macro_rules! stories {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")] async fn $story() {
                super::$story(server::store::Engine::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")] async fn $story() {
                super::$story(server::store::Engine::Postgres).await;
            })+
        }
    };
}
use stories;

/// This machine may be called, in plain http.
pub(crate) fn allow_this_machine(config: &mut Config) {
    config.delivery.allow_subnets = vec!["127.0.0.0/8".to_owned()];
    config.delivery.allow_http = true;
}

async fn fresh(engine: Engine) -> TestApp {
    TestApp::with(engine, allow_this_machine, EmulatorConfig::default()).await
}

/// A product with a number, and that number's id at Meta.
async fn with_number(engine: Engine) -> (TestApp, domain::ids::ChannelId, String) {
    let app = fresh(engine).await;
    let (number, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    (app, inbox, number.phone_number_id.unwrap())
}

/// Makes an endpoint that must be made.
async fn make(app: &TestApp, body: Value) -> Value {
    app.post(&app.path("/endpoints"), body).await.expect(201)
}

/// A path of an endpoint.
fn of(app: &TestApp, endpoint: &Value, rest: &str) -> String {
    app.path(&format!("/endpoints/{}{rest}", endpoint["id"].as_str().unwrap()))
}

async fn patch(app: &TestApp, endpoint: &Value, body: Value) -> Answer {
    app.send(Method::PATCH, &of(app, endpoint, ""), Some(body), Some(&app.key)).await
}

/// The ids of a list, in its order.
fn events_of(list: &Value) -> Vec<String> {
    list["data"].as_array().unwrap().iter().map(|row| row["event_id"].as_str().unwrap().to_owned()).collect()
}

/// A customer writes; which event it became.
async fn write(app: &TestApp, inbox: domain::ids::ChannelId, number: &str, from: &str, text: &str) -> String {
    app.meta.receive_text(number, from, text).await.unwrap();
    app.settle().await;
    let events = app.get(&app.inbox(inbox, "/events?limit=1")).await.expect(200);
    events["data"][0]["id"].as_str().unwrap().to_owned()
}

/// Waits for something that another task does.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    for _ in 0..1_500 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came: {what}");
}

/// What everybody may be told of an endpoint holds no secret.
#[track_caller]
fn expect_no_secret(answer: &Value, secrets: &[&str]) {
    assert!(answer.get("secret").is_none(), "{answer}");
    for secret in secrets {
        assert!(!answer.to_string().contains(secret), "{secret} is told: {answer}");
    }
}

/// A body with one member.
fn json_object(name: &str, value: impl Into<Value>) -> Value {
    let value: Value = value.into();
    json!({ name: value })
}
