//! Meta answering garbage: our own answers stay helpful, nothing of the garbage and no secret leaks
//! through, redirects are not followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use graph_emulator::{Config as EmulatorConfig, Fault, Popup};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use server::config::Config;
use server::store::{Engine, channels};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::app::{Answer, TestApp};

const SIX: &str = "918273";

/// What stands in every garbage, and must be in no answer of ours.
const MARK: &str = "garbage-7f3b";

fn garbage() -> Vec<(&'static str, u16, String)> {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    vec![
        ("a page", 200, format!("<html><body>{MARK}</body></html>")),
        ("a proxy's page", 502, format!("<html><body>{MARK}</body></html>")),
        ("a page that forbids", 403, format!("<html>{MARK}</html>")),
        ("nothing", 200, String::new()),
        ("nothing, found", 404, String::new()),
        ("half an object", 200, format!("{{\"data\":[{{\"id\":\"7\",\"x\":\"{MARK}")),
        ("a list", 200, format!("[\"{MARK}\"]")),
        ("null", 200, "null".to_owned()),
        ("a text", 200, format!("\"{MARK}\"")),
        ("an empty object", 200, "{}".to_owned()),
        (
            "wrong types",
            200,
            format!("{{\"data\":{{\"is_valid\":[]}},\"success\":\"{MARK}\",\"access_token\":{{}},\"id\":[]}}"),
        ),
        ("odd rows", 200, format!("{{\"data\":[null,1,\"{MARK}\",[],{{}}],\"paging\":{{\"next\":7}}}}")),
        ("an error as text", 400, format!("{{\"error\":\"{MARK}\"}}")),
        ("an error of odd types", 400, "{\"error\":{\"code\":\"x\",\"message\":{},\"error_subcode\":[]}}".to_owned()),
        (
            "an error inside 200",
            200,
            "{\"error\":{\"code\":1,\"message\":\"An unknown error occurred\"},\"success\":true}".to_owned(),
        ),
        ("depth", 200, deep),
        ("zero bytes", 200, "\0".repeat(1000)),
        ("ten megabytes", 200, format!("{{\"data\":\"{}\"}}", "x".repeat(10_000_000))),
        ("a teapot", 418, MARK.to_owned()),
        ("an odd status", 299, MARK.to_owned()),
    ]
}

/// The answers of every route that asks Meta.
async fn press_everything(app: &TestApp, inbox: domain::ids::ChannelId) -> Vec<(String, Answer)> {
    let fresh = app.meta.sign_up(Popup::default()).await;
    let mut answers = vec![("signup".to_owned(), app.authorize(&fresh).await)];
    let posts = [
        ("/health/refresh", json!({})),
        ("/registration", json!({})),
        ("/registration/pin", json!({ "pin": SIX })),
        ("/registration/code", json!({ "method": "SMS" })),
        ("/registration/code/verify", json!({ "code": "564738" })),
        ("/register_webhook", json!({})),
    ];
    for (path, body) in posts {
        answers.push((path.to_owned(), app.post(&app.inbox(inbox, path), body).await));
    }
    answers.push(("/health".to_owned(), app.get(&app.inbox(inbox, "/health")).await));
    answers.push(("/registration".to_owned(), app.get(&app.inbox(inbox, "/registration")).await));
    answers
}

#[track_caller]
fn check(what: &str, answers: &[(String, Answer)], secrets: &[String]) {
    for (route, answer) in answers {
        let status = answer.status.as_u16();
        assert!(status < 500, "{what}, {route}: {}", answer.text);
        assert!(!answer.text.contains(MARK) || what == "an error as text", "{what}, {route}: {}", answer.text);
        for secret in secrets {
            assert!(!answer.text.contains(secret), "{what}, {route} tells a secret: {}", answer.text);
        }
        if status >= 400 {
            let problem = answer.json();
            for member in ["code", "detail", "error"] {
                assert!(problem[member].as_str().is_some_and(|text| text.len() > 3), "{what}, {route}: {problem}");
            }
        }
    }
}

