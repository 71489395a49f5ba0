//! Two tenants in one installation: every route × whatever is another's is 404, lists never mix, and one
//! key does nothing in the other's name.

use domain::ids::{AccountId, ChannelId};
use graph_emulator::{Config as EmulatorConfig, Emulator, Fault, Popup, SignupResult, World};
use jiff::SignedDuration;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use server::config::Config;
use server::store::Engine;
use server::store::api_keys::Scope;

use crate::app::{Answer, TestApp, browser};
use crate::hostile::support::{Operation, operations};

/// Routes that name nobody's account.
const SHARED: [&str; 11] = [
    "GET /api/v1/app_callback",
    "POST /api/v1/app_callback/take_over",
    "GET /api/v1/accounts",
    "POST /api/v1/accounts",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "GET /webhooks/whatsapp",
    "POST /webhooks/whatsapp",
    "GET /webhooks/whatsapp/{phone_number}",
    "POST /webhooks/whatsapp/{phone_number}",
];

/// One tenant and the ids of what is its own.
struct Tenant {
    account: AccountId,
    key: SecretString,
    inbox: ChannelId,
    signup: String,
    api_key: String,
    endpoint: String,
    event: String,
    erasure: String,
    number: SignupResult,
}

impl Tenant {
    async fn move_in(app: &TestApp, account: AccountId, key: SecretString) -> Self {
        let number = app.meta.sign_up(Popup::default()).await;
        let path = format!("/api/v1/accounts/{account}");
        let (signups, keys) = (format!("{path}/whatsapp/authorization"), format!("{path}/api_keys"));
        let done = app.send(Method::POST, &signups, Some(browser(&number)), Some(&key)).await.expect(200);
        let new = json!({ "name": "helpdesk", "scope": "read" });
        let made = app.send(Method::POST, &keys, Some(new), Some(&key)).await.expect(201);
        let erased = json!({ "person": "+15550199999" });
        let begun = app.send(Method::POST, &format!("{path}/erasures"), Some(erased), Some(&key)).await.expect(202);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let inbox = ChannelId(done["id"].as_i64().unwrap());
        app.settle().await;
        // nothing is delivered in this test: the address only has to be accepted
        let new = json!({ "url": "https://127.0.0.1:9/", "format": "standard", "inbox_id": inbox.0 });
        let forwards = app.send(Method::POST, &format!("{path}/endpoints"), Some(new), Some(&key)).await.expect(201);
        app.meta.receive_text(number.phone_number_id.as_deref().unwrap(), "16505550000", "hello").await.unwrap();
        app.settle().await;
        let events =
            app.send(Method::GET, &format!("{path}/inboxes/{inbox}/events"), None, Some(&key)).await.expect(200);
        Self {
            account,
            key,
            inbox,
            signup: text(&done["signup_id"]),
            api_key: text(&made["id"]),
            endpoint: text(&forwards["id"]),
            event: text(&events["data"][0]["id"]),
            erasure: text(&begun["id"]),
            number,
        }
    }

