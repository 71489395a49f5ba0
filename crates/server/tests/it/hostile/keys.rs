//! Who asks: no key, a bad key, a revoked key, too low a scope. Every route has a scope written here.

use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;
use server::store::api_keys::{self, Scope};

use super::support::{Operation, Site, operations};

/// Routes nobody needs a key for.
const OPEN: [&str; 7] = [
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /webhooks/whatsapp",
    "POST /webhooks/whatsapp",
    "GET /webhooks/whatsapp/{phone_number}",
    "POST /webhooks/whatsapp/{phone_number}",
];

/// The least scope of every other route; one that is not here fails the tests below.
const SCOPES: [(&str, Scope); 45] = [
    // an operator's key alone: no key of an account is enough
    ("GET /api/v1/app_callback", Scope::Admin),
    ("POST /api/v1/app_callback/take_over", Scope::Admin),
    ("GET /api/v1/accounts", Scope::Read),
    ("POST /api/v1/accounts", Scope::Admin),
    ("POST /api/v1/accounts/{account_id}/whatsapp/authorization", Scope::Operate),
    ("POST /api/v1/accounts/{account_id}/signups", Scope::Operate),
    ("GET /api/v1/accounts/{account_id}/signups", Scope::Read),
    ("GET /api/v1/accounts/{account_id}/signups/{signup_id}", Scope::Read),
    ("POST /api/v1/accounts/{account_id}/signups/{signup_id}", Scope::Operate),
    ("DELETE /api/v1/accounts/{account_id}/signups/{signup_id}", Scope::Operate),
    ("GET /api/v1/accounts/{account_id}/announcements", Scope::Read),
    ("POST /api/v1/accounts/{account_id}/erasures", Scope::Admin),
    ("GET /api/v1/accounts/{account_id}/erasures/{erasure_id}", Scope::Admin),
    ("GET /api/v1/accounts/{account_id}/inboxes", Scope::Read),
    ("GET /api/v1/accounts/{account_id}/inboxes/{id}", Scope::Read),
    ("PATCH /api/v1/accounts/{account_id}/inboxes/{id}", Scope::Operate),
    ("DELETE /api/v1/accounts/{account_id}/inboxes/{id}", Scope::Admin),
    ("GET /api/v1/accounts/{account_id}/inboxes/{id}/health", Scope::Read),
    ("POST /api/v1/accounts/{account_id}/inboxes/{id}/health/refresh", Scope::Operate),
    ("GET /api/v1/accounts/{account_id}/inboxes/{id}/health/history", Scope::Read),
    ("POST /api/v1/accounts/{account_id}/inboxes/{id}/register_webhook", Scope::Operate),
    ("GET /api/v1/accounts/{account_id}/inboxes/{id}/events", Scope::Read),
    ("GET /api/v1/accounts/{account_id}/inboxes/{id}/registration", Scope::Read),
    ("POST /api/v1/accounts/{account_id}/inboxes/{id}/registration", Scope::Operate),
    ("POST /api/v1/accounts/{account_id}/inboxes/{id}/registration/pin", Scope::Operate),
    ("POST /api/v1/accounts/{account_id}/inboxes/{id}/registration/code", Scope::Operate),
    ("POST /api/v1/accounts/{account_id}/inboxes/{id}/registration/code/verify", Scope::Operate),
    ("GET /api/v1/accounts/{account_id}/api_keys", Scope::Admin),
    ("POST /api/v1/accounts/{account_id}/api_keys", Scope::Admin),
    ("DELETE /api/v1/accounts/{account_id}/api_keys/{key_id}", Scope::Admin),
    ("GET /api/v1/accounts/{account_id}/endpoints", Scope::Read),
    ("POST /api/v1/accounts/{account_id}/endpoints", Scope::Admin),
    ("GET /api/v1/accounts/{account_id}/endpoints/{endpoint_id}", Scope::Read),
    ("PATCH /api/v1/accounts/{account_id}/endpoints/{endpoint_id}", Scope::Admin),
    ("DELETE /api/v1/accounts/{account_id}/endpoints/{endpoint_id}", Scope::Admin),
    ("POST /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/secret", Scope::Admin),
    ("POST /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/enable", Scope::Admin),
    ("POST /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/disable", Scope::Admin),
    ("POST /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/test", Scope::Operate),
    ("POST /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/replay", Scope::Operate),
    ("GET /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/deliveries", Scope::Read),
    ("GET /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/retrying", Scope::Read),
    ("GET /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/dead_letters", Scope::Read),
    ("DELETE /api/v1/accounts/{account_id}/endpoints/{endpoint_id}/dead_letters", Scope::Admin),
    ("GET /api/v1/accounts/{account_id}/inboxes/{id}/events/{event_id}/deliveries", Scope::Read),
];

/// Every operation that needs a key.
pub(super) fn guarded() -> Vec<Operation> {
    operations().into_iter().filter(|operation| !OPEN.contains(&operation.name().as_str())).collect()
}