async fn secrets_of(app: &TestApp, inbox: domain::ids::ChannelId) -> Vec<String> {
    let mut tx = app.app.store.read().await.unwrap();
    let kept = channels::credentials(&mut tx, inbox).await.unwrap().unwrap();
    let (token, verify) = (kept.access_token.expose_secret().to_owned(), kept.verify_token.expose_secret().to_owned());
    vec![token, verify, crate::app::APP_SECRET.to_owned(), app.keys.expose_secret().to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_meta_answers_ours_is_helpful() {
    let app = TestApp::new().await;
    let (_, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let secrets = secrets_of(&app, inbox).await;
    for (what, status, body) in garbage() {
        app.meta.clear_faults();
        let fault = Fault { body: Some(body), ..Fault::status("*", status).times(100_000) };
        app.meta.fail(fault);
        let answers = press_everything(&app, inbox).await;
        check(what, &answers, &secrets);
        assert_eq!(answers[0].1.status.as_u16(), 422, "{what}: no inbox came of it: {}", answers[0].1.text);
        app.advance(SignedDuration::from_mins(2)).await;
    }
    app.meta.clear_faults();
    app.advance(SignedDuration::from_hours(2)).await;
    app.get(&app.inbox(inbox, "/health")).await.expect(200);
    let list = app.get(&app.path("/inboxes")).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap()[0]["id"], inbox.0, "the number is still there: {list}");
}

/// A server that sends everybody on to another, which counts who comes.
async fn sends_away(status: u16) -> (String, Arc<AtomicUsize>) {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = trap.local_addr().unwrap();
    let caught = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&caught);
    tokio::spawn(async move {
        while trap.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let answer = format!(
        "HTTP/1.1 {status} Elsewhere\r\nlocation: http://{address}/v25.0/me\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: 16\r\n\r\n{{\"success\":true}}"
    );
    (always(answer.into_bytes()).await, caught)
}

/// A server that reads a request's head and answers these bytes.
async fn always(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = vec![0; 16 * 1024];
                let _ = stream.read(&mut head).await;
                let _ = stream.write_all(&answer).await;
            });
        }
    });
    url
}

/// A product whose Meta is at this address.
async fn with_meta_at(url: String, seconds: u64) -> TestApp {
    let change = move |config: &mut Config| {
        config.meta.base_url = url;
        config.limits.graph_deadline_seconds = seconds;
    };
    TestApp::with(Engine::Sqlite, change, EmulatorConfig::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_followed_to_another_address() {
    for status in [301, 302, 303, 307, 308] {
        let (url, caught) = sends_away(status).await;
        let app = with_meta_at(url, 5).await;
        let (_, answer) = app.sign_up(Popup::default()).await;
        let problem = answer.expect(422);
        assert_eq!(problem["code"], "meta_unavailable", "{problem}");
        assert_eq!(caught.load(Ordering::SeqCst), 0, "{status}: it went where it was sent");
    }
}

/// What is no HTTP, what stops half way, what never comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_wire_is_metas_silence() {
    let endless = format!("HTTP/1.1 200 OK\r\n{}", "x-long: y\r\n".repeat(20_000));
    let broken: [&[u8]; 6] = [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"access_token\":\"EAA",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 999999 No\r\n\r\n",
        endless.as_bytes(),
    ];
    for bytes in broken {
        let app = with_meta_at(always(bytes.to_vec()).await, 5).await;
        let (_, answer) = app.sign_up(Popup::default()).await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]);
        assert_eq!(answer.expect(422)["code"], "meta_unavailable", "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meta_that_never_answers_does_not_hold_the_caller() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let app = with_meta_at(format!("http://{}", listener.local_addr().unwrap()), 1).await;
    let result = app.meta.sign_up(Popup::default()).await;
    let answer = tokio::time::timeout(Duration::from_secs(13), app.authorize(&result)).await.unwrap();
    let problem: Value = answer.expect(422);
    assert_eq!(problem["code"], "meta_unavailable", "{problem}");
    assert!(answer.headers.contains_key("retry-after"));
}
