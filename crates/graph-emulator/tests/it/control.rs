//! The control API under `/_emulator`: everything the library can do, over HTTP.

use graph_emulator::{ClockMode, Config, Emulator};
use serde_json::{Value, json};

use crate::support::{Caller, Receiver, emulator, exchange, subscribe_app};

async fn control(caller: &Caller, method: &str, path: &str, body: Value) -> Value {
    let body = (method != "GET").then_some(body);
    let got = caller.raw(method, &format!("/_emulator{path}"), body).await;
    assert!(got.status < 300, "{method} {path}: {} {}", got.status, got.body);
    got.body
}

#[tokio::test]
async fn a_stuck_number_is_registered_with_control_calls() {
    let (emulator, receiver) = (emulator().await, Receiver::start().await);
    subscribe_app(&emulator, &receiver).await;
    let control_api = Caller::new(&emulator, "");
    let popup = json!({"display_name": "Café", "review": {"outcome": "APPROVED"}, "provisioning_lag": "2h"});
    let signup = control(&control_api, "POST", "/signups", popup).await;
    let (number, waba) = (signup["phone_number_id"].as_str().expect("id"), signup["waba_id"].as_str().expect("id"));
    let got = exchange(&emulator, signup["code"].as_str().expect("code")).await;
    let graph = Caller::new(&emulator, got.body["access_token"].as_str().expect("token"));
    graph.post(&format!("/{waba}/subscribed_apps"), json!({})).await;
    assert_eq!(graph.register(number, "123456").await.error(), (100, 2_388_001));

    receiver.take();
    let view = control(&control_api, "POST", &format!("/numbers/{number}"), json!({"action": "approve_name"})).await;
    assert_eq!((&view["name_status"], &view["register_calls_in_window"]), (&json!("APPROVED"), &json!(1)));
    assert_eq!(
        receiver.take()[0].field(),
        "phone_number_name_update",
        "the webhook is sent at once, world time stands still"
    );
    let clock = control(&control_api, "POST", "/clock", json!({"advance_seconds": 7200})).await;
    assert_eq!(clock["now"], "2026-10-20T10:00:00Z");
    assert_eq!(graph.register(number, "123456").await.status, 200);
    let actions = json!([{"action": "quality", "quality": "RED"}, {"action": "restrict", "restriction": "FLAGGED"}]);
    let view = control(&control_api, "POST", &format!("/numbers/{number}"), actions).await;
    assert_eq!((&view["status"], &view["pin"]), (&json!("FLAGGED"), &json!("123456")));
    let waba_view = control(&control_api, "POST", &format!("/wabas/{waba}"), json!({"action": "ban"})).await;
    assert_eq!(waba_view["status"], "DISABLED");
    let log = control(&control_api, "GET", "/log", json!(null)).await;
    assert!(log.as_array().expect("list").iter().any(|e| e["route"] == "POST /{phone}/register"));
    let webhooks = control(&control_api, "GET", "/webhooks", json!(null)).await;
    assert!(webhooks.as_array().expect("list").iter().any(|w| w["kind"] == "challenge"));
    let page = control_api.raw("GET", "/_emulator", None).await.body;
    assert!(page.as_str().expect("HTML").contains("Café") && !page.as_str().expect("HTML").contains(&graph.token));
}

#[tokio::test]
async fn faults_are_added_and_removed_as_json() {
    let emulator = emulator().await;
    let control_api = Caller::new(&emulator, "");
    let scenario = json!({"name": "three-stuck-numbers"});
    let loaded = control(&control_api, "POST", "/scenarios", scenario).await;
    let signup = &loaded["signups"][1];
    let graph = Caller::new(&emulator, signup["token"].as_str().expect("token"));
    let number = signup["result"]["phone_number_id"].as_str().expect("id");
    let faults = json!([
        {"route": "GET {phone}", "fields": "health_status", "times": 2, "error": {"code": 190, "subcode": 460}},
        {"route": "GET {phone}", "fields_exactly": "status", "status": 503}
    ]);
    control(&control_api, "POST", "/faults", faults).await;
    let codes = [
        graph.get(&format!("/{number}?fields=id,health_status")).await.status,
        graph.get(&format!("/{number}?fields=status")).await.status,
        graph.get(&format!("/{number}?fields=status")).await.status,
    ];
    assert_eq!(codes, [401, 503, 200]);
    assert_eq!(control_api.raw("DELETE", "/_emulator/faults", None).await.status, 204);
    assert_eq!(graph.get(&format!("/{number}?fields=health_status")).await.status, 200);
    assert_eq!(control_api.raw("POST", "/_emulator/faults", Some(json!({"rout": "x"}))).await.status, 422);
    assert_eq!(control_api.raw("GET", "/_emulator/nothing", None).await.status, 404);
    assert_eq!(control_api.raw("GET", "/_emulator/numbers/1", None).await.status, 404);
}