/// The path with ids of the first account.
pub(super) fn own(site: &Site, operation: &Operation) -> String {
    let (account, inbox) = (site.app.account.to_string(), site.inbox.to_string());
    let (nobody, none) = ("sgn_0190f3a2c0de7000b000000000000001", "key_0190f3a2c0de7000b000000000000001");
    let endpoint = site.endpoint.to_string();
    operation.at(&[
        ("account_id", &account),
        ("id", &inbox),
        ("signup_id", nobody),
        ("key_id", none),
        ("endpoint_id", &endpoint),
        ("event_id", "evt_1"),
        ("erasure_id", "ers_0190f3a2c0de7000b000000000000001"),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_key_every_route_is_401() {
    let site = Site::new().await;
    let revoked = site.app.another_key(Some(site.app.account), Scope::Admin).await;
    let mut tx = site.app.store.write().await.unwrap();
    let id = api_keys::find_by_secret(&mut tx, &revoked).await.unwrap().unwrap().id;
    assert!(api_keys::revoke(&mut tx, id, site.app.clock.now()).await.unwrap());
    tx.commit().await.unwrap();
    let good = site.app.key.expose_secret();
    let (bearer_revoked, unknown) = (format!("Bearer {}", revoked.expose_secret()), api_keys::fresh_secret());
    let bearer_unknown = format!("Bearer {}", unknown.expose_secret());
    let (basic, flipped) = (format!("Basic {good}"), format!("Bearer {}", good.to_uppercase()));
    let (bare, twice, long) =
        (good.to_owned(), format!("Bearer {good} {good}"), format!("Bearer {}", "x".repeat(8000)));
    let quoted = format!("Bearer \"{good}\"");
    let mut wrong: Vec<(&str, &str)> = ["", "Bearer", "Bearer ", "Bearer lk_", "Bearer lk_' or 1=1 --", "lk_"]
        .into_iter()
        .chain([&bearer_revoked, &bearer_unknown, &basic, &flipped, &bare, &twice, &long, &quoted].map(String::as_str))
        .map(|value| ("authorization", value))
        .collect();
    wrong.extend([("api_access_token", ""), ("api_access_token", unknown.expose_secret()), ("x-nothing", "1")]);
    let calls = site.app.meta.log().len();
    for operation in guarded() {
        let target = own(&site, &operation);
        for header in &wrong {
            let answer = site.bare(&operation.method, &target, &[*header], b"").await;
            answer.problem(401, "unauthenticated");
            assert!(answer.header("www-authenticate").is_some(), "{}", operation.name());
            assert!(!answer.body.contains("lk_' or"), "{}", answer.body);
        }
        let in_query = format!("{target}?api_access_token={good}");
        site.bare(&operation.method, &in_query, &[], b"").await.problem(401, "unauthenticated");
    }
    assert_eq!(site.app.meta.log().len(), calls, "somebody without a key made us call Meta");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_low_a_scope_is_403_and_every_route_has_one() {
    let site = Site::new().await;
    let account = Some(site.app.account);
    let reader = site.app.another_key(account, Scope::Read).await;
    let presser = site.app.another_key(account, Scope::Operate).await;
    let calls = site.app.meta.log().len();
    for operation in guarded() {
        let name = operation.name();
        let Some((_, needs)) = SCOPES.iter().find(|(known, _)| *known == name) else {
            panic!("{name} is a route nobody wrote a scope for");
        };
        for (key, has) in [(&reader, Scope::Read), (&presser, Scope::Operate)] {
            let bearer = format!("Bearer {}", key.expose_secret());
            let target = own(&site, &operation);
            if has < *needs {
                let answer = site.bare(&operation.method, &target, &[("authorization", &bearer)], b"").await;
                answer.problem(403, "forbidden");
            } else if operation.method == "GET" {
                let answer = site.bare("GET", &target, &[("authorization", &bearer)], b"").await;
                assert_ne!(answer.status, 403, "{name}: {}", answer.body);
            }
        }
    }
    assert_eq!(site.app.meta.log().len(), calls, "a key without the scope made us call Meta");
    let names: Vec<String> = guarded().iter().map(Operation::name).collect();
    for (name, _) in SCOPES {
        assert!(names.iter().any(|known| known == name), "{name} is gone");
    }
}

/// An account's own admin key makes no accounts: that is the operator's.
#[tokio::test(flavor = "multi_thread")]
async fn an_accounts_admin_is_no_operator() {
    let site = Site::new().await;
    let before = site.count("account").await;
    site.json("POST", "/api/v1/accounts", r#"{"name":"Another"}"#).await.problem(403, "forbidden");
    assert_eq!(site.count("account").await, before);
    let operator = site.app.another_key(None, Scope::Admin).await;
    let made = site.app.send(Method::POST, "/api/v1/accounts", Some(json!({ "name": "Another" })), Some(&operator));
    made.await.expect(201);
}