    fn ids(&self) -> [(&'static str, String); 7] {
        let (signup, api_key) = (self.signup.clone(), self.api_key.clone());
        [
            ("account_id", self.account.to_string()),
            ("id", self.inbox.to_string()),
            ("signup_id", signup),
            ("key_id", api_key),
            ("endpoint_id", self.endpoint.clone()),
            ("event_id", self.event.clone()),
            ("erasure_id", self.erasure.clone()),
        ]
    }

    async fn ask(&self, app: &TestApp, method: &str, path: &str, body: Option<Value>) -> Answer {
        app.send(method.parse().unwrap(), path, body, Some(&self.key)).await
    }

    async fn list(&self, app: &TestApp, rest: &str) -> Vec<Value> {
        let answer = self.ask(app, "GET", &format!("/api/v1/accounts/{}{rest}", self.account), None).await;
        answer.expect(200)["data"].as_array().unwrap().clone()
    }

    fn phone_id(&self) -> &str {
        self.number.phone_number_id.as_deref().unwrap()
    }
}

/// Accepts endpoints on this machine.
fn allow_this_machine(config: &mut Config) {
    config.delivery.allow_subnets = vec!["127.0.0.0/8".to_owned()];
}

async fn two() -> (TestApp, Tenant, Tenant) {
    let app = TestApp::with(Engine::Sqlite, allow_this_machine, EmulatorConfig::default()).await;
    let first = Tenant::move_in(&app, app.account, app.key.clone()).await;
    let (account, key) = app.another_account(Scope::Admin).await;
    let second = Tenant::move_in(&app, account, key).await;
    (app, first, second)
}

fn of_accounts() -> Vec<Operation> {
    let (shared, own): (Vec<_>, Vec<_>) = operations().into_iter().partition(|op| SHARED.contains(&op.name().as_str()));
    assert_eq!(shared.len(), SHARED.len(), "{shared:#?}");
    for operation in &own {
        assert!(operation.path.starts_with("/api/v1/accounts/{account_id}"), "{} names no account", operation.name());
    }
    own
}

/// Every mixture of the two tenants' ids in one path, except the caller's own.
fn mixtures(operation: &Operation, own: &Tenant, foreign: &Tenant) -> Vec<String> {
    let (own, foreign) = (own.ids(), foreign.ids());
    let places: Vec<usize> =
        (0..own.len()).filter(|at| operation.path.contains(&format!("{{{}}}", own[*at].0))).collect();
    let mixed = |mask: usize| {
        let chosen = places.iter().enumerate().map(|(bit, at)| {
            let (name, id) = if mask & (1 << bit) == 0 { &own[*at] } else { &foreign[*at] };
            (*name, id.as_str())
        });
        operation.at(&chosen.collect::<Vec<_>>())
    };
    (1..1 << places.len()).map(mixed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_anothers_is_404_on_every_route() {
    let (app, first, second) = two().await;
    let calls = app.meta.log().len();
    let mut asked = 0;
    for operation in of_accounts() {
        for (caller, other) in [(&first, &second), (&second, &first)] {
            for path in mixtures(&operation, caller, other) {
                let answer = caller.ask(&app, &operation.method, &path, None).await;
                let said = answer.expect(404);
                assert_eq!(
                    (&said["code"], &said["error"]),
                    (&json!("not_found"), &json!("Resource could not be found"))
                );
                // what is another's and what never was are told in the same words
                let nowhere = path.replace(&other.account.to_string(), "999999");
                let nothing = caller.ask(&app, &operation.method, &nowhere, None).await;
                if nothing.status == answer.status && nowhere.matches("999999").count() == 1 {
                    assert_eq!(nothing.json()["code"], said["code"], "{path}");
                }
                asked += 1;
            }
        }
    }
    assert!(asked > 80, "{asked} paths");
    assert_eq!(app.meta.log().len(), calls, "a foreign path made us call Meta");
    for tenant in [&first, &second] {
        let path = format!("/api/v1/accounts/{}/inboxes/{}", tenant.account, tenant.inbox);
        tenant.ask(&app, "GET", &path, None).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_never_mix() {
    let (app, first, second) = two().await;
    for (own, other) in [(&first, &second), (&second, &first)] {
        let accounts = own.ask(&app, "GET", "/api/v1/accounts", None).await.expect(200);
        assert_eq!(accounts["data"].as_array().unwrap().len(), 1, "{accounts}");
        assert_eq!(accounts["data"][0]["id"], own.account.0);
        let inboxes = own.list(&app, "/inboxes").await;
        assert_eq!(inboxes.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>(), [own.inbox.0]);
        let keys = own.list(&app, "/api_keys").await;
        assert!(keys.iter().any(|key| key["id"] == own.api_key.as_str()), "{keys:#?}");
        assert!(keys.iter().all(|key| key["id"] != other.api_key.as_str()), "{keys:#?}");
        let told = own.list(&app, "/announcements").await;
        assert!(!told.is_empty() && told.iter().all(|row| row["inbox_id"] == own.inbox.0), "{told:#?}");
        let endpoints = own.list(&app, "/endpoints").await;
        assert_eq!(
            endpoints.iter().map(|row| row["id"].as_str().unwrap()).collect::<Vec<_>>(),
            [own.endpoint.as_str()]
        );
        let of_theirs = format!("/api/v1/accounts/{}/endpoints?inbox_id={}", own.account, other.inbox);
        own.ask(&app, "GET", &of_theirs, None).await.expect(404);
        assert!(own.list(&app, &format!("/announcements?inbox_id={}", other.inbox)).await.is_empty());
        for level in ["live", "at_risk", "waiting_for_meta", "action_needed", "blocked", "unknown"] {
            let rows = own.list(&app, &format!("/inboxes?level={level}")).await;
            assert!(rows.iter().all(|row| row["account_id"] == own.account.0), "{rows:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_one_never_show_at_the_other() {
    let (app, first, second) = two().await;
    let path = format!("/inboxes/{}/events", first.inbox);
    let (before, told) = (first.list(&app, &path).await, first.list(&app, "/announcements").await);
    app.meta.receive_text(second.phone_id(), "16505550000", "for the second alone").await.unwrap();
    app.meta.act(second.phone_id(), graph_emulator::NumberAction::Ban).await.unwrap();
    let waba = second.number.waba_id.as_deref().unwrap();
    app.meta.act_on_waba(waba, graph_emulator::WabaAction::Ban).await.unwrap();
    app.settle().await;
    assert_eq!(first.list(&app, &path).await, before);
    assert_eq!(first.list(&app, "/announcements").await, told);
    let theirs = second.list(&app, &format!("/inboxes/{}/events", second.inbox)).await;
    assert!(theirs.iter().any(|event| event["field"] == "messages"), "{theirs:#?}");
    assert!(second.list(&app, "/announcements").await.len() > told.len(), "the second was told of its ban");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_does_nothing_in_anothers_name() {
    let (app, first, second) = two().await;
    let (channels, keys) = (second.list(&app, "/inboxes").await, second.list(&app, "/api_keys").await);
    let elsewhere = format!("/api/v1/accounts/{}", second.account);
    let fresh = app.meta.sign_up(Popup::default()).await;
    for (path, body) in [
        ("/api_keys", json!({ "name": "mine", "scope": "admin" })),
        ("/signups", browser(&fresh)),
        ("/whatsapp/authorization", browser(&fresh)),
        ("/endpoints", json!({ "url": "https://127.0.0.1:9/", "format": "standard" })),
    ] {
        first.ask(&app, "POST", &format!("{elsewhere}{path}"), Some(body)).await.expect(404);
    }
    // its own account, but another's inbox in the body
    let mut claim = browser(&fresh);
    for inbox in [json!(second.inbox.0), json!(second.inbox.to_string()), json!(999_999), json!("x"), json!(-1)] {
        claim["inbox_id"] = inbox;
        let own = format!("/api/v1/accounts/{}/whatsapp/authorization", first.account);
        first.ask(&app, "POST", &own, Some(claim.clone())).await.expect(404);
    }
    let endpoints = format!("/api/v1/accounts/{}/endpoints", first.account);
    let listens = json!({ "url": "https://127.0.0.1:9/", "format": "standard", "inbox_id": second.inbox.0 });
    first.ask(&app, "POST", &endpoints, Some(listens)).await.expect(404);
    let replay = json!({ "event": second.event });
    first.ask(&app, "POST", &format!("{endpoints}/{}/replay", first.endpoint), Some(replay)).await.expect(404);
    assert_eq!(second.list(&app, "/endpoints").await.len(), 1);
    // the number of another, with a token that reaches it: refused, and nothing of it is kept
    let again = Popup {
        business_id: second.number.business_id.clone(),
        waba_id: second.number.waba_id.clone(),
        phone_number: Some(app.meta.number(second.phone_id()).unwrap().phone_number),
        ..Popup::default()
    };
    let taken = app.meta.sign_up(again).await;
    let own = format!("/api/v1/accounts/{}/whatsapp/authorization", first.account);
    let refused = first.ask(&app, "POST", &own, Some(browser(&taken))).await.expect(422);
    assert_eq!(refused["code"], "channel_exists", "{refused}");
    assert_eq!(second.list(&app, "/inboxes").await, channels);
    assert_eq!(second.list(&app, "/api_keys").await.len(), keys.len());
    assert_eq!(first.list(&app, "/inboxes").await.len(), 1);
}

/// An account that a browser named, with a code for another: Meta decides, and it says no.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_not_shared_is_not_connected() {
    let (app, first, second) = two().await;
    let fresh = app.meta.sign_up(Popup::default()).await;
    let mut claim = browser(&fresh);
    claim["waba_id"] = json!(second.number.waba_id);
    claim["phone_number_id"] = json!(second.number.phone_number_id);
    let own = format!("/api/v1/accounts/{}/whatsapp/authorization", first.account);
    let refused = first.ask(&app, "POST", &own, Some(claim)).await.expect(422);
    assert_eq!(refused["code"], "no_access_to_waba", "{refused}");
    assert_eq!(first.list(&app, "/inboxes").await.len(), 1);
}

/// Two tenants with the partner's system token at hand: a signup that was cut short can be taken up
/// without its code, and what a browser named is then all that is known of it.
async fn two_with_system_token() -> (TestApp, Tenant, Tenant) {
    let change = |config: &mut Config, meta: &Emulator| {
        allow_this_machine(config);
        config.meta.system_user_token = Some(meta.with_world(World::issue_partner_token).into());
    };
    let app = TestApp::with_meta(Engine::Sqlite, change, EmulatorConfig::default()).await;
    let first = Tenant::move_in(&app, app.account, app.key.clone()).await;
    let (account, key) = app.another_account(Scope::Admin).await;
    let second = Tenant::move_in(&app, account, key).await;
    (app, first, second)
}

/// Hands over a signup while Meta's exchange of codes answers with a proxy's page.
async fn cut_short(app: &TestApp, tenant: &Tenant, handed: Value) {
    app.meta.fail(Fault::status("POST /oauth/access_token", 502));
    let path = format!("/api/v1/accounts/{}/whatsapp/authorization", tenant.account);
    tenant.ask(app, "POST", &path, Some(handed)).await.expect(422);
    app.advance(SignedDuration::from_mins(30)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signup_cut_short_is_not_taken_up_with_anothers_account() {
    let (app, first, second) = two_with_system_token().await;
    let sibling = Popup {
        business_id: second.number.business_id.clone(),
        waba_id: second.number.waba_id.clone(),
        ..Popup::default()
    };
    // the second tenant's customer has another number, which nobody connected yet
    let theirs = app.meta.sign_up(Popup { browser_returns: false, ..sibling }).await;
    let mut claim = browser(&theirs);
    claim["code"] = json!("a-code-of-nobodys");
    cut_short(&app, &first, claim).await;
    let inboxes = first.list(&app, "/inboxes").await;
    assert_eq!(inboxes.len(), 1, "another's number was connected: {inboxes:#?}");
}

/// A portfolio that Meta never named as the account's owner proves nothing either.
#[tokio::test(flavor = "multi_thread")]
async fn a_signup_cut_short_is_not_taken_up_with_anothers_portfolio() {
    let (app, first, second) = two_with_system_token().await;
    app.advance(SignedDuration::from_mins(30)).await;
    let mut claim = browser(&first.number);
    claim["code"] = json!("a-code-of-nobodys");
    claim["business_id"] = json!(second.number.business_id);
    let calls = app.meta.calls("POST /{business}/system_user_access_tokens").len();
    cut_short(&app, &first, claim).await;
    let asked = &app.meta.calls("POST /{business}/system_user_access_tokens")[calls..];
    let business = second.number.business_id.as_deref().unwrap();
    assert!(asked.iter().all(|call| !call.path.contains(business)), "a token of another's was fetched: {asked:#?}");
}

/// Automatic reconciliation works with two tenants too.
#[tokio::test(flavor = "multi_thread")]
async fn a_signup_cut_short_is_taken_up_where_meta_named_its_owner() {
    let (app, first, second) = two_with_system_token().await;
    let fresh = app.meta.sign_up(Popup::default()).await;
    cut_short(&app, &first, browser(&fresh)).await;
    assert_eq!(first.list(&app, "/inboxes").await.len(), 2);
    assert_eq!(second.list(&app, "/inboxes").await.len(), 1);
}
