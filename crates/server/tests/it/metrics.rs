//! `/metrics`: every call to Meta is counted once, by a route that holds no id, and every change that Meta
//! posts is counted as new or as a duplicate. Each installation has a recorder of its own, so these tests
//! share a process with all others.

use std::collections::BTreeMap;

use futures::future::join_all;
use graph_emulator::{Fault, Popup};
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{APP_SECRET, TestApp};

/// The samples of one measurement: labels to value.
async fn samples(app: &TestApp, name: &str) -> BTreeMap<String, f64> {
    let text = app.get("/metrics").await.text;
    let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'));
    lines
        .map(|line| {
            let (labels, value) = line.rsplit_once("} ").unwrap();
            (labels.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// A route without the names of its placeholders, in which client and emulator differ.
fn bare(route: &str) -> String {
    let mut parts = route.split('{');
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |all, part| format!("{all}{{}}{}", part.split_once('}').unwrap().1))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_to_meta_is_counted_by_route_and_outcome() {
    let app = TestApp::new().await;
    app.meta.fail(Fault::cut("POST /{phone}/register").times(1));
    app.signed_up(Popup::default()).await;
    app.meta.fail(Fault::error("POST /{phone}/register", 133_005).times(1));
    app.signed_up(Popup::default()).await;
    app.settle().await;

    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for (labels, value) in samples(&app, "linekeeper_graph_calls_total").await {
        let label = |name: &str| {
            let (_, rest) = labels.split_once(&format!("{name}=\"")).unwrap();
            rest.split_once('"').unwrap().0.to_owned()
        };
        let route = label("route");
        assert!(!route.contains(|c: char| c.is_ascii_digit()), "an id in {route}");
        let value = format!("{value:.0}").parse::<u64>().unwrap();
        *counted.entry(bare(&route)).or_default() += value;
        if route.ends_with("/register") {
            outcomes.insert(label("outcome"), value);
        }
    }
    let mut made: BTreeMap<String, u64> = BTreeMap::new();
    for call in app.meta.log() {
        *made.entry(bare(&call.route)).or_default() += 1;
    }
    assert_eq!(counted, made);
    assert_eq!((outcomes["unreachable"], outcomes["pin_mismatch"]), (1, 1), "{outcomes:?}");

    let timed = samples(&app, "linekeeper_graph_call_duration_seconds_count").await;
    let timed: f64 = timed.values().sum();
    assert_eq!(format!("{timed:.0}"), made.values().sum::<u64>().to_string());
}

/// A post of changes that differ by their ids.
fn post(ids: &[u32]) -> Vec<u8> {
    let change = |id: &u32| json!({ "field": "messages", "value": { "messages": [{ "id": format!("wamid.{id}") }] } });
    let changes: Vec<Value> = ids.iter().map(change).collect();
    let entry = json!({ "id": "71", "time": 1_700_000_000, "changes": changes });
    json!({ "object": "whatsapp_business_account", "entry": [entry] }).to_string().into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_counted_once_as_new_and_else_as_duplicates() {
    let app = TestApp::new().await;
    let send = async |ids: &[u32]| {
        app.post_webhook("/webhooks/whatsapp", &post(ids), Some(APP_SECRET)).await.expect(200);
    };
    send(&[1, 2, 3]).await;
    // half of it is known
    send(&[2, 3, 4, 5]).await;
    // side by side, so that commits take several
    let batches: Vec<[u32; 3]> = (0..40).map(|n| [n + 100, n + 101, 5]).collect();
    join_all(batches.iter().map(|ids| send(ids))).await;
    let counted = samples(&app, "linekeeper_webhook_changes_total").await;
    let of = |kind: &str| format!("{:.0}", counted[&format!("kind=\"{kind}\"")]);
    assert_eq!((of("new"), of("duplicate")), ((5 + 41).to_string(), (2 + 79).to_string()));
}

/// A stranger needs no key to send methods that do not exist, on every route.
#[tokio::test(flavor = "multi_thread")]
async fn methods_that_are_made_up_share_one_series_a_route() {
    let app = TestApp::new().await;
    let series = async || samples(&app, "linekeeper_http_requests_total").await.len();
    let send = async |n: usize| {
        let method = Method::from_bytes(format!("MADEUP{n}").as_bytes()).unwrap();
        for path in ["/healthz", "/nowhere", "/webhooks/whatsapp", "/api/v1/accounts"] {
            let status = app.send(method.clone(), path, None, None).await.status.as_u16();
            assert!(matches!(status, 404 | 405), "{method} {path}: {status}");
        }
    };
    send(0).await;
    // the requests for the metrics are counted too, from the second on
    series().await;
    let before = series().await;
    for n in 1..50 {
        send(n).await;
    }
    assert_eq!(series().await, before);
    let counted = samples(&app, "linekeeper_http_requests_total").await;
    let of_unknown = &counted[r#"method="other",route="unmatched",status="404""#];
    assert_eq!(format!("{of_unknown:.0}"), "50");
}
