//! The handshake an address is asked for, as Meta asks: what decides it, and that nothing is changed before it is
//! made, whichever way the token came.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use server::store::Engine;
use tokio::io::AsyncWriteExt as _;

use super::form::{Browser, page_of};
use super::receiver::Receiver;
use super::{eventually, expect_no_secret, fresh, make, of, patch, stories, with_number};
use crate::app::TestApp;

stories!(
    what_is_changed_while_an_address_thinks_stays_changed,
    the_form_asks_the_address_it_is_given,
    the_command_asks_the_address_it_is_given,
);

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_made_as_meta_makes_it_and_decides() {
    let app = fresh(Engine::Sqlite).await;
    let receiver = Receiver::start().await;
    receiver.shakes_hands("of-the-consumer");
    let body = |token: &str| {
        json!({ "url": format!("{}?fixed=1", receiver.url), "format": "meta", "verify_token": token,
        "headers": { "x-team": "support" } })
    };
    let made = make(&app, body("of-the-consumer")).await;
    expect_no_secret(&app.get(&of(&app, &made, "")).await.expect(200), &["of-the-consumer"]);
    let (query, headers) = receiver.asked().pop().unwrap();
    for part in ["fixed=1", "hub.mode=subscribe", "hub.verify_token=of-the-consumer", "hub.challenge="] {
        assert!(query.contains(part), "{part}: {query}");
    }
    assert_eq!(headers["x-team"], "support");

    let refused = app.post(&app.path("/endpoints"), body("of-nobody")).await.expect(422);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("answered 403") && detail.contains("verify token"), "{refused}");
    assert!(!refused.to_string().contains("of-nobody"), "{refused}");

    let polite = Receiver::start().await;
    let body = json!({ "url": polite.url, "format": "meta", "verify_token": "any" });
    let refused = app.post(&app.path("/endpoints"), body).await.expect(422);
    assert!(refused["detail"].as_str().unwrap().contains("not with the challenge"), "{refused}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let body = json!({ "url": nobody, "format": "meta", "verify_token": "any" });
    let refused = app.post(&app.path("/endpoints"), body).await.expect(422);
    assert!(refused["detail"].as_str().unwrap().contains("gave no answer"), "{refused}");

    let list = app.get(&app.path("/endpoints")).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "only the one that shook hands is there");

    // an address it moves to is asked likewise, and it stays where it was until the handshake is made
    receiver.shakes_hands("of-the-new-one");
    let moved = format!("{}?moved=1", receiver.url);
    let to = |token: &str| json!({ "url": moved, "verify_token": token });
    let before = app.get(&of(&app, &made, "")).await.expect(200);
    let refused = patch(&app, &made, to("of-nobody")).await.expect(422);
    assert!(refused["detail"].as_str().unwrap().contains("answered 403"), "{refused}");
    assert_eq!(app.get(&of(&app, &made, "")).await.expect(200), before, "nothing is changed");
    let changed = patch(&app, &made, to("of-the-new-one")).await.expect(200);
    assert_eq!(changed["url"], json!(moved));
    expect_no_secret(&changed, &["of-the-new-one"]);
    let (query, _) = receiver.asked().pop().unwrap();
    assert!(query.contains("moved=1") && query.contains("hub.verify_token=of-the-new-one"), "{query}");
}

async fn what_is_changed_while_an_address_thinks_stays_changed(engine: Engine) {
    let app = fresh(engine).await;
    let receiver = Receiver::start().await;
    receiver.shakes_hands("right");
    let made = make(&app, json!({ "url": receiver.url, "format": "meta", "headers": { "x-team": "support" } })).await;
    let moved = format!("{}?moved=1", receiver.url);

    let held = receiver.keeps_waiting().await;
    let slow = patch(&app, &made, json!({ "url": moved, "verify_token": "right" }));
    let quick = async {
        eventually("the handshake", async || (!receiver.asked().is_empty()).then_some(())).await;
        let change = json!({ "name": "Helpdesk", "per_second": 7, "headers": { "x-team": "sales" } });
        patch(&app, &made, change).await.expect(200);
        drop(held);
    };
    let (slow, ()) = tokio::join!(slow, quick);
    let changed = slow.expect(200);
    assert_eq!(
        (&changed["url"], &changed["name"], &changed["per_second"]),
        (&json!(moved), &json!("Helpdesk"), &json!(7)),
        "both hold: {changed}"
    );
    app.post(&of(&app, &made, "/test"), json!({})).await.expect(200);
    assert_eq!(receiver.last().header("x-team"), "sales");

    let held = receiver.keeps_waiting().await;
    let before = receiver.asked().len();
    let slow = patch(&app, &made, json!({ "url": moved, "verify_token": "right" }));
    let gone = async {
        eventually("the handshake", async || (receiver.asked().len() > before).then_some(())).await;
        let deleted = app.send(reqwest::Method::DELETE, &of(&app, &made, ""), None, Some(&app.key)).await;
        deleted.expect(204);
        drop(held);
    };
    let (slow, ()) = tokio::join!(slow, gone);
    slow.expect(404);
}

