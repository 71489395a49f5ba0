//! Reads: fields, paging, expansion, tokens, limits, batches.

use graph_emulator::world::{BusinessVerification, TokenDeath};
use graph_emulator::{Fault, FleetSpec, NumberAction, Popup, WabaAction};
use jiff::SignedDuration;
use serde_json::json;

use crate::support::{APP, Caller, SECRET, customer, emulator};

#[tokio::test]
async fn one_unknown_field_fails_the_whole_read() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    let got = c.graph.get(&format!("/{}?fields=id,foo", c.number)).await;
    assert_eq!(got.status, 400);
    assert_eq!(
        got.body["error"]["message"],
        "(#100) Tried accessing nonexisting field (foo) on node type (WhatsAppBusinessPhoneNumber)"
    );
    let got = c.graph.get(&format!("/{}?fields=id,bar", c.waba)).await;
    assert!(got.body["error"]["message"].as_str().expect("text").contains("(WhatsAppBusinessAccount)"));
}

#[tokio::test]
async fn the_portfolio_limit_is_refused_by_old_versions() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    let path = |v: &str| {
        format!("/{v}/{}?fields=whatsapp_business_manager_messaging_limit&access_token={}", c.number, c.graph.token)
    };
    assert_eq!(c.graph.raw("GET", &path("v21.0"), None).await.error().0, 100);
    let new = c.graph.raw("GET", &path("v23.0"), None).await;
    assert_eq!(new.body["whatsapp_business_manager_messaging_limit"], "TIER_250");
    assert_eq!(new.headers["facebook-api-version"], "v23.0");
}

#[tokio::test]
async fn a_token_has_access_only_to_its_own_customer() {
    let emulator = emulator().await;
    let (a, b) = (customer(&emulator, Popup::default()).await, customer(&emulator, Popup::default()).await);
    for path in
        [format!("/{}", b.waba), format!("/{}", b.number), format!("/{}/phone_numbers", b.waba), "/123".to_owned()]
    {
        let got = a.graph.get(&path).await;
        assert_eq!((got.status, got.error()), (400, (100, 33)), "{path}");
        assert_eq!(got.body["error"]["type"], "GraphMethodException");
    }
    assert_eq!(a.graph.get(&format!("/{}", a.waba)).await.status, 200);
}

#[tokio::test]
async fn an_invalid_token_gets_the_error_that_meta_documents() {
    let emulator = emulator().await;
    let popup = Popup { token_lasts: Some(SignedDuration::from_hours(24)), ..Popup::default() };
    let c = customer(&emulator, popup).await;
    let read = format!("/{}", c.number);
    let nobody = Caller::new(&emulator, "");
    assert_eq!(nobody.get(&read).await.error(), (104, 0));
    let bad = Caller::new(&emulator, "EAAnonsense").get(&read).await;
    assert_eq!((bad.status, bad.error()), (401, (190, 0)));
    assert!(bad.headers["www-authenticate"].to_str().expect("text").contains("invalid_token"));
    emulator.advance(SignedDuration::from_hours(24)).await;
    let expired = c.graph.get(&read).await;
    assert_eq!(expired.error(), (190, 463));
    assert!(
        expired.body["error"]["message"]
            .as_str()
            .expect("text")
            .contains("Session has expired on Wednesday, 21-Oct-26 01:00:00 PDT.")
    );
    let app = Caller::new(&emulator, &format!("{APP}|{SECRET}"));
    let debug = app.get(&format!("/debug_token?input_token={}", c.graph.token)).await;
    assert_eq!((debug.status, &debug.body["data"]["is_valid"]), (200, &json!(false)));
    assert_eq!(debug.body["data"]["error"]["subcode"], 463);

    let d = customer(&emulator, Popup::default()).await;
    for (death, subcode) in
        [(TokenDeath::Revoked, 0), (TokenDeath::AppRemoved, 458), (TokenDeath::SessionInvalidated, 460)]
    {
        assert!(emulator.with_world(|w, _| w.kill_token(&d.graph.token, death)));
        assert_eq!(d.graph.get(&format!("/{}", d.number)).await.error(), (190, subcode));
    }
}

