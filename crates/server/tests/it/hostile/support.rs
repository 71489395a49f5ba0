//! What the attacks share: a product with a number, requests with a key, signed posts, row counts.

use std::collections::BTreeMap;

use domain::delivery::{EventKind, Format};
use domain::ids::{AccountId, ChannelId};
use graph_emulator::{Popup, SignupResult};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use server::store::Engine;
use server::store::api_keys::Scope;
use server::store::endpoints::{self, NewEndpoint, Settings};
use server::store::ids::EndpointId;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::raw::{self, Reply};
use crate::app::{APP_SECRET, Answer, TestApp, browser};

/// The path of Meta's webhook.
pub(super) const HOOK: &str = "/webhooks/whatsapp";

/// A product whose first account has one live number.
pub(super) struct Site {
    pub(super) app: TestApp,
    pub(super) number: SignupResult,
    pub(super) inbox: ChannelId,
    pub(super) endpoint: EndpointId,
}

impl Site {
    pub(super) async fn new() -> Self {
        Self::on(Engine::Sqlite).await
    }

    pub(super) async fn on(engine: Engine) -> Self {
        let app = TestApp::on(engine).await;
        let (number, inbox) = app.signed_up(Popup::default()).await;
        app.settle().await;
        let endpoint = endpoint(&app).await;
        Self { app, number, inbox, endpoint }
    }

    /// A second tenant with a number of its own.
    pub(super) async fn neighbour(&self) -> (AccountId, SecretString, SignupResult, ChannelId) {
        let (account, key) = self.app.another_account(Scope::Admin).await;
        let result = self.app.meta.sign_up(Popup::default()).await;
        let path = format!("/api/v1/accounts/{account}/whatsapp/authorization");
        let answer: Answer = self.app.send(reqwest::Method::POST, &path, Some(browser(&result)), Some(&key)).await;
        let inbox = ChannelId(answer.expect(200)["id"].as_i64().unwrap());
        self.app.settle().await;
        (account, key, result, inbox)
    }

    pub(super) fn phone_id(&self) -> &str {
        self.number.phone_number_id.as_deref().unwrap()
    }

    pub(super) fn waba(&self) -> &str {
        self.number.waba_id.as_deref().unwrap()
    }

    /// Any request with the account's own key.
    pub(super) async fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let bearer = format!("Bearer {}", self.app.key.expose_secret());
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        self.bare(method, target, &all, body).await
    }

    /// A JSON body with the account's own key.
    pub(super) async fn json(&self, method: &str, target: &str, body: &str) -> Reply {
        self.ask(method, target, &[("content-type", "application/json")], body.as_bytes()).await
    }

    /// Any request with exactly these headers.
    pub(super) async fn bare(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        raw::exchange(&self.app.url, &raw::request(method, target, headers, body)).await
    }

    /// A post signed as Meta signs.
    pub(super) async fn post(&self, body: &[u8]) -> Reply {
        self.post_signed(&signature(APP_SECRET, body), body).await
    }

    /// A post with this signature header.
    pub(super) async fn post_signed(&self, signature: &str, body: &[u8]) -> Reply {
        self.bare("POST", HOOK, &[("x-hub-signature-256", signature)], body).await
    }

    /// A path of the first account's inbox.
    pub(super) fn path(&self, rest: &str) -> String {
        self.app.inbox(self.inbox, rest)
    }

    /// Rows of a table.
    pub(super) async fn count(&self, table: &'static str) -> i64 {
        count(&self.app, &format!("select count(*) from {table}")).await
    }
}

/// An endpoint of the first account that nothing is ever sent to: nobody delivers, and its address is one
/// that is not called.
async fn endpoint(app: &TestApp) -> EndpointId {
    let new = NewEndpoint {
        account_id: app.account,
        channel_id: None,
        format: Format::Standard,
        secret: "whsec_aG9zdGlsZS1zaXRlLXNlY3JldA==".into(),
        settings: Settings {
            name: "Hostile".to_owned(),
            url: "https://127.0.0.1/".into(),
            host: "127.0.0.1".to_owned(),
            kinds: EventKind::ALL.to_vec(),
            headers: BTreeMap::new(),
            per_second: None,
        },
    };
    let mut tx = app.store.write().await.unwrap();
    let id = endpoints::insert(&mut tx, &new, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// The header Meta would send.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    graph_api::webhook::sign(&SecretString::from(secret), body)
}

/// One number the database is asked for, behind the product's back.
pub(super) async fn count(app: &TestApp, query: &str) -> i64 {
    let query = AssertSqlSafe(query.to_owned());
    let row: (i64,) = if app.database.url.starts_with("sqlite") {
        let mut conn = SqliteConnection::connect(&app.database.url).await.unwrap();
        sqlx::query_as(query).fetch_one(&mut conn).await.unwrap()
    } else {
        let mut conn = PgConnection::connect(&app.database.url).await.unwrap();
        sqlx::query_as(query).fetch_one(&mut conn).await.unwrap()
    };
    row.0
}

/// A post of one change.
pub(super) fn envelope(entry: &str, field: &str, value: &Value) -> Vec<u8> {
    whole(&json!([{ "id": entry, "changes": [{ "field": field, "value": value }] }]))
}

/// A post of these entries.
pub(super) fn whole(entries: &Value) -> Vec<u8> {
    json!({ "object": "whatsapp_business_account", "entry": entries }).to_string().into_bytes()
}

/// The value of a `messages` change with so many texts, told apart by `mark`.
pub(super) fn messages(phone_id: &str, mark: &str, count: usize) -> Value {
    let each = |n| {
        json!({ "from": "16505550000", "id": format!("wamid.{mark}.{n}"), "timestamp": "1793610000",
        "type": "text", "text": { "body": "hello" } })
    };
    json!({ "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": "15550100001", "phone_number_id": phone_id },
        "messages": (0..count).map(each).collect::<Vec<_>>() })
}

/// One operation of the API's description.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// With `{…}` where ids go.
    pub(crate) path: String,
    pub(crate) takes_body: bool,
    /// The members that the body may have.
    pub(crate) members: Vec<String>,
}

impl Operation {
    /// `GET /path`, as the tables of these tests name it.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The path with ids in it.
    pub(crate) fn at(&self, ids: &[(&str, &str)]) -> String {
        ids.iter().fold(self.path.clone(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id))
    }
}

/// Every operation of the API's description: a route added tomorrow is among them.
pub(crate) fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(server::web::openapi_document()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let takes_body = operation.get("requestBody").is_some();
            let schema = operation.pointer("/requestBody/content/application~1json/schema/$ref");
            let properties =
                schema.and_then(Value::as_str).and_then(|at| document.pointer(&format!("{}/properties", &at[1..])));
            let members = properties.and_then(Value::as_object).map(|all| all.keys().cloned().collect());
            let members = members.unwrap_or_default();
            all.push(Operation { method: method.to_uppercase(), path: path.clone(), takes_body, members });
        }
    }
    assert!(all.len() >= 25, "the description lost its routes: {all:#?}");
    all
}
