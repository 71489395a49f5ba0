//! Erasure of one person, over HTTP on both engines: their events go, those of others and of other tenants
//! stay; it resumes after a crash, and nothing names the person afterwards.

use domain::ids::AccountId;
use graph_emulator::{Popup, SignupResult};
use jiff::SignedDuration;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use server::flows::erasure::{self, BatchResult, Driver};
use server::store::api_keys::Scope;
use server::store::ids::EventId;
use server::store::{Engine, erasures, events};

use crate::app::{APP_SECRET, TestApp, browser};

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];
const ADA: &str = "15550199999";
const ADAS_ID: &str = "US.13491208655302741918";
const BEN: &str = "15550177777";

/// Posts one change about a number.
async fn post(app: &TestApp, number: &SignupResult, field: &str, mut value: Value) {
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] = json!({ "display_phone_number": "15550100001", "phone_number_id": number.phone_number_id });
    let change = json!({ "field": field, "value": value });
    let body =
        json!({ "object": "whatsapp_business_account", "entry": [{ "id": number.waba_id, "changes": [change] }] });
    app.post_webhook("/webhooks/whatsapp", body.to_string().as_bytes(), Some(APP_SECRET)).await.expect(200);
}

fn message(from: &str, id: &str, text: &str) -> Value {
    json!({ "from": from, "id": id, "timestamp": "1790000000", "type": "text", "text": { "body": text } })
}

/// Posts messages to a number: of Ada alone, of Ben alone, of both.
async fn post_messages(app: &TestApp, number: &SignupResult) {
    // names her by an id alone, before any event links the id to her number
    let status = json!({ "id": "wamid.S", "status": "read", "recipient_user_id": ADAS_ID });
    post(app, number, "messages", json!({ "statuses": [status] })).await;
    let ada = json!({ "profile": { "name": "Ada" }, "wa_id": ADA, "user_id": ADAS_ID });
    let ben = json!({ "profile": { "name": "Ben" }, "wa_id": BEN });
    post(app, number, "messages", json!({ "contacts": [ada], "messages": [message(ADA, "wamid.A", "secret")] })).await;
    post(app, number, "messages", json!({ "contacts": [ben], "messages": [message(BEN, "wamid.B", "mine")] })).await;
    let both = json!({ "contacts": [ada, ben],
        "messages": [message(ADA, "wamid.C", "secret"), message(BEN, "wamid.D", "stays")] });
    post(app, number, "messages", both).await;
    let echo = json!({ "from": "15550100001", "to": ADA, "id": "wamid.E", "text": { "body": "secret" } });
    post(app, number, "smb_message_echoes", json!({ "message_echoes": [echo] })).await;
    let thread = |id: &str| json!({ "id": id, "messages": [message(id, "wamid.H", "old")] });
    post(app, number, "history", json!({ "history": [{ "threads": [thread(ADA), thread(BEN)] }] })).await;
    app.settle().await;
}

/// The body of every stored event.
async fn bodies(app: &TestApp) -> Vec<String> {
    let mut tx = app.app.store.read().await.unwrap();
    let mut bodies = Vec::new();
    for id in 1..200 {
        let body = events::body(&mut tx, EventId(id)).await.unwrap();
        bodies.extend(body.map(|body| String::from_utf8(body).unwrap()));
    }
    bodies
}

async fn tenant(app: &TestApp) -> (AccountId, SecretString, SignupResult) {
    let (account, key) = app.another_account(Scope::Admin).await;
    let number = app.meta.sign_up(Popup::default()).await;
    let path = format!("/api/v1/accounts/{account}/whatsapp/authorization");
    app.send(Method::POST, &path, Some(browser(&number)), Some(&key)).await.expect(200);
    app.settle().await;
    (account, key, number)
}