#[tokio::test]
async fn the_partner_token_fetches_a_lost_business_token_again() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    emulator.with_world(|w, _| w.kill_token(&c.graph.token, TokenDeath::SessionInvalidated));
    let partner = emulator.with_world(graph_emulator::World::issue_partner_token);
    let partner = Caller::new(&emulator, &partner);
    let path = format!("/{}/system_user_access_tokens", c.business);
    let got = partner.post(&path, json!({"fetch_only": true})).await;
    assert_eq!(got.body["error"]["type"], "GraphMethodException", "the proof is mandatory");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let proof = hex::encode(aws_lc_rs::hmac::sign(&key, partner.token.as_bytes()).as_ref());
    let wrong = partner.post(&path, json!({"fetch_only": true, "appsecret_proof": "00"})).await;
    assert_eq!(wrong.body["error"]["message"], "Invalid appsecret_proof provided in the API argument");
    let got = partner.form(&path, &[("fetch_only", "true"), ("appsecret_proof", &proof)]).await;
    let token = got.body["access_token"].as_str().expect("token");
    assert_eq!(Caller::new(&emulator, token).get(&format!("/{}", c.waba)).await.status, 200);

    emulator.act_on_waba(&c.waba, WabaAction::UninstallApp).await.expect("waba");
    let gone = partner.form(&path, &[("fetch_only", "true"), ("appsecret_proof", &proof)]).await;
    assert_eq!((gone.status, gone.error().0), (403, 200));
    assert_eq!(Caller::new(&emulator, token).get(&format!("/{}", c.waba)).await.error(), (190, 460));
}

#[tokio::test]
async fn a_fleet_is_read_by_pages_and_by_expansion() {
    let emulator = emulator().await;
    let fleet = emulator
        .with_world(|w, now| w.build_fleet(&FleetSpec { wabas: 2, numbers_per_waba: 50, ..FleetSpec::default() }, now));
    let graph = Caller::new(&emulator, &fleet.token);
    let (waba, numbers) = &fleet.wabas[1];
    let first = graph.get(&format!("/{waba}/phone_numbers?fields=id,status&limit=30")).await;
    assert_eq!(first.body["data"].as_array().map(Vec::len), Some(30));
    assert_eq!(first.body["data"][0]["status"], "CONNECTED");
    let next = first.body["paging"]["next"].as_str().expect("more").to_owned();
    assert!(next.contains("access_token="));
    let rest = graph.raw("GET", next.strip_prefix(&emulator.base_url()).expect("ours"), None).await;
    assert_eq!(rest.body["data"].as_array().map(Vec::len), Some(20));
    assert_eq!(rest.body["paging"].get("next"), None);

    let whole = graph
        .get(&format!(
            "/{waba}?fields=id,name,health_status,subscribed_apps,phone_numbers.limit(100){{id,throughput{{level}}}}"
        ))
        .await;
    assert_eq!(whole.body["phone_numbers"]["data"].as_array().map(Vec::len), Some(numbers.len()));
    assert_eq!(whole.body["phone_numbers"]["data"][0]["throughput"], json!({"level": "STANDARD"}));
    assert_eq!(whole.body["subscribed_apps"]["data"][0]["whatsapp_business_api_data"]["id"], APP);
    let debug = Caller::new(&emulator, &format!("{APP}|{SECRET}"))
        .get(&format!("/debug_token?input_token={}", fleet.token))
        .await;
    let targets = &debug.body["data"]["granular_scopes"][0]["target_ids"];
    assert_eq!(targets, &json!([fleet.wabas[1].0, fleet.wabas[0].0]), "latest first");
}

