//! An endpoint's life: made, shown, changed, its secret, its end.

use jiff::SignedDuration;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use server::store::Engine;
use server::store::api_keys::Scope;

use super::receiver::Receiver;
use super::{expect_no_secret, fresh, make, of, patch, stories, with_number};

stories!(
    an_endpoint_is_made_shown_changed_and_deleted,
    a_secret_is_shown_once_and_changed_without_a_gap,
    a_secret_of_ones_own_signs_and_is_not_told_back_by_whoever_got_it,
);

async fn an_endpoint_is_made_shown_changed_and_deleted(engine: Engine) {
    let (app, inbox, _) = with_number(engine).await;
    let url = "https://127.0.0.1:9/hook?token=of-the-address";
    let made = make(&app, json!({ "url": url, "format": "standard", "headers": { "X-Team": "of-the-header" } })).await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{made}");
    let shown = app.get(&of(&app, &made, "")).await.expect(200);
    for (member, value) in [
        ("name", json!("127.0.0.1")),
        ("host", json!("127.0.0.1")),
        ("url", json!(url)),
        ("inbox_id", Value::Null),
        ("format", json!("standard")),
        ("header_names", json!(["X-Team"])),
        ("per_second", Value::Null),
        ("state", json!("active")),
        ("counts", json!({ "retrying": 0, "replayed": 0, "dead": 0, "backlog": 0 })),
        ("last_delivered_at", Value::Null),
        ("previous_secret_until", Value::Null),
    ] {
        assert_eq!(shown[member], value, "{member}: {shown}");
    }
    assert_eq!(shown["kinds"].as_array().unwrap().len(), 8, "everything, unless told: {shown}");
    expect_no_secret(&shown, &[&secret, "of-the-header"]);

    let reader = app.another_key(Some(app.account), Scope::Read).await;
    let seen = app.send(Method::GET, &of(&app, &made, ""), None, Some(&reader)).await.expect(200);
    assert!(seen.get("url").is_none(), "{seen}");
    expect_no_secret(&seen, &[&secret, "of-the-header", "of-the-address"]);

    let change = json!({ "name": "  Helpdesk ", "kinds": ["calls", "calls"], "per_second": 20 });
    let changed = patch(&app, &made, change).await.expect(200);
    assert_eq!(
        (&changed["name"], &changed["kinds"], &changed["per_second"]),
        (&"Helpdesk".into(), &json!(["calls"]), &20.into())
    );
    assert_eq!(
        (&changed["url"], &changed["header_names"]),
        (&json!(url), &json!(["X-Team"])),
        "what is left out stays"
    );
    expect_no_secret(&changed, &[&secret, "of-the-header"]);
    let cleared = patch(&app, &made, json!({ "per_second": 0, "headers": {} })).await.expect(200);
    assert_eq!((&cleared["per_second"], &cleared["header_names"]), (&Value::Null, &json!([])));

    let of_inbox = make(&app, json!({ "url": url, "format": "meta", "inbox_id": inbox.0 })).await;
    assert_eq!(of_inbox["kinds"].as_array().unwrap().len(), 7, "all that Meta's format carries: {of_inbox}");
    let list = app.get(&app.path("/endpoints")).await.expect(200);
    let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, [&made["id"], &of_inbox["id"]], "oldest first");
    let list = app.get(&app.path(&format!("/endpoints?inbox_id={inbox}"))).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "the account's go for every inbox");

    app.delete(&of(&app, &made, "")).await.expect(204);
    app.get(&of(&app, &made, "")).await.expect(404);
    app.delete(&of(&app, &made, "")).await.expect(404);
    app.delete(&app.inbox(inbox, "")).await.expect(204);
    let list = app.get(&app.path("/endpoints")).await.expect(200);
    assert_eq!(list["data"], json!([]), "an inbox takes its endpoints along");
}