fn of_number<'a>(bodies: &'a [String], number: &SignupResult) -> Vec<&'a String> {
    let id = number.phone_number_id.as_deref().unwrap();
    bodies.iter().filter(|body| body.contains(id)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_erased_and_everybody_else_stays() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (mine, _) = app.signed_up(Popup::default()).await;
        let (_, their_key, theirs) = tenant(&app).await;
        post_messages(&app, &mine).await;
        post_messages(&app, &theirs).await;
        let before = bodies(&app).await;
        let their_before: Vec<String> = of_number(&before, &theirs).into_iter().cloned().collect();

        // nobody but the account's admin
        let path = app.path("/erasures");
        let whom = json!({ "person": format!("+{ADA}") });
        app.send(Method::POST, &path, Some(whom.clone()), Some(&their_key)).await.expect(404);
        let operate = app.another_key(Some(app.account), Scope::Operate).await;
        app.send(Method::POST, &path, Some(whom.clone()), Some(&operate)).await.expect(403);
        for nonsense in [json!({}), json!({ "person": "Ada" }), json!({ "person": mine_number(&app).await })] {
            assert_eq!(app.post(&path, nonsense).await.expect(422)["code"], "invalid_parameter");
        }
        app.settle().await;
        assert_eq!(bodies(&app).await, before, "no erasure was started");

        let begun = app.post(&path, whom).await.expect(202);
        assert_eq!((&begun["state"], &begun["finished_at"]), (&json!("under_way"), &Value::Null), "{begun}");
        let own = format!("{path}/{}", begun["id"].as_str().unwrap());
        app.settle().await;
        let done = app.get(&own).await.expect(200);
        assert_eq!((&done["state"], &done["percent"]), (&json!("done"), &json!(100)), "{done}");
        assert_eq!((&done["events_deleted"], &done["events_rewritten"]), (&json!(3), &json!(2)), "{done}");
        app.send(Method::GET, &own, None, Some(&their_key)).await.expect(404);
        app.get(&format!("{path}/ers_0190f3a2c0de7000b000000000000001")).await.expect(404);

        let after = bodies(&app).await;
        let rest = of_number(&after, &mine);
        for gone in [ADA, ADAS_ID, "secret", "Ada", "wamid.A", "wamid.S"] {
            assert!(!rest.iter().any(|body| body.contains(gone)), "{gone} is still there: {rest:#?}");
        }
        for stays in ["mine", "stays", "wamid.D"] {
            assert!(rest.iter().any(|body| body.contains(stays)), "{stays} is gone: {rest:#?}");
        }
        let alone = before.iter().find(|body| body.contains("mine") && of_number(&before, &mine).contains(body));
        assert!(after.contains(alone.unwrap()), "an event that does not name her is unchanged");
        let their_after: Vec<String> = of_number(&after, &theirs).into_iter().cloned().collect();
        assert_eq!(their_after, their_before, "another tenant's was touched");
    }
}

async fn mine_number(app: &TestApp) -> String {
    let inboxes = app.get(&app.path("/inboxes")).await.expect(200);
    let number = inboxes["data"][0]["phone_number"].as_str().unwrap_or_default().to_owned();
    assert!(number.starts_with('+'), "{inboxes}");
    number
}

#[tokio::test(flavor = "multi_thread")]
async fn the_person_is_named_nowhere_and_a_repeated_request_works_once() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (mine, _) = app.signed_up(Popup::default()).await;
        post_messages(&app, &mine).await;
        let http = reqwest::Client::new();
        let mut answers = Vec::new();
        for _ in 0..2 {
            use secrecy::ExposeSecret as _;
            let request = http.post(format!("{}{}", app.url, app.path("/erasures")));
            let request = request.bearer_auth(app.key.expose_secret()).header("idempotency-key", "erase-ada");
            let answer = request.json(&json!({ "person": ADA })).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 202);
            answers.push(answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned());
        }
        assert_eq!(answers[0], answers[1]);
        app.settle().await;
        let mut tx = app.app.store.read().await.unwrap();
        let it = erasures::find(&mut tx, answers[0].parse().unwrap()).await.unwrap().unwrap();
        assert!(it.finished_at.is_some() && it.person.is_none());
        assert!(it.pass >= 2, "an id was learnt at the end: {it:?}");
        assert!(!format!("{it:?}").contains(ADA));
        drop(tx);
        assert!(!bodies(&app).await.iter().any(|body| body.contains(ADA) || body.contains(ADAS_ID)));
    }
}

/// Its driver may end after any batch; the job resumes it, and two drivers at once do no harm.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_resumes_where_it_stopped() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (mine, _) = app.signed_up(Popup::default()).await;
        for n in 0..30 {
            let messages: Vec<Value> = (0..20).map(|m| message(ADA, &format!("wamid.{n}.{m}"), "x")).collect();
            for one in messages {
                post(&app, &mine, "messages", json!({ "messages": [one] })).await;
            }
        }
        app.settle().await;
        let grace = Driver::Caller(SignedDuration::from_mins(5));
        let begun = erasure::start(&app.app, app.account, ADA, grace).await.unwrap();
        let BatchResult::More(first) = erasure::erase_batch(&app.app, begun.id).await.unwrap() else {
            panic!("one batch is not all")
        };
        assert!((1..100).contains(&first.percent()) && first.percent() > 10, "{}", first.percent());
        // its driver has ended: nothing happens until the sweep
        app.settle().await;
        assert!(bodies(&app).await.iter().any(|body| body.contains(ADA)) || first.cursor.0 > 199);
        let (one, other) =
            tokio::join!(erasure::erase_batch(&app.app, begun.id), erasure::erase_batch(&app.app, begun.id));
        assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
        server::flows::queue::enqueue_now(&app.app, &[server::flows::queue::Job::Sweep]).await.unwrap();
        app.advance(SignedDuration::from_mins(11)).await;
        let mut tx = app.app.store.read().await.unwrap();
        let done = erasures::find(&mut tx, begun.id).await.unwrap().unwrap();
        assert!(done.finished_at.is_some(), "{done:?}");
        assert_eq!(done.deleted, 600, "each event counts once");
    }
}

