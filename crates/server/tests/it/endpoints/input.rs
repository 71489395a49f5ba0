//! What cannot be an endpoint: every refusal names the field and says how it should be, and nothing is made.

use serde_json::{Value, json};
use server::store::Engine;

use super::{fresh, json_object, make, of, patch};

/// A good body with one member changed.
fn with(member: &str, value: Value) -> Value {
    let mut body = json!({ "url": "https://127.0.0.1:9/", "format": "standard" });
    body[member] = value;
    body
}

fn many_headers() -> Value {
    (0..21).map(|n| (format!("x-{n}"), Value::from("v"))).collect::<serde_json::Map<_, _>>().into()
}

/// Member, value, and what the refusal says.
fn wrong() -> Vec<(&'static str, Value, &'static str)> {
    let header = |name: &str, value: &str| json_object(name, value);
    vec![
        ("format", Value::Null, "\"meta\""),
        ("format", "xml".into(), "\"standard\""),
        ("url", Value::Null, "missing"),
        ("url", "".into(), "not an address"),
        ("url", "hooks".into(), "https://"),
        ("url", "ftp://127.0.0.1/".into(), "ftp:"),
        ("url", "file:///etc/passwd".into(), "https://"),
        ("url", "http://8.8.8.8/".into(), "https://"),
        ("url", "https://10.0.0.5/".into(), "private"),
        ("url", "https://[::ffff:10.0.0.5]/".into(), "mapped"),
        ("url", "https://169.254.169.254/latest".into(), "metadata"),
        ("url", "https://0x0a000005/".into(), "private"),
        ("url", "https://somebody:word@127.0.0.1/".into(), "must not hold a user name"),
        ("url", "https://127.0.0.1:0/".into(), "port 0"),
        ("url", format!("https://127.0.0.1/{}", "x".repeat(3000)).into(), "2048"),
        ("kinds", json!([]), "at least one"),
        ("kinds", json!(["messages", "smoke"]), "templates"),
        ("kinds", "messages".into(), "expected a sequence"),
        ("name", "x".repeat(201).into(), "200"),
        ("name", " ".into(), "empty"),
        ("name", "\u{200b}".into(), "visible"),
        ("name", "\u{202e}kseD".into(), "direction"),
        ("name", "two\nlines".into(), "control"),
        ("per_second", json!(-1), "expected u32"),
        ("per_second", "many".into(), "expected u32"),
        ("inbox_id", "mine".into(), "id of an inbox"),
        ("inbox_id", json!(-3), "id of an inbox"),
        ("secret", "short".into(), "16 to 512"),
        ("secret", "with spaces in between".into(), "without spaces"),
        ("secret", "long enough, in a way".replace([' ', ','], "-").into(), "whsec_"),
        ("secret", "whsec_not*base64*at*all".into(), "base64"),
        ("headers", header("two words", "x"), "no name of a header"),
        ("headers", header("", "x"), "no name of a header"),
        ("headers", header("x\r\nhost", "x"), "no name of a header"),
        ("headers", header("x-team", "a\r\nx-other: b"), "printable ASCII"),
        ("headers", header("x-team", "käse"), "printable ASCII"),
        ("headers", header("x-team", &"v".repeat(5000)), "4096"),
        ("headers", header("Content-Length", "1"), "set by Linekeeper"),
        ("headers", header("Host", "elsewhere"), "set by Linekeeper"),
        ("headers", header("webhook-id", "x"), "set by Linekeeper"),
        ("headers", header("X-Hub-Signature-256", "x"), "set by Linekeeper"),
        ("headers", header("X-Linekeeper-Event", "x"), "set by Linekeeper"),
        ("headers", many_headers(), "at most 20"),
        ("headers", json!({ "x-team": "a", "X-Team": "b" }), "stands there twice"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_is_named_with_what_would_be_right() {
    let app = fresh(Engine::Sqlite).await;
    for (member, value, says) in wrong() {
        let shown = value.to_string();
        let refused = app.post(&app.path("/endpoints"), with(member, value)).await.expect(422);
        let (code, field) = (&refused["code"], &refused["errors"][0]["field"]);
        // what lies deeper than the member is named by its path
        let field = field.as_str().unwrap_or_default().split(['.', '[']).next();
        assert_eq!((code, field), (&"invalid_parameter".into(), Some(member)), "{member} {shown:.60}: {refused}");
        let message = refused["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(says), "{member} {shown:.60}: {message}");
    }
    let meta = json!({ "url": "https://127.0.0.1:9/", "format": "meta", "kinds": ["announcements"] });
    let refused = app.post(&app.path("/endpoints"), meta).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "kinds", "{refused}");
    app.post(&app.path("/endpoints"), with("inbox_id", json!(999_999))).await.expect(404);
    let list = app.get(&app.path("/endpoints")).await.expect(200);
    assert_eq!(list["data"], json!([]), "nothing was made of any of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_held_to_the_same_and_some_things_stay() {
    let app = fresh(Engine::Sqlite).await;
    let made = make(&app, with("name", "As it was".into())).await;
    let before = app.get(&of(&app, &made, "")).await.expect(200);
    // what may be left out of a change, and what has a route of its own
    let is_for_change =
        |member: &str, value: &Value| !value.is_null() && ["url", "kinds", "name", "headers"].contains(&member);
    for (member, value, says) in wrong().into_iter().filter(|(member, value, _)| is_for_change(member, value)) {
        let refused = patch(&app, &made, json_object(member, value)).await.expect(422);
        assert!(refused["detail"].as_str().unwrap().contains(says), "{member}: {refused}");
    }
    for (member, value) in [("format", "meta"), ("inbox_id", "1"), ("secret", "whsec_bm90IGhlcmUsIG9uIGl0cyBvd24=")] {
        let refused = patch(&app, &made, json_object(member, value)).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], member, "{refused}");
    }
    let refused = app.post(&of(&app, &made, "/secret"), json!({ "secret": "short" })).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "secret");
    let refused = app.post(&of(&app, &made, "/enable"), json!({ "from": "yesterday" })).await.expect(422);
    assert!(refused["detail"].as_str().unwrap().contains("where_it_stopped"), "{refused}");
    assert_eq!(app.get(&of(&app, &made, "")).await.expect(200), before, "nothing was changed by any of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_so_many_endpoints_and_no_more() {
    let app = fresh(Engine::Sqlite).await;
    for _ in 0..50 {
        make(&app, with("format", "meta".into())).await;
    }
    let refused = app.post(&app.path("/endpoints"), with("format", "meta".into())).await.expect(422);
    assert!(refused["detail"].as_str().unwrap().contains("50 endpoints"), "{refused}");
}
