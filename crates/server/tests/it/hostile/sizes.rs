//! How much may come, and how it comes: the limit and not a byte more, in one piece, in chunks, byte by byte, and a bounded
//! number of bytes over all connections.

use std::time::Duration;

use graph_emulator::Config as EmulatorConfig;
use serde_json::json;
use server::store::Engine;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::raw;
use super::support::{HOOK, Site, count, messages, signature, whole};
use crate::app::{APP_SECRET, TestApp};

/// The default limit: more than Meta sends, however it counts 3 MB (facts §3.1).
const LIMIT: usize = 4_194_304;

/// A post of exactly so many bytes, with a thousand changes in it.
fn post_of(bytes: usize) -> Vec<u8> {
    let change = |n: usize| json!({ "field": "messages", "value": messages("7200", &format!("big{n}"), 3) });
    let changes: Vec<_> = (0..1000).map(change).collect();
    let padded = |text: String| whole(&json!([{ "id": "7100", "changes": changes, "padding": text }]));
    let bare = padded(String::new()).len();
    let post = padded("p".repeat(bytes - bare));
    assert_eq!(post.len(), bytes);
    post
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_up_to_the_limit_is_split_and_kept_and_one_byte_more_is_413() {
    let site = Site::new().await;
    let before = site.count("event").await;
    let over = post_of(LIMIT + 1);
    let answer = site.post(&over).await;
    let document = answer.problem(413, "body_too_large");
    assert!(document["detail"].as_str().unwrap().contains("4194304"), "{document}");
    assert_eq!(site.count("event").await, before);
    assert_eq!(site.post(&post_of(LIMIT)).await.status, 200);
    assert_eq!(site.count("event").await, before + 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_megabytes_are_kept_however_meta_counts_them() {
    let site = Site::new().await;
    for bytes in [3_000_000, 3 * 1024 * 1024] {
        assert_eq!(site.post(&post_of(bytes)).await.status, 200, "{bytes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_chunks_the_limit_is_the_same() {
    let site = Site::new().await;
    let before = site.count("event").await;
    for (bytes, status, kept) in [(LIMIT + 1, 413, 0), (LIMIT, 200, 1000)] {
        let body = post_of(bytes);
        let signed = signature(APP_SECRET, &body);
        let headers = [("x-hub-signature-256", signed.as_str()), ("transfer-encoding", "chunked")];
        let answer = site.bare("POST", HOOK, &headers, &raw::chunked(&body, 65_521)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(site.count("event").await, before + kept);
    }
}

/// Refused on what it says of itself: nobody waits for the gigabyte.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_is_too_large_is_refused_before_the_body_comes() {
    let site = Site::new().await;
    for length in ["4194305", "99999999999", "18446744073709551615"] {
        let head = raw::request("POST", HOOK, &[("content-length", length), ("x-hub-signature-256", "sha256=00")], b"");
        let mut stream = raw::connect(&site.app.url).await;
        stream.write_all(&head).await.unwrap();
        let answered = tokio::time::timeout(Duration::from_secs(5), raw::finish(stream)).await;
        let answer = answered.unwrap_or_else(|_| panic!("{length}: it waits for the body"));
        assert!(matches!(answer.status, 400 | 413 | 431), "{length}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_comes_byte_by_byte_is_kept_once() {
    let site = Site::new().await;
    let before = site.count("event").await;
    let body =
        whole(&json!([{ "id": "7100", "changes": [{ "field": "messages", "value": messages("7200", "slow", 1) }] }]));
    let signed = signature(APP_SECRET, &body);
    let bytes = raw::request("POST", HOOK, &[("x-hub-signature-256", &signed)], &body);
    let mut stream = raw::connect(&site.app.url).await;
    stream.set_nodelay(true).unwrap();
    for byte in &bytes {
        stream.write_all(std::slice::from_ref(byte)).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(raw::finish(stream).await.status, 200);
    assert_eq!(site.count("event").await, before + 1);
}

/// Two ways to say where a body ends are one too many: what one reader takes for the next request is
/// another's body.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_with_two_ends_is_refused() {
    let site = Site::new().await;
    let lines = [
        "content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        "content-length: -1\r\n\r\nabc",
        "content-length: 5, 6\r\n\r\nabcdef",
        "transfer-encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
        "transfer-encoding: gzip\r\n\r\nabc",
        "bad header name: x\r\ncontent-length: 0\r\n\r\n",
        "x: a\rb\r\ncontent-length: 0\r\n\r\n",
    ];
    for rest in lines {
        let bytes = format!("POST {HOOK} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{rest}");
        let answer = raw::exchange(&site.app.url, bytes.as_bytes()).await;
        assert!((400..500).contains(&answer.status), "{rest:?}: {answer:?}");
    }
}

/// Sends the head and a part of a post whose signature cannot be checked before the rest comes.
async fn begin_post(app: &TestApp, announced: usize, sent: usize) -> TcpStream {
    let length = announced.to_string();
    let head = raw::request("POST", HOOK, &[("content-length", &length), ("x-hub-signature-256", "sha256=00")], b"");
    let mut stream = raw::connect(&app.url).await;
    stream.write_all(&head).await.unwrap();
    stream.write_all(&vec![b'x'; sent]).await.unwrap();
    stream
}

async fn until_reserved(app: &TestApp, bytes: usize) {
    let reached = async {
        while app.app.bodies.reserved() != bytes {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), reached).await;
    assert!(waited.is_ok(), "{} bytes are reserved, not {bytes}", app.app.bodies.reserved());
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_in_flight_share_a_budget_and_beyond_it_is_503() {
    let with_budget = |config: &mut server::config::Config| config.limits.max_body_bytes_in_flight = 8_000_000;
    let app = TestApp::with(Engine::Sqlite, with_budget, EmulatorConfig::default()).await;
    let post = async |bytes: &[u8]| {
        let signed = signature(APP_SECRET, bytes);
        raw::exchange(&app.url, &raw::request("POST", HOOK, &[("x-hub-signature-256", &signed)], bytes)).await
    };
    let large = post_of(2_000_000);
    // what is announced takes nothing from others
    let mut strangers = vec![begin_post(&app, LIMIT, 0).await, begin_post(&app, LIMIT, 0).await];
    for _ in 0..3 {
        strangers.push(begin_post(&app, LIMIT, 2_500_000).await);
    }
    until_reserved(&app, 7_500_000).await;
    let refused = post(&large).await;
    refused.problem(503, "unavailable");
    assert_eq!(refused.header("retry-after"), Some("5"), "{}", refused.head);
    assert_eq!(count(&app, "select count(*) from event").await, 0);
    let page = raw::exchange(&app.url, &raw::request("GET", "/metrics", &[], b"")).await.body;
    assert!(page.contains("linekeeper_request_body_bytes 7500000"), "{page}");
    let small = whole(&json!([{ "id": "71", "changes": [{ "field": "messages", "value": messages("72", "s", 1) }] }]));
    assert_eq!(post(&small).await.status, 200, "what fits is stored");
    drop(strangers);
    until_reserved(&app, 0).await;
    assert_eq!(post(&large).await.status, 200);
    until_reserved(&app, 0).await;
}