#[tokio::test]
async fn the_hourly_limit_is_shown_in_headers_and_enforced() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    let path = format!("/{}/phone_numbers?fields=id", c.waba);
    emulator.act_on_waba(&c.waba, WabaAction::SpendCalls { calls: 159 }).await.expect("waba");
    let usage = |got: &crate::support::GraphAnswer| -> serde_json::Value {
        let header = got.headers["x-business-use-case-usage"].to_str().expect("text");
        serde_json::from_str::<serde_json::Value>(header).expect("JSON")[&c.waba][0].clone()
    };
    let got = c.graph.get(&path).await;
    assert_eq!((got.status, &usage(&got)["call_count"]), (200, &json!(80)));
    emulator.act_on_waba(&c.waba, WabaAction::SpendCalls { calls: 200 }).await.expect("waba");
    let got = c.graph.get(&path).await;
    assert_eq!((got.status, got.error().0), (400, 80_008));
    assert_eq!(usage(&got)["estimated_time_to_regain_access"], 60);
    assert_eq!(c.graph.register(&c.number, "123456").await.status, 200, "only management reads count");
    assert_eq!(c.graph.get(&path).await.status, 200, "a WABA with a registered number has 5,000");
    emulator.act(&c.number, NumberAction::Disconnect { reads: None }).await.expect("number");
    emulator.advance(SignedDuration::from_mins(60)).await;
    assert_eq!(c.graph.get(&path).await.status, 200);
}

#[tokio::test]
async fn health_status_follows_the_state_of_the_world() {
    let emulator = emulator().await;
    let popup =
        Popup { payment_missing: true, business_verification: BusinessVerification::NotVerified, ..Popup::default() };
    let c = customer(&emulator, popup).await;
    let read = format!("/{}?fields=health_status", c.number);
    let codes = |body: &serde_json::Value| -> Vec<(String, i64)> {
        let entities = body["health_status"]["entities"].as_array().expect("list").clone();
        let of = |e: &serde_json::Value| {
            let kind = e["entity_type"].as_str().expect("kind").to_owned();
            let errors = e["errors"].as_array().cloned().unwrap_or_default();
            errors.iter().map(|x| (kind.clone(), x["error_code"].as_i64().expect("code"))).collect::<Vec<_>>()
        };
        entities.iter().flat_map(of).collect()
    };
    let expect =
        |list: &[(&str, i64)]| -> Vec<(String, i64)> { list.iter().map(|(k, c)| ((*k).to_owned(), *c)).collect() };
    let before = c.graph.get(&read).await.body;
    assert_eq!(
        codes(&before),
        expect(&[("PHONE_NUMBER", 141_000), ("WABA", 141_006), ("BUSINESS", 141_010), ("APP", 138_025)])
    );
    c.graph.register(&c.number, "123456").await;
    emulator.act_on_waba(&c.waba, WabaAction::Payment { missing: false }).await.expect("waba");
    let after = c.graph.get(&read).await.body;
    assert_eq!(codes(&after), expect(&[("PHONE_NUMBER", 138_024), ("BUSINESS", 141_010), ("APP", 138_025)]));
    assert_eq!(after["health_status"]["can_send_message"], "BLOCKED", "only because of calling");
    assert_eq!(after["health_status"]["entities"][0]["can_send_message"], "AVAILABLE");
    emulator.act(&c.number, NumberAction::SipErrors { on: false }).await.expect("number");
    let quiet = c.graph.get(&read).await.body;
    assert_eq!(quiet["health_status"]["can_send_message"], "LIMITED");
}

