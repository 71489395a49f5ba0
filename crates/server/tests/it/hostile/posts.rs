//! Meta's callback under attack: signatures, broken bodies, wrong types, foreign and unknown numbers.

use serde_json::{Value, json};
use server::store::ids::EventId;
use server::store::{Engine, events};

use super::raw;
use super::support::{HOOK, Site, count, envelope, messages, signature, whole};
use crate::app::{APP_SECRET, TestApp};

const BEFORE: &str = "canary-app-secret-before-77aa";

/// Ids of an inbox's events as the API lists them.
async fn listed(site: &Site, path: &str, key: &secrecy::SecretString) -> Vec<Value> {
    let answer = site.app.send(reqwest::Method::GET, path, None, Some(key)).await;
    answer.expect(200)["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meta_did_not_sign_is_refused_and_nothing_is_kept() {
    let site = Site::new().await;
    let before = site.count("event").await;
    let body = envelope(site.waba(), "messages", &messages(site.phone_id(), "forged", 1));
    let good = signature(APP_SECRET, &body);
    let wrong = [
        String::new(),
        "sha256=".to_owned(),
        good.trim_start_matches("sha256=").to_owned(),
        good.replace("sha256=", "sha1="),
        good.replace("sha256=", "SHA256="),
        good[..good.len() - 1].to_owned(),
        format!("{good}00"),
        format!("{good}, {good}"),
        format!("sha256={}", "0".repeat(64)),
        format!("sha256={}", "é".repeat(32)),
        signature("another-secret", &body),
        signature("", &body),
        signature(APP_SECRET, b"another body"),
        signature(APP_SECRET, &body[..body.len() - 1]),
    ];
    for header in &wrong {
        let answer = site.post_signed(header, &body).await;
        let document = answer.problem(401, "bad_signature");
        assert!(!answer.body.contains(&good[7..]), "the expected signature is told: {document}");
    }
    let unsigned = site.bare("POST", HOOK, &[("content-type", "application/json")], &body).await;
    unsigned.problem(401, "bad_signature");
    let sha1 = site.bare("POST", HOOK, &[("x-hub-signature", &good)], &body).await;
    sha1.problem(401, "bad_signature");
    assert_eq!(site.count("event").await, before);
    assert_eq!(site.post_signed(&good, &body).await.status, 200);
    assert_eq!(site.count("event").await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_app_secret_changes_both_sign_and_no_third() {
    let change = |config: &mut server::config::Config| config.meta.previous_app_secret = Some(BEFORE.into());
    let app = TestApp::with(Engine::Sqlite, change, graph_emulator::Config::default()).await;
    for (secret, status) in [(APP_SECRET, 200), (BEFORE, 200), ("a third", 401)] {
        let body = envelope("71", "messages", &messages("72", secret, 1));
        assert_eq!(app.post_webhook(HOOK, &body, Some(secret)).await.status, status, "{secret}");
    }
    assert_eq!(count(&app, "select count(*) from event where phone_number_id = '72'").await, 2);
}

/// Bodies Meta would never send, and the start of what is said about each.
fn unreadable() -> Vec<(Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let good = whole(&json!([{ "id": "71", "changes": [{ "field": "messages", "value": {} }] }]));
    let deep = format!("{{\"entry\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
    vec![
        (text(""), "the body is empty"),
        (text(" \n "), "the body is empty"),
        (good[..good.len() - 2].to_vec(), "the body is not JSON"),
        (good[..40].to_vec(), "the body is not JSON"),
        ([good.as_slice(), b"}"].concat(), "the body is not JSON"),
        ([b"\xef\xbb\xbf".as_slice(), good.as_slice()].concat(), "the body is not JSON"),
        (b"{\"object\":\"whatsapp_business_account\",\"entry\":\"\xff\xfe\"}".to_vec(), "the body is not JSON"),
        (text("null"), "the body must be an object"),
        (text("[]"), "the body must be an object"),
        (text("17"), "the body must be an object"),
        (text("\"entry\""), "the body must be an object"),
        (text("{}"), "entry is missing"),
        (text("{\"entry\":null}"), "entry"),
        (text("{\"entry\":{}}"), "entry must be a list"),
        (text("{\"entry\":[7]}"), "entry[0] must be an object"),
        (text("{\"entry\":[{\"id\":\"71\"}]}"), "entry[0].changes is missing"),
        (text("{\"entry\":[{\"changes\":{}}]}"), "entry[0].changes must be a list"),
        (text("{\"entry\":[{\"changes\":[[]]}]}"), "entry[0].changes[0] must be an object"),
        (text("{\"entry\":[],\"entry\":[]}"), "the body has a member twice"),
        (text("{\"object\":\"page\",\"entry\":[]}"), "\"object\" is \"page\""),
        (deep.into_bytes(), "the body is not JSON"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_body_that_is_no_post_is_400_and_says_where() {
    let site = Site::new().await;
    let before = site.count("event").await;
    for (body, says) in unreadable() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let answer = site.post(&body).await;
        assert_eq!(answer.status, 400, "{shown}: {}", answer.body);
        let document = answer.problem(400, "malformed_body");
        let detail = document["detail"].as_str().unwrap();
        assert!(detail.starts_with(says), "{shown}: {detail}");
    }
    assert_eq!(site.count("event").await, before);
}

/// Values of the wrong type everywhere, and kinds nobody knows: Meta's word is kept, not judged.
fn odd_entries(phone_id: &str) -> Vec<Value> {
    let change = |field: Value, value: Value| json!({ "id": "71", "changes": [{ "field": field, "value": value }] });
    let deep: Value = (0..100).fold(json!(1), |inner, _| json!([inner]));
    vec![
        change(json!("messages"), json!(null)),
        change(json!("messages"), json!([])),
        change(json!("messages"), json!("text")),
        change(json!("messages"), json!({ "metadata": 7, "messages": {}, "statuses": "x", "errors": 1 })),
        change(json!("messages"), json!({ "metadata": { "phone_number_id": 72 }, "statuses": [null, 1, {}] })),
        change(json!("messages"), json!({ "metadata": { "phone_number_id": phone_id }, "messages": deep })),
        change(
            json!("messages"),
            json!({ "metadata": { "phone_number_id": phone_id }, "statuses":
            [{ "status": "failed", "errors": [{ "code": "131042" }, { "code": 9_007_199_254_740_993_i64 }] }] }),
        ),
        change(json!("account_update"), json!({ "event": 7, "waba_info": [], "ban_info": "x" })),
        change(json!("account_update"), json!({ "event": "PARTNER_ADDED", "waba_info": null })),
        change(json!("account_update"), json!({ "event": "SOMETHING_NEW", "waba_info": { "waba_id": {} } })),
        change(json!("phone_number_name_update"), json!({ "decision": [], "display_phone_number": {} })),
        change(json!("security"), json!({ "event": null, "display_phone_number": -1 })),
        change(json!("business_capability_update"), json!({ "max_daily_conversations_per_business": -1 })),
        change(json!("a_field_of_tomorrow"), json!({ "anything": [true] })),
        change(json!(7), json!({})),
        change(json!({}), json!({})),
        change(json!("x".repeat(100_000)), json!({})),
        json!({ "id": {}, "time": "soon", "changes": [{ "field": "messages", "value": {} }] }),
        json!({ "id": -1, "time": 1e300, "changes": [{ "field": "security", "value": { "event": "PIN_CHANGED" } }] }),
        json!({ "id": "9".repeat(500), "time": i64::MIN, "changes": [{ "value": {} }] }),
        json!({ "time": u64::MAX, "changes": [{}] }),
        json!({ "id": "71", "changes": [], "unknown": { "members": 1 } }),
        json!({ "field": "account_update", "value": { "event": "PARTNER_APP_INSTALLED" } }),
    ]
}

async fn keeps_what_it_cannot_read(engine: Engine) {
    let site = Site::on(engine).await;
    let before = site.count("event").await;
    let entries = odd_entries(site.phone_id());
    let changes = entries.iter().map(|e| e["changes"].as_array().map_or(1, Vec::len)).sum::<usize>();
    let answer = site.post(&whole(&json!(entries))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(site.count("event").await - before, i64::try_from(changes).unwrap());
    for entry in &entries {
        assert_eq!(site.post(&whole(&json!([entry]))).await.status, 200, "{entry}");
    }
    site.app.settle().await;
    let waiting = count(&site.app, "select count(*) from event where state = 1").await;
    assert_eq!(waiting, 0, "interpreting stopped at one of them");
    site.app.get(&site.path("/health")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_types_and_unknown_kinds_are_kept_and_stop_nothing() {
    keeps_what_it_cannot_read(Engine::Sqlite).await;
    keeps_what_it_cannot_read(Engine::Postgres).await;
}

/// What no PostgreSQL text can hold, and what would break a line: in every place that is a column.
fn poison(phone_id: &str) -> Vec<Vec<u8>> {
    let raw = |entry: &str, field: &str, value: &str| {
        let head = "{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":";
        format!("{head}\"{entry}\",\"changes\":[{{\"field\":\"{field}\",\"value\":{value}}}]}}]}}").into_bytes()
    };
    let metadata = format!("{{\"metadata\":{{\"phone_number_id\":\"{phone_id}\\u0000\"}}}}");
    let shared =
        "{\"event\":\"PARTNER_ADDED\",\"waba_info\":{\"waba_id\":\"7\\u00001\",\"owner_business_id\":\"\\u0000\"}}";
    let named = "{\"decision\":\"APPROVED\\u0000\",\"display_phone_number\":\"1\\u0000\",\"requested_verified_name\":\"\\u0000\"}";
    vec![
        raw("7\\u00001", "messages", "{}"),
        raw("71\\n1\\n{}", "messages", "{}"),
        raw("71", "mess\\u0000ages", "{}"),
        raw("71", "messages", &metadata),
        raw("\\ud800", "\\udfff", "{\"event\":\"\\ud800\"}"),
        raw("71", "account_update", shared),
        raw("71", "phone_number_name_update", named),
        raw("71", "\\u0000", "\"\\u0000\""),
    ]
}

async fn poison_stops_nobody(engine: Engine) {
    let site = Site::on(engine).await;
    for body in poison(site.phone_id()) {
        let answer = site.post(&body).await;
        assert_eq!(answer.status, 200, "{}: {}", String::from_utf8_lossy(&body), answer.body);
    }
    let after = envelope(site.waba(), "messages", &messages(site.phone_id(), "after", 1));
    assert_eq!(site.post(&after).await.status, 200);
    site.app.settle().await;
    assert_eq!(count(&site.app, "select count(*) from event where state = 1").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zero_byte_in_a_post_is_no_poison_for_those_behind_it() {
    poison_stops_nobody(Engine::Sqlite).await;
    poison_stops_nobody(Engine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn escaped_unicode_is_kept_byte_for_byte() {
    let site = Site::new().await;
    let value =
        r#"{"metadata":{"phone_number_id":"7200"},"messages":[{"text":{"body":"\u00e4\u00f6\/\ud83c\udf5e"}}]}"#;
    let head = r#"{"object":"whatsapp_business_account","entry":[{"id":"7100","changes":[{"field":"messages","value":"#;
    let body = format!("{head}{value}}}]}}]}}");
    assert_eq!(site.post(body.as_bytes()).await.status, 200);
    let id = count(&site.app, "select max(id) from event").await;
    let mut tx = site.app.app.store.read().await.unwrap();
    let kept = events::body(&mut tx, EventId(id)).await.unwrap().unwrap();
    assert!(String::from_utf8(kept).unwrap().ends_with(value));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_over_two_tenants_is_split_and_each_sees_its_own() {
    let site = Site::new().await;
    let (account, key, other, other_inbox) = site.neighbour().await;
    let entry = |waba: &str, phone: &str| {
        let change =
            |mark: &str| json!({ "field": "messages", "value": messages(phone, &format!("{phone}{mark}"), 3) });
        json!({ "id": waba, "changes": [change("a"), change("b")] })
    };
    let theirs = other.phone_number_id.as_deref().unwrap();
    let batch = whole(&json!([entry(site.waba(), site.phone_id()), entry(other.waba_id.as_deref().unwrap(), theirs)]));
    let (own_path, their_path) =
        (site.path("/events"), format!("/api/v1/accounts/{account}/inboxes/{other_inbox}/events"));
    let own_before = listed(&site, &own_path, &site.app.key).await.len();
    let their_before = listed(&site, &their_path, &key).await.len();
    let before = site.count("event").await;
    // the address is a claim: the other tenant's number is in it, and it changes nothing
    let phone = format!("{HOOK}/+15550100001");
    for _ in 0..2 {
        let signed = signature(APP_SECRET, &batch);
        assert_eq!(site.bare("POST", &phone, &[("x-hub-signature-256", &signed)], &batch).await.status, 200);
    }
    assert_eq!(site.count("event").await, before + 4, "four changes, the second post none");
    let (own, others) = (listed(&site, &own_path, &site.app.key).await, listed(&site, &their_path, &key).await);
    assert_eq!((own.len(), others.len()), (own_before + 2, their_before + 2));
    assert!(own.iter().all(|event| event["phone_number_id"] != theirs), "{own:#?}");
    assert!(others.iter().all(|event| event["phone_number_id"] != site.phone_id()), "{others:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_nobody_connected_is_kept_and_shown_to_nobody() {
    let site = Site::new().await;
    let before = listed(&site, &site.path("/events"), &site.app.key).await.len();
    let body = envelope("799999", "messages", &messages("729999", "stranger", 1));
    assert_eq!(site.post(&body).await.status, 200);
    site.app.settle().await;
    assert_eq!(count(&site.app, "select count(*) from event where phone_number_id = '729999'").await, 1);
    assert_eq!(listed(&site, &site.path("/events"), &site.app.key).await.len(), before);
}

/// Facts §3.2: the entry of these is our own portfolio, never an account.
#[tokio::test(flavor = "multi_thread")]
async fn a_partner_event_is_filed_under_its_account_not_our_portfolio() {
    let site = Site::new().await;
    for event in ["PARTNER_ADDED", "PARTNER_REMOVED", "PARTNER_APP_INSTALLED", "PARTNER_APP_UNINSTALLED"] {
        let info = json!({ "waba_id": "710077", "owner_business_id": "750077" });
        let body = envelope("750000000000001", "account_update", &json!({ "event": event, "waba_info": info }));
        assert_eq!(site.post(&body).await.status, 200, "{event}");
    }
    let filed = |waba: &str| format!("select count(*) from event where waba_id = '{waba}'");
    assert_eq!(count(&site.app, &filed("710077")).await, 4);
    assert_eq!(count(&site.app, &filed("750000000000001")).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_takes_get_and_post_and_nothing_else() {
    let site = Site::new().await;
    for method in ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"] {
        for path in [HOOK, "/webhooks/whatsapp/+15550100001"] {
            let answer = site.bare(method, path, &[], b"").await;
            answer.problem(405, "method_not_allowed");
            assert!(answer.header("allow").is_some_and(|allow| allow.contains("POST")), "{}", answer.head);
        }
    }
    for path in ["/webhooks/whatsapp/+1/x", "/webhooks", "/webhooks/telegram"] {
        site.bare("POST", path, &[], b"{}").await.problem(404, "not_found");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_not_kept() {
    let site = Site::new().await;
    let before = site.count("event").await;
    let body = envelope(site.waba(), "messages", &messages(site.phone_id(), "cut", 1));
    let signed = signature(APP_SECRET, &body);
    let whole = raw::request("POST", HOOK, &[("x-hub-signature-256", &signed)], &body);
    let mut stream = raw::connect(&site.app.url).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, &whole[..whole.len() - 7]).await.unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    let answer = raw::finish(stream).await;
    assert!(matches!(answer.status, 0 | 400), "{answer:?}");
    assert_eq!(site.count("event").await, before);
}