async fn the_form_asks_the_address_it_is_given(engine: Engine) {
    let (app, inbox, _) = with_number(engine).await;
    let (before, after) = (Receiver::start().await, Receiver::start().await);
    after.shakes_hands("of-the-consumer");
    let made = make(&app, json!({ "name": "Helpdesk", "url": before.url, "format": "meta" })).await;
    let page = page_of(inbox, &made);
    let edit = format!("{page}/edit");
    let owner = Browser::sign_in(&app, &app.key).await;
    let fields =
        |token| [("url", after.url.as_str()), ("name", "Moved"), ("kinds", "messages"), ("verify_token", token)];

    let (status, shown) = owner.post(&edit, &fields("of-nobody")).await;
    assert_eq!(status, 422, "{shown}");
    assert!(shown.contains("The handshake failed: it answered 403"), "{shown}");
    assert!(shown.contains(&format!("value=\"{}\"", after.url)) && !shown.contains("of-nobody"), "{shown}");
    let kept = app.get(&of(&app, &made, "")).await.expect(200);
    assert_eq!((&kept["url"], &kept["name"]), (&json!(before.url), &json!("Helpdesk")), "{kept}");

    let (status, to) = owner.post(&edit, &fields("of-the-consumer")).await;
    assert_eq!((status, to.as_str()), (303, format!("{page}?note=changed").as_str()));
    let changed = app.get(&of(&app, &made, "")).await.expect(200);
    assert_eq!((&changed["url"], &changed["name"]), (&json!(after.url), &json!("Moved")), "{changed}");
    assert_eq!(after.asked().len(), 2, "once a try");
}

async fn the_command_asks_the_address_it_is_given(engine: Engine) {
    let app = fresh(engine).await;
    let (before, after) = (Receiver::start().await, Receiver::start().await);
    after.shakes_hands("of-the-consumer");
    let made = make(&app, json!({ "url": before.url, "format": "meta", "headers": { "x-team": "support" } })).await;
    let id = made["id"].as_str().unwrap();
    let to_it = ["change", id, "--url", after.url.as_str(), "--secrets", "--json"];

    let refused = endpoint(&app, &to_it, r#"{"verify_token":"of-nobody"}"#).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("it answered 403"), "{refused:?}");
    assert!(!said.contains("of-nobody"), "{said}");
    assert_eq!(app.get(&of(&app, &made, "")).await.expect(200)["url"], json!(before.url));

    let wrong = endpoint(&app, &to_it, r#"{"verify-token":"of-nobody"}"#).await;
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(!wrong.status.success() && said.contains("verify_token") && !said.contains("of-nobody"), "{said}");

    let done = endpoint(&app, &to_it, r#"{"verify_token":"of-the-consumer"}"#).await;
    let value: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    assert_eq!(value["header_names"], json!(["x-team"]), "what is left out stays: {value}");
    expect_no_secret(&value, &["of-the-consumer", "support"]);
    assert_eq!(app.get(&of(&app, &made, "")).await.expect(200)["url"], json!(after.url));
    assert_eq!((after.asked().len(), before.asked().len()), (2, 0), "the address it moves to, once a try");
}

/// `linekeeper endpoint …` beside the running product, with something on its standard input.
async fn endpoint(app: &TestApp, arguments: &[&str], input: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = app.command(folder.path());
    command
        .arg("endpoint")
        .args(arguments)
        .env("LINEKEEPER_DELIVERY_ALLOW_SUBNETS", "127.0.0.0/8")
        .env("LINEKEEPER_DELIVERY_ALLOW_HTTP", "true")
        .kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    child.wait_with_output().await.unwrap()
}