#[tokio::test]
async fn a_batch_answers_each_part_on_its_own() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    let parts = json!([
        {"method": "GET", "relative_url": format!("v25.0/{}?fields=status", c.number)},
        {"method": "GET", "relative_url": format!("{}?fields=nope", c.number)},
        {"method": "POST", "relative_url": format!("{}/register", c.number), "body": "messaging_product=whatsapp&pin=123456"},
        {"method": "GET", "relative_url": format!("v25.0/{}/phone_numbers", c.waba)}
    ]);
    emulator.fail(Fault::cut("GET phone_numbers"));
    let body = json!({"batch": parts, "access_token": c.graph.token, "include_headers": false});
    let got = Caller::new(&emulator, "").raw("POST", "/", Some(body)).await;
    assert_eq!(got.body[0]["code"], 200);
    assert_eq!(got.body[0].get("headers"), None);
    assert_eq!(got.body[1]["code"], 400);
    assert_eq!(got.body[2]["body"], r#"{"success":true}"#);
    assert_eq!(got.body[3], json!(null));
    assert!(emulator.log().iter().filter(|e| e.in_batch).count() == 4);
}

#[tokio::test]
async fn uncovered_paths_are_refused_and_counted() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    for path in [format!("/{}/calls", c.number), format!("/{}/calls", c.number), "/nonsense/of/mine".to_owned()] {
        assert_eq!(c.graph.post(&path, json!({})).await.error().0, 2500);
    }
    let uncovered = emulator.with_world(|w, _| w.uncovered().clone());
    assert_eq!(uncovered[&format!("POST /{}/calls", c.number)], 2);
    assert_eq!(c.graph.get(&format!("/?ids={}", c.number)).await.status, 500, "multi-get is gone");
}

#[tokio::test]
async fn the_log_shows_fingerprints_in_place_of_secrets() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    c.graph.register(&c.number, "654321").await;
    let text = serde_json::to_string(&emulator.log()).expect("JSON");
    for secret in ["654321", SECRET, c.graph.token.as_str()] {
        assert!(!text.contains(secret), "{secret}");
    }
    let call = &emulator.calls("POST /{phone}/register")[0];
    assert_eq!(call.param("pin"), Some(graph_emulator::fingerprint("654321").as_str()));
    assert_eq!(call.token.as_deref(), Some(graph_emulator::fingerprint(&c.graph.token).as_str()));
    assert_eq!(call.phone_number_id.as_deref(), Some(c.number.as_str()));
    assert!(call.ended_at_us >= call.started_at_us);
}

#[tokio::test]
async fn the_value_of_a_field_can_be_overridden() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    let override_field = |field: &str, value| NumberAction::OverrideField { field: field.to_owned(), value };
    emulator.act(&c.number, override_field("platform_type", json!("CLOUD_API"))).await.expect("number");
    emulator.act(&c.number, override_field("status", json!("SOMETHING_NEW"))).await.expect("number");
    emulator.act(&c.number, override_field("name_status", json!(null))).await.expect("number");
    let read = format!("/{}?fields=platform_type,status,name_status,throughput", c.number);
    assert_eq!(
        c.graph.get(&read).await.body,
        json!({"id": c.number, "platform_type": "CLOUD_API", "status": "SOMETHING_NEW",
            "throughput": {"level": "NOT_APPLICABLE"}})
    );
    emulator.act(&c.number, NumberAction::ClearFieldOverrides).await.expect("number");
    assert_eq!(c.graph.get(&read).await.body["status"], "PENDING");
}

#[tokio::test]
async fn a_setting_makes_the_app_secret_proof_mandatory() {
    let emulator = emulator().await;
    let c = customer(&emulator, Popup::default()).await;
    emulator.with_world(|w, _| w.settings.require_app_secret_proof = true);
    let got = c.graph.get(&format!("/{}", c.number)).await;
    assert_eq!((got.status, got.error()), (400, (100, 0)));
    assert_eq!(got.body["error"]["type"], "GraphMethodException");
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let proof = hex::encode(aws_lc_rs::hmac::sign(&key, c.graph.token.as_bytes()).as_ref());
    let path = format!("/{}?appsecret_proof={proof}", c.number);
    assert_eq!(c.graph.get(&path).await.status, 200);
}