async fn a_secret_is_shown_once_and_changed_without_a_gap(engine: Engine) {
    let app = fresh(engine).await;
    let receiver = Receiver::start().await;
    for (format, kinds) in [("standard", json!(["messages"])), ("meta", json!(["messages"]))] {
        let made = make(&app, json!({ "url": receiver.url, "format": format, "kinds": kinds })).await;
        let first = made["secret"].as_str().unwrap().to_owned();
        let signed = |secret: &str| match format {
            "meta" => receiver.last().is_signed_like_meta("x-hub-signature-256", secret),
            _ => receiver.last().is_signed_by_standard(secret),
        };
        let signed_before = |secret: &str| match format {
            "meta" => receiver.last().is_signed_like_meta("x-linekeeper-signature-256-before", secret),
            _ => receiver.last().is_signed_by_standard(secret),
        };
        let test = async || {
            let tested = app.post(&of(&app, &made, "/test"), Value::Null).await.expect(200);
            assert_eq!(
                (&tested["delivered"], &tested["status"], &tested["text"]),
                (&true.into(), &200.into(), &"Delivered".into())
            );
        };
        test().await;
        assert!(signed(&first) && !signed("whsec_bm90IHRoaXMgb25lIGJ1dCBhbm90aGVy"), "{format}");

        let changed = app.post(&of(&app, &made, "/secret"), json!({})).await.expect(200);
        let second = changed["secret"].as_str().unwrap().to_owned();
        assert_ne!(first, second);
        let shown = app.get(&of(&app, &made, "")).await.expect(200);
        let until: jiff::Timestamp = shown["previous_secret_until"].as_str().unwrap().parse().unwrap();
        let left = until.duration_since(app.clock.now());
        assert!(left <= SignedDuration::from_hours(24) && left > SignedDuration::from_mins(24 * 60 - 1), "{shown}");
        expect_no_secret(&shown, &[&first, &second]);
        test().await;
        assert!(signed(&second) && signed_before(&first), "{format}: both sign for a day");

        app.clock.set(app.clock.now() + SignedDuration::from_hours(25));
        test().await;
        assert!(signed(&second) && !signed(&first) && !signed_before(&first), "{format}: a day later one signs");
    }
}

async fn a_secret_of_ones_own_signs_and_is_not_told_back_by_whoever_got_it(engine: Engine) {
    let app = fresh(engine).await;
    let receiver = Receiver::start().await;
    let own = "whsec_YSBzZWNyZXQgb2Ygb25lcyBvd24gZm9yIGEgdGVzdA==";
    let headers = json!({ "authorization": "Bearer of-the-header" });
    let body = json!({ "url": receiver.url, "format": "standard", "secret": own, "headers": headers });
    let made = make(&app, body).await;
    assert_eq!(made["secret"], own);
    receiver.answer(500, &format!("got {own} and Bearer of-the-header"));
    let tested = app.post(&of(&app, &made, "/test"), Value::Null).await.expect(200);
    assert_eq!(
        (&tested["delivered"], &tested["status"], &tested["outcome"]),
        (&false.into(), &500.into(), &"refused".into())
    );
    assert_eq!(tested["answer"], "got [redacted] and [redacted]");
    assert!(receiver.last().is_signed_by_standard(own));
    assert_eq!(receiver.last().header("authorization"), "Bearer of-the-header");
    assert_eq!(receiver.last().json()["type"], "linekeeper.test");
    let list = app.get(&of(&app, &made, "/deliveries")).await.expect(200);
    assert_eq!(list["data"], json!([]), "nothing of a test is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_shows_a_secret_is_not_kept_for_a_second_showing() {
    let app = fresh(Engine::Sqlite).await;
    let client = reqwest::Client::new();
    let ask = async |path: String, body: Value| -> Value {
        let request = client.post(format!("{}{path}", app.url)).bearer_auth(app.key.expose_secret());
        let answer = request.header("idempotency-key", "once").json(&body).send().await.unwrap();
        assert!(answer.headers().get("idempotency-replayed").is_none());
        answer.json().await.unwrap()
    };
    let body = json!({ "url": "https://127.0.0.1:9/", "format": "meta" });
    let (one, two) = (ask(app.path("/endpoints"), body.clone()).await, ask(app.path("/endpoints"), body).await);
    assert_ne!((&one["id"], &one["secret"]), (&two["id"], &two["secret"]));
    let (again, later) =
        (ask(of(&app, &one, "/secret"), json!({})).await, ask(of(&app, &one, "/secret"), json!({})).await);
    assert!(again["secret"].is_string() && again["secret"] != later["secret"], "{again} {later}");
}