/// A number may have been another tenant's before: events of that time are not this account's to erase. Those of a time
/// when it was nobody's are, since they were assigned to its inbox.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_numbers_former_account_stay() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (other, key, number) = tenant(&app).await;
        post_messages(&app, &number).await;
        let inboxes = app.send(Method::GET, &format!("/api/v1/accounts/{other}/inboxes"), None, Some(&key)).await;
        let inbox = inboxes.expect(200)["data"][0]["id"].as_i64().unwrap();
        let path = format!("/api/v1/accounts/{other}/inboxes/{inbox}");
        app.send(Method::DELETE, &path, None, Some(&key)).await.expect(204);
        app.settle().await;
        let before = of_number(&bodies(&app).await, &number).len();
        post(&app, &number, "messages", json!({ "messages": [message(ADA, "wamid.between", "secret")] })).await;
        let digits = app.meta.number(number.phone_number_id.as_deref().unwrap()).unwrap().phone_number;
        let popup = Popup { waba_id: number.waba_id.clone(), phone_number: Some(digits), ..Popup::default() };
        let number = app.meta.sign_up(popup).await;
        app.authorize(&number).await.expect(200);
        post(&app, &number, "messages", json!({ "messages": [message(ADA, "wamid.later", "secret")] })).await;
        app.settle().await;
        app.post(&app.path("/erasures"), json!({ "person": ADA })).await.expect(202);
        app.settle().await;
        let after = bodies(&app).await;
        assert!(!after.iter().any(|body| body.contains("wamid.later") || body.contains("wamid.between")));
        assert_eq!(of_number(&after, &number).len(), before);
    }
}

/// Asked for by the newest id, with the links from the oldest on in between: a pass per change.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_followed_through_every_change_of_number_and_id() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (mine, _) = app.signed_up(Popup::default()).await;
        let ids: Vec<String> = (0..6).map(|n| format!("US.1349120865530274{n}")).collect();
        let said = |id: &str| {
            json!({ "from_user_id": id, "id": format!("wamid.of.{}", id.len()), "type": "text",
            "timestamp": "1790000000", "text": { "body": format!("secret {id}") } })
        };
        post(&app, &mine, "messages", json!({ "messages": [message(ADA, "wamid.A", "secret")] })).await;
        let moved = json!({ "from": ADA, "id": "wamid.M", "type": "system", "timestamp": "1790000001", "system": {
            "body": "User Ada changed", "wa_id": "15550188888", "user_id": ids[0], "type": "user_changed_number" } });
        post(&app, &mine, "messages", json!({ "messages": [moved] })).await;
        for (n, pair) in ids.windows(2).enumerate() {
            post(&app, &mine, "messages", json!({ "messages": [said(&pair[0])] })).await;
            let link = json!({ "id": format!("wamid.L{n}"), "type": "system", "timestamp": "1790000002", "system": {
                "body": "User Ada changed", "previous_user_id": pair[0], "user_id": pair[1],
                "type": "user_changed_user_id" } });
            post(&app, &mine, "messages", json!({ "messages": [link] })).await;
        }
        post(&app, &mine, "messages", json!({ "messages": [message(BEN, "wamid.B", "stays")] })).await;
        app.settle().await;
        app.post(&app.path("/erasures"), json!({ "person": ids[5] })).await.expect(202);
        app.settle().await;
        let rest = bodies(&app).await;
        let named = |id: &str| rest.iter().any(|body| body.contains(id));
        assert!(
            !ids.iter().any(|id| named(id)) && !named(ADA) && !named("15550188888") && !named("secret"),
            "{rest:#?}"
        );
        assert!(named("stays"));
    }
}

/// The command asks for a confirmation and reports what it did.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_erases_and_reports_how_much() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (mine, _) = app.signed_up(Popup::default()).await;
        post_messages(&app, &mine).await;
        let account = app.account.to_string();
        let asked = erase(&app, &["--account", &account, "--person", ADA]).await;
        let said = String::from_utf8_lossy(&asked.stderr).into_owned();
        assert!(!asked.status.success() && said.contains("--yes"), "{said}");
        assert!(bodies(&app).await.iter().any(|body| body.contains(ADA)), "the erasure was not confirmed");
        let wrong = erase(&app, &["--account", &account, "--person", "Ada", "--yes"]).await;
        let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
        assert!(!wrong.status.success() && said.contains("a phone number such as"), "{said}");
        let done = erase(&app, &["--account", &account, "--person", ADA, "--yes", "--json"]).await;
        let value: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
        assert_eq!((&value["erased"], &value["events_deleted"]), (&json!(true), &json!(3)), "{value}");
        assert!(!bodies(&app).await.iter().any(|body| body.contains(ADA) || body.contains(ADAS_ID)));
    }
}

async fn erase(app: &TestApp, arguments: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = app.command(folder.path());
    command.arg("erase").args(arguments).stdin(std::process::Stdio::null()).output().await.unwrap()
}