#[tokio::test]
async fn an_exported_world_can_be_imported_by_another_emulator() {
    let first = emulator().await;
    let control_api = Caller::new(&first, "");
    let loaded = control(&control_api, "POST", "/scenarios", json!({"name": "demo"})).await;
    let state = control(&control_api, "GET", "/state", json!(null)).await;
    let config =
        Config { clock: ClockMode::Stepped("2020-01-01T00:00:00Z".parse().expect("time")), ..Config::default() };
    let second = Emulator::start(config).await.expect("emulator");
    let other = Caller::new(&second, "");
    control(&other, "POST", "/state", state.clone()).await;
    assert_eq!(second.now(), first.now());
    assert_eq!(control(&other, "GET", "/state", json!(null)).await, state);
    let token = loaded["signups"][0]["token"].as_str().expect("token");
    let waba = loaded["signups"][0]["result"]["waba_id"].as_str().expect("id");
    let read = Caller::new(&second, token).get(&format!("/{waba}/phone_numbers")).await;
    assert_eq!(read.body["data"][0]["verified_name"], "Harbor Coffee");
}

#[tokio::test]
async fn settings_can_be_changed_one_by_one() {
    let emulator = emulator().await;
    let control_api = Caller::new(&emulator, "");
    let settings = control(&control_api, "POST", "/settings", json!({"token_error_status": 400})).await;
    assert_eq!((&settings["token_error_status"], &settings["hourly_limit_new"]), (&json!(400), &json!(200)));
    assert_eq!(Caller::new(&emulator, "bad").get("/1").await.status, 400);
    let wrong = control_api.raw("POST", "/_emulator/settings", Some(json!({"nonsense": 1}))).await;
    assert_eq!(wrong.status, 422);
}

#[tokio::test]
async fn a_fleet_of_thousands_is_built_and_read_quickly() {
    let emulator = emulator().await;
    let control_api = Caller::new(&emulator, "");
    let started = std::time::Instant::now();
    let spec = json!({"wabas": 20, "numbers_per_waba": 250});
    let fleet = control(&control_api, "POST", "/fleets", spec).await;
    let graph = Caller::new(&emulator, fleet["token"].as_str().expect("token"));
    for (waba, _) in serde_json::from_value::<Vec<(String, Vec<String>)>>(fleet["wabas"].clone()).expect("list") {
        let got = graph.get(&format!("/{waba}/phone_numbers?limit=100&fields=id,status,health_status")).await;
        assert_eq!(got.body["data"].as_array().map(Vec::len), Some(100));
    }
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[tokio::test]
async fn name_reviews_end_by_themselves_when_the_clock_runs() {
    let receiver = Receiver::start().await;
    let emulator =
        Emulator::start(Config { clock: ClockMode::Scaled(36_000.0), ..Config::default() }).await.expect("emulator");
    subscribe_app(&emulator, &receiver).await;
    let control_api = Caller::new(&emulator, "");
    let signup =
        control(&control_api, "POST", "/signups", json!({"review": {"lasts": "2h", "outcome": "DECLINED"}})).await;
    let waba = signup["waba_id"].as_str().expect("id").to_owned();
    emulator.with_world(|world, _| world.subscribe_waba(&waba, None));
    for _ in 0..200 {
        if receiver.take().iter().any(|a| a.value()["decision"] == "REJECTED") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("no decision after {}", emulator.now());
}
