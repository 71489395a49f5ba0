//! Heads of requests that name no host or two, and bodies in an encoding: refused on every kind of route, also where the
//! rest of the request is right.

use super::raw;
use super::support::{HOOK, Site, messages, signature, whole};
use crate::app::APP_SECRET;

/// The bytes of a request with exactly these header lines.
fn head(method: &str, path: &str, version: &str, lines: &[String]) -> Vec<u8> {
    format!("{method} {path} {version}\r\nconnection: close\r\n{}\r\n", lines.concat()).into_bytes()
}

fn hosts(hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| format!("host: {host}\r\n")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_name_one_host_is_400() {
    let site = Site::new().await;
    let ask = async |path: &str, version: &str, lines: &[String]| {
        raw::exchange(&site.app.url, &head("GET", path, version, lines)).await
    };
    for path in ["/healthz", "/api/v1/accounts", "/sign-in", "/nowhere", HOOK] {
        for wrong in [&[][..], &["a", "b"], &["a", "a"], &["a b"], &["me@a"], &[""]] {
            let answer = ask(path, "HTTP/1.1", &hosts(wrong)).await;
            answer.problem(400, "malformed_request");
        }
        assert_ne!(ask(path, "HTTP/1.1", &hosts(&["a:80"])).await.status, 400, "{path}");
        assert_ne!(ask(path, "HTTP/1.0", &[]).await.status, 400, "{path}: HTTP/1.0 knows no Host");
        ask(path, "HTTP/1.0", &hosts(&["a", "b"])).await.problem(400, "malformed_request");
    }
    let before = site.count("event").await;
    let changes = serde_json::json!([{ "field": "messages", "value": messages(site.phone_id(), "two hosts", 1) }]);
    let body = whole(&serde_json::json!([{ "id": site.waba(), "changes": changes }]));
    let signed = signature(APP_SECRET, &body);
    let answer = site.bare("POST", HOOK, &[("host", "other"), ("x-hub-signature-256", &signed)], &body).await;
    answer.problem(400, "malformed_request");
    assert_eq!(site.count("event").await, before);
    assert_eq!(site.post(&body).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_an_encoding_is_415() {
    let site = Site::new().await;
    // an empty JSON object, as gzip writes it
    let zipped = hex::decode("1f8b0800000000000003abae050043bfa6a302000000").unwrap();
    let refused = |answer: &raw::Reply| {
        answer.problem(415, "unsupported_media_type");
        assert_eq!(answer.header("accept-encoding"), Some("identity"), "{}", answer.head);
    };
    for encoding in ["gzip", "br", "gzip, identity"] {
        let headers = [("content-encoding", encoding), ("content-type", "application/json")];
        let keyed = [("content-encoding", encoding), ("idempotency-key", "zipped")];
        refused(&site.ask("PATCH", &site.path(""), &headers, &zipped).await);
        refused(&site.ask("POST", &site.path("/registration"), &keyed, &zipped).await);
        refused(&site.bare("POST", "/sign-in", &headers, &zipped).await);
        let signed = signature(APP_SECRET, &zipped);
        let headers = [("content-encoding", encoding), ("x-hub-signature-256", signed.as_str())];
        refused(&site.bare("POST", HOOK, &headers, &zipped).await);
    }
    let plain = [("content-encoding", "identity"), ("content-type", "application/json")];
    assert_eq!(site.ask("PATCH", &site.path(""), &plain, br#"{"name":"Plain"}"#).await.status, 200);
}
