//! The API under attack: bodies, ids, cursors, `Idempotency-Key`.

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use server::store::api_keys::Scope;

use super::keys::{guarded, own};
use super::raw::{self, Reply};
use super::support::{Operation, Site};

/// Bodies that are no JSON object, whatever a lenient reader would make of them.
fn no_objects() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> =
        ["{", "[]", "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]", "null", "17", "\"918273\"", "true", "{} {}"]
            .into_iter()
            .chain([
                "{\"name\":\"a\"} trailing",
                "{\"name\":}",
                "{'name':'a'}",
                "{\"name\":\"a\",}",
                "\u{feff}{}",
                "<xml/>",
            ])
            .map(|text| text.as_bytes().to_vec())
            .collect();
    bodies.push(b"{\"name\":\"\xff\"}".to_vec());
    bodies.push("[".repeat(30_000).into_bytes());
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_no_json_object_is_refused_everywhere_and_does_nothing() {
    let site = Site::new().await;
    let calls = site.app.meta.log().len();
    let tables = ["account", "channel", "signup", "api_key", "number_attempt"];
    let mut before = Vec::new();
    for table in tables {
        before.push(site.count(table).await);
    }
    for operation in guarded().into_iter().filter(|operation| operation.takes_body) {
        // an operator may: the body decides
        let key = site.app.another_key(None, Scope::Admin).await;
        let bearer = format!("Bearer {}", key.expose_secret());
        for body in no_objects() {
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let answer = site.bare(&operation.method, &own(&site, &operation), &headers, &body).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            assert!(matches!(answer.status, 400 | 422), "{} {shown}: {}", operation.name(), answer.body);
            answer.any_problem();
            assert!(!answer.body.contains("918273"), "a body's secret is told: {}", answer.body);
        }
        before[3] += 1;
    }
    for (table, rows) in tables.into_iter().zip(before) {
        assert_eq!(site.count(table).await, rows, "{table}");
    }
    assert_eq!(site.app.meta.log().len(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_kinds_of_body_are_415_and_giants_are_413() {
    let site = Site::new().await;
    for operation in guarded().into_iter().filter(|operation| operation.takes_body) {
        if operation.name() == "POST /api/v1/accounts" {
            continue;
        }
        let target = own(&site, &operation);
        for kind in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x\u{1}y", "application/jsonp"]
        {
            let answer = site.ask(&operation.method, &target, &[("content-type", kind)], b"{\"a\":1}").await;
            assert!(matches!(answer.status, 400 | 415), "{} {kind}: {}", operation.name(), answer.body);
        }
        let giant = format!("{{\"padding\":\"{}\"}}", "x".repeat(64 * 1024));
        site.json(&operation.method, &target, &giant).await.problem(413, "body_too_large");
    }
}

/// A member of a wrong type is named, with the fix.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_type_names_the_member() {
    let site = Site::new().await;
    let (signups, keys) = (site.app.path("/signups"), site.app.path("/api_keys"));
    let (endpoints, endpoint) = (site.app.path("/endpoints"), site.app.path(&format!("/endpoints/{}", site.endpoint)));
    let members = [
        ("PATCH", site.path(""), "name"),
        ("POST", keys.clone(), "name"),
        ("POST", keys, "scope"),
        ("POST", signups.clone(), "code"),
        ("POST", signups.clone(), "waba_id"),
        ("POST", signups, "is_coexistence"),
        ("POST", endpoints.clone(), "name"),
        ("POST", endpoints.clone(), "url"),
        ("POST", endpoints.clone(), "format"),
        ("POST", endpoints.clone(), "per_second"),
        ("POST", endpoints.clone(), "secret"),
        ("POST", endpoints.clone(), "verify_token"),
        ("POST", endpoints, "inbox_id"),
        ("PATCH", endpoint.clone(), "url"),
        ("POST", format!("{endpoint}/secret"), "secret"),
        ("POST", format!("{endpoint}/enable"), "from"),
        ("POST", format!("{endpoint}/replay"), "event"),
        ("POST", format!("{endpoint}/replay"), "dead_letters"),
        ("POST", site.path("/registration"), "apply_new_name"),
        ("POST", site.path("/registration/pin"), "pin"),
        ("POST", site.path("/registration/code"), "method"),
        ("POST", site.path("/registration/code/verify"), "code"),
    ];
    for (method, target, member) in members {
        for odd in ["{}", "[]", "[[1]]", "{\"a\":\"918273\"}"] {
            let body = format!("{{\"{member}\":{odd}}}");
            let document = site.json(method, &target, &body).await.problem(422, "invalid_parameter");
            assert_eq!(document["errors"][0]["field"], member, "{document}");
            assert!(!document.to_string().contains("918273"), "{document}");
        }
        let twice = format!("{{\"{member}\":\"a\",\"{member}\":\"b\"}}");
        let answer = site.json(method, &target, &twice).await;
        assert!(matches!(answer.status, 400 | 422), "{twice}: {}", answer.body);
    }
    let numbers =
        ["-1", "0", "1e400", "99999999999999999999999999", "0.1", "true", "\"\"", "\"\\u0000\"", "\"12345\\u0000\""];
    for odd in numbers {
        let answer = site.json("POST", &site.path("/registration/pin"), &format!("{{\"pin\":{odd}}}")).await;
        assert!(matches!(answer.status, 400 | 422), "{odd}: {}", answer.body);
    }
    assert!(site.app.get(&site.path("/registration")).await.expect(200)["attempts"].is_array());
}

/// What stands where an id should.
const ODD_IDS: [&str; 18] = [
    "0",
    "-1",
    "-9223372036854775808",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999999999",
    "1e3",
    "1.0",
    "0x1",
    "null",
    "%00",
    "%ff%fe",
    "..%2f..%2fetc%2fpasswd",
    "1%3bdrop%20table%20account",
    "'%20or%20'1'='1",
    "1%0d%0aset-cookie:x=y",
    "%E2%80%AE1",
    "*",
];

#[tokio::test(flavor = "multi_thread")]
async fn an_odd_id_is_404_and_is_told_back_to_nobody() {
    let site = Site::new().await;
    for operation in guarded().iter().filter(|operation| operation.path.contains('{')) {
        let places: Vec<&str> = ["account_id", "id", "signup_id", "key_id", "endpoint_id", "event_id"]
            .into_iter()
            .filter(|place| operation.path.contains(&format!("{{{place}}}")))
            .collect();
        for place in places {
            for odd in ODD_IDS {
                let target = own(&site, &Operation { path: operation.at(&[(place, odd)]), ..operation.clone() });
                let answer = site.ask(&operation.method, &target, &[], b"").await;
                answer.problem(404, "not_found");
                assert!(answer.header("set-cookie").is_none(), "{}", answer.head);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out() {
    let site = Site::new().await;
    let targets = [
        "/../../../../etc/passwd",
        "/assets/../../Cargo.toml",
        "/assets/x/..%2f..%2f..%2fCargo.toml",
        "/assets/x/%2e%2e%2f%2e%2e%2fCargo.toml",
        "/assets/x/....//app.css",
        "/docs/../../../../etc/passwd",
        "/docs/..%2f..%2fetc%2fpasswd",
        "/api/v1/accounts/1/../../../../etc/passwd",
        "//etc/passwd",
        "/%00",
        "/%ff",
        "/numbers/..%5c..%5c",
    ];
    for target in targets {
        let answer = site.ask("GET", target, &[], b"").await;
        assert!((400..500).contains(&answer.status), "{target}: {} {}", answer.status, answer.body);
        assert!(!answer.body.contains("root:") && !answer.body.contains("[package]"), "{target}: {}", answer.body);
    }
    for line in [
        "GET http://evil.example/api/v1/accounts HTTP/1.1",
        "GET * HTTP/1.1",
        "GET /\u{1} HTTP/1.1",
        "G\u{0}T / HTTP/1.1",
    ] {
        let bytes = format!("{line}\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = raw::exchange(&site.app.url, bytes.as_bytes()).await;
        assert!((400..500).contains(&answer.status), "{line:?}: {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_sql_is_text() {
    let site = Site::new().await;
    let name = "'); drop table channel; -- \" ; <script>alert(1)</script> ${x} {{x}} %s";
    let renamed = site.json("PATCH", &site.path(""), &json!({ "name": name }).to_string()).await;
    assert_eq!((renamed.status, renamed.json()["name"].as_str()), (200, Some(name)));
    assert_eq!(site.app.get(&site.path("")).await.expect(200)["name"], name);
    let odd = "%27%29%3B%20drop%20table%20channel%3B%20--";
    for list in
        ["/inboxes?level=", "/inboxes?after=", "/inboxes?limit=", "/announcements?after=", "/announcements?inbox_id="]
    {
        site.ask("GET", &site.app.path(&format!("{list}{odd}")), &[], b"").await.problem(422, "invalid_parameter");
    }
    assert_eq!(site.count("channel").await, 1);
    for name in ["a\u{0}b", "a\r\nset-cookie: x", "\u{1b}[31m", "", "   ", &"x".repeat(201)] {
        let body = json!({ "name": name }).to_string();
        site.json("PATCH", &site.path(""), &body).await.problem(422, "invalid_parameter");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_cannot_be_read_says_so() {
    let site = Site::new().await;
    let of_inbox = ["events", "health/history"].map(|what| format!("/inboxes/{}/{what}", site.inbox));
    let of_endpoint =
        ["deliveries", "retrying", "dead_letters"].map(|what| format!("/endpoints/{}/{what}", site.endpoint));
    let lists = ["/inboxes", "/announcements"].map(str::to_owned);
    for list in lists.into_iter().chain(of_inbox).chain(of_endpoint) {
        for query in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=1e9",
            "limit=1&limit=2",
            "after=%ff%fe",
            "after=a&after=b",
            "after=x",
        ] {
            let answer = site.ask("GET", &site.app.path(&format!("{list}?{query}")), &[], b"").await;
            let document = answer.problem(422, "invalid_parameter");
            let field = document["errors"][0]["field"].as_str().unwrap_or_default();
            assert!(query.starts_with(field) && !field.is_empty(), "{list}?{query}: {document}");
        }
    }
    for query in ["level=a&level=b", "inbox_id=1&inbox_id=2"] {
        let list = if query.starts_with("level") { "/inboxes" } else { "/announcements" };
        let answer = site.ask("GET", &site.app.path(&format!("{list}?{query}")), &[], b"").await;
        answer.problem(422, "invalid_parameter");
    }
}

/// A cursor of another list, of another tenant, or made up shows nothing it should not.
#[tokio::test(flavor = "multi_thread")]
async fn a_forged_cursor_opens_nothing() {
    let site = Site::new().await;
    let (account, key, ..) = site.neighbour().await;
    let cursors = ["0", "-1", "9223372036854775807", "-9223372036854775808"];
    for cursor in cursors {
        let list = site.app.get(&site.app.path(&format!("/inboxes?after={cursor}"))).await.expect(200);
        assert!(list["data"].as_array().unwrap().iter().all(|row| row["account_id"] == site.app.account.0), "{list}");
    }
    let theirs =
        site.app.send(Method::GET, &format!("/api/v1/accounts/{account}/announcements"), None, Some(&key)).await;
    let ids: Vec<Value> = theirs.expect(200)["data"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
    let own = site.app.get(&site.app.path("/announcements")).await.expect(200);
    assert!(!ids.is_empty() && !own["data"].as_array().unwrap().is_empty(), "both were told something");
    for id in &ids {
        let after =
            site.app.get(&site.app.path(&format!("/announcements?after={}", id.as_str().unwrap()))).await.expect(200);
        assert!(after["data"].as_array().unwrap().iter().all(|row| !ids.contains(&row["id"])), "{after}");
    }
    for kind in ["evt_9223372036854775808", "evt_", "ann_zz", "his_0190f3a2c0de7000b000000000000001", "key_1"] {
        let answer = site.ask("GET", &site.path(&format!("/events?after={kind}")), &[], b"").await;
        answer.problem(422, "invalid_parameter");
    }
}

async fn keyed(site: &Site, key: &str, target: &str, body: &str) -> Reply {
    let headers = [("idempotency-key", key), ("content-type", "application/json")];
    site.ask("POST", target, &headers, body.as_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_for_one_request_of_one_caller() {
    let site = Site::new().await;
    let target = site.path("/registration/pin");
    let first = keyed(&site, "k-1", &target, r#"{"pin":"12"}"#).await;
    first.problem(422, "invalid_parameter");
    let again = keyed(&site, "k-1", &target, r#"{"pin":"12"}"#).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{}", again.head);
    let (said, replayed) = (first.json(), again.json());
    assert_eq!((again.status, &replayed["code"]), (422, &json!("invalid_parameter")), "{}", again.body);
    let (kept, before) = ((&replayed["errors"], &replayed["detail"]), (&said["errors"], &said["detail"]));
    assert_eq!(kept, before, "the same answer, not one like it");
    keyed(&site, "k-1", &target, r#"{"pin":"13"}"#).await.problem(422, "idempotency_mismatch");
    keyed(&site, "k-1", &site.path("/registration"), r#"{"pin":"12"}"#).await.problem(422, "idempotency_mismatch");
    let other = site.app.another_key(Some(site.app.account), Scope::Admin).await;
    let bearer = format!("Bearer {}", other.expose_secret());
    let headers =
        [("authorization", bearer.as_str()), ("idempotency-key", "k-1"), ("content-type", "application/json")];
    let theirs = site.bare("POST", &target, &headers, br#"{"pin":"13"}"#).await;
    theirs.problem(422, "invalid_parameter");
    assert!(theirs.header("idempotency-replayed").is_none(), "{}", theirs.head);
    for odd in ["", " ", "a b", "\u{1}", &"x".repeat(201), "schlüssel"] {
        let answer = keyed(&site, odd, &target, r#"{"pin":"12"}"#).await;
        assert!(matches!(answer.status, 400 | 422), "{odd}: {answer:?}");
    }
    // a secret that is shown once is not kept for a second showing
    let (api_keys, request) = (site.app.path("/api_keys"), r#"{"name":"twice","scope":"read"}"#);
    let (one, two) = (keyed(&site, "k-2", &api_keys, request).await, keyed(&site, "k-2", &api_keys, request).await);
    assert_ne!(one.json()["secret"], two.json()["secret"]);
}

/// What a caller sends comes back as a header only where it is harmless.
#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_ours_is_written_by_the_caller() {
    let site = Site::new().await;
    for id in
        ["short", "with space in it", "x;set-cookie=1234567", "\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}\u{e4}", &"a".repeat(65)]
    {
        let answer = site.ask("GET", &site.path(""), &[("x-request-id", id)], b"").await;
        assert!(answer.header("x-request-id").is_some_and(|own| own.starts_with("req_")), "{id}: {}", answer.head);
    }
    let kept = site.ask("GET", &site.path(""), &[("x-request-id", "trace-0123456789")], b"").await;
    assert_eq!(kept.header("x-request-id"), Some("trace-0123456789"));
    for target in
        ["/sign-in?next=%0d%0aset-cookie:x=y", "/numbers%0d%0aset-cookie:x=y", "/numbers?q=%0d%0aset-cookie:x=y"]
    {
        let answer = site.bare("GET", target, &[("accept", "text/html")], b"").await;
        assert!(!answer.head.to_lowercase().contains("set-cookie"), "{}", answer.head);
        assert!(answer.status < 500, "{target}: {answer:?}");
    }
}

/// A text that cannot be a code of Meta's is refused before Meta is called and before it is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_signup_code_that_is_none_goes_nowhere() {
    let site = Site::new().await;
    let (calls, rows) = (site.app.meta.log().len(), site.count("signup").await);
    for code in [
        "x".repeat(60_000),
        "x".repeat(2_049),
        "a b".to_owned(),
        "a\u{0}".to_owned(),
        "ä".to_owned(),
        "a\nb".to_owned(),
    ] {
        let body = json!({ "code": code, "business_id": "75", "waba_id": "71" }).to_string();
        for route in ["/signups", "/whatsapp/authorization"] {
            let answer = site.json("POST", &site.app.path(route), &body).await;
            let document = answer.problem(422, "invalid_parameter");
            assert_eq!(document["errors"][0]["field"], "code", "{document}");
        }
    }
    for (member, odd) in [("waba_id", "71/../72"), ("phone_number_id", "7;8"), ("business_id", "x"), ("waba_id", "٧١")]
    {
        let mut body = json!({ "code": "good-code", "business_id": "75", "waba_id": "71" });
        body[member] = json!(odd);
        let answer = site.json("POST", &site.app.path("/whatsapp/authorization"), &body.to_string()).await;
        let document = answer.problem(422, "invalid_parameter");
        assert_eq!((&document["errors"][0]["field"], &document["success"]), (&json!(member), &json!(false)));
    }
    assert_eq!((site.app.meta.log().len(), site.count("signup").await), (calls, rows));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_works_once_for_whoever_came_first() {
    let site = Site::new().await;
    let rows = site.count("channel").await;
    // whoever sent it gets the first answer
    let calls = site.app.meta.log().len();
    let again = site.app.authorize(&site.number).await;
    assert_eq!((&again.expect(200)["id"], site.app.meta.log().len()), (&json!(site.inbox.0), calls));
    let (account, key) = site.app.another_account(Scope::Admin).await;
    let path = format!("/api/v1/accounts/{account}/whatsapp/authorization");
    let stolen = site.app.send(Method::POST, &path, Some(crate::app::browser(&site.number)), Some(&key)).await;
    assert_eq!(stolen.expect(422)["code"], "code_replayed");
    assert_eq!(site.count("channel").await, rows);
}
