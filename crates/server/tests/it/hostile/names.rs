//! Names of accounts, inboxes, API keys and endpoints: one rule on every route that takes a name. The command line
//! parses the same type.

use reqwest::Method;
use serde_json::{Value, json};
use server::store::api_keys::Scope;

use super::support::Site;

/// What no name may be, and a word of the refusal.
const REFUSED: [(&str, &str); 10] = [
    ("", "empty"),
    ("  \u{a0} ", "empty"),
    ("\u{200b}", "visible"),
    ("\u{200d} \u{feff}", "visible"),
    ("\u{3164}", "visible"),
    ("gpj.\u{202e}txt", "direction"),
    ("a\u{2066}b", "direction"),
    ("a\tb", "control"),
    ("a\u{0}b", "control"),
    ("a\u{2028}b", "line separator"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_name_has_one_rule_on_every_route() {
    let site = Site::new().await;
    let operator = site.app.another_key(None, Scope::Admin).await;
    // nothing is ever sent to it
    let endpoint = json!({ "url": "https://8.8.8.8/", "format": "standard" });
    let made = site.app.post(&site.app.path("/endpoints"), endpoint.clone()).await.expect(201);
    let change = site.app.path(&format!("/endpoints/{}", made["id"].as_str().unwrap()));
    let routes = [
        (Method::POST, "/api/v1/accounts".to_owned(), json!({})),
        (Method::PATCH, site.path(""), json!({})),
        (Method::POST, site.app.path("/api_keys"), json!({ "scope": "read" })),
        (Method::POST, site.app.path("/endpoints"), endpoint),
        (Method::PATCH, change, json!({})),
    ];
    let long = "ä".repeat(200);
    let too_long = "ä".repeat(201);
    for (method, path, body) in routes {
        let send = async |name: &str| {
            let mut body: Value = body.clone();
            body["name"] = name.into();
            site.app.send(method.clone(), &path, Some(body), Some(&operator)).await
        };
        for (name, says) in REFUSED.into_iter().chain([(too_long.as_str(), "201 characters")]) {
            let refused = send(name).await.expect(422);
            assert_eq!(refused["errors"][0]["field"], "name", "{method} {path} {name:?}: {refused}");
            assert!(refused["detail"].as_str().unwrap().contains(says), "{method} {path} {name:?}: {refused}");
        }
        for (name, kept) in [(long.as_str(), long.as_str()), ("  Emma\u{200d} & Söhne\u{3000}", "Emma\u{200d} & Söhne")]
        {
            let answer = send(name).await;
            assert!(answer.status.is_success(), "{method} {path} {name:?}: {}", answer.text);
            assert_eq!(answer.json()["name"], kept, "{method} {path}");
        }
    }
    let without =
        [("/api/v1/accounts".to_owned(), json!({})), (site.app.path("/api_keys"), json!({ "scope": "read" }))];
    for (path, body) in without {
        let refused = site.app.send(Method::POST, &path, Some(body), Some(&operator)).await;
        assert_eq!(refused.expect(422)["errors"][0]["field"], "name", "{path}");
    }
}
