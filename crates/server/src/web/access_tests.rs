//! Access control of all documented routes: without a key, with a key of another account, and with a scope that is too low.
//! The routes come from the OpenAPI document, so that new routes are tested too.

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use confique::Config as _;
use domain::channel::Onboarding;
use domain::ids::{AccountId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tower::ServiceExt as _;

use super::router::{openapi_document, router};
use crate::App;
use crate::config::Config;
use crate::flows::database::Database;
use crate::runtime::clock::Clock;
use crate::seal::Keyring;
use crate::store::api_keys::{self, NewApiKey, Scope};
use crate::store::channels::{self, NewChannel};
use crate::store::{Store, accounts};

/// A service over an empty database with two accounts, the first of which has a number.
struct Site {
    app: App,
    account: AccountId,
    channel: ChannelId,
    own: SecretString,
    reader: SecretString,
    foreign: SecretString,
    operator: SecretString,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("sqlite://{}", folder.path().join("test.db").display());
        let config = configuration();
        let keyring = Keyring::parse(&Keyring::generate()).unwrap();
        let store = Store::open_and_migrate(&file, keyring).await.unwrap();
        let clock = Clock::stepped("2026-11-22T12:00:00Z".parse().unwrap());
        let app = crate::startup::build(config, Database::new(store.clone()), clock).unwrap();
        let account = tenant(&app, &store, "Example Bakery").await;
        let other = tenant(&app, &store, "Somebody else").await;
        Self {
            channel: channel(&app, &store, account).await,
            own: key(&app, &store, Some(account), Scope::Admin).await,
            reader: key(&app, &store, Some(account), Scope::Read).await,
            foreign: key(&app, &store, Some(other), Scope::Admin).await,
            operator: key(&app, &store, None, Scope::Admin).await,
            account,
            app,
            _folder: folder,
        }
    }

    async fn ask(&self, method: &str, path: &str, key: Option<&SecretString>) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(key) = key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", key.expose_secret()));
        }
        router(self.app.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    /// Every API route with its ids filled in.
    fn routes(&self) -> Vec<(String, String, String)> {
        let document = serde_json::to_value(openapi_document()).unwrap();
        let mut routes = Vec::new();
        for (template, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                let path = template
                    .replace("{account_id}", &self.account.to_string())
                    .replace("{id}", &self.channel.to_string())
                    .replace("{signup_id}", "sgn_0190f3a2c0de7000b000000000000001")
                    .replace("{key_id}", "key_0190f3a2c0de7000b000000000000001")
                    .replace("{endpoint_id}", "end_0190f3a2c0de7000b000000000000001")
                    .replace("{event_id}", "evt_1")
                    .replace("{erasure_id}", "ers_0190f3a2c0de7000b000000000000001");
                routes.push((method.to_uppercase(), path, template.clone()));
            }
        }
        routes.retain(|(_, _, template)| template.starts_with("/api/"));
        assert!(routes.len() > 20, "only {} routes", routes.len());
        routes
    }
}

fn configuration() -> Config {
    let layer: <Config as confique::Config>::Layer =
        toml::from_str("[meta]\napp_id = \"740\"\napp_secret = \"s3cret\"\nbase_url = \"http://127.0.0.1:9\"").unwrap();
    Config::builder().preloaded(layer).load().unwrap()
}

async fn tenant(app: &App, store: &Store, name: &str) -> AccountId {
    let mut tx = store.write().await.unwrap();
    let id = accounts::create(&mut tx, name, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn key(app: &App, store: &Store, account_id: Option<AccountId>, scope: Scope) -> SecretString {
    let secret = api_keys::fresh_secret();
    let mut tx = store.write().await.unwrap();
    let new = NewApiKey { account_id, name: "test".to_owned(), scope };
    api_keys::insert(&mut tx, &new, &secret, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    secret
}

async fn channel(app: &App, store: &Store, account_id: AccountId) -> ChannelId {
    let new = NewChannel {
        account_id,
        name: "Example Bakery <b>WhatsApp".to_owned(),
        phone_number: E164::parse("+15550100001").unwrap(),
        phone_number_id: PhoneNumberId("720".to_owned()),
        waba_id: WabaId("710".to_owned()),
        business_id: None,
        onboarding: Onboarding::Standard,
        access_token: "token".into(),
        token_expires_at: None,
        verify_token: "verify".into(),
        created_at: app.clock.now(),
    };
    let mut tx = store.write().await.unwrap();
    let id = channels::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn json(response: Response<Body>) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn no_route_answers_without_a_key() {
    let site = Site::open().await;
    for (method, path, _) in site.routes() {
        let response = site.ask(&method, &path, None).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE), "{method} {path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{method} {path}");
        assert_eq!(json(response).await["code"], "unauthenticated");
    }
}

#[tokio::test]
async fn a_foreign_account_does_not_exist() {
    let site = Site::open().await;
    for (method, path, template) in site.routes().into_iter().filter(|(_, _, t)| t.contains("{account_id}")) {
        let response = site.ask(&method, &path, Some(&site.foreign)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{method} {template}");
        let problem = json(response).await;
        assert_eq!(problem["error"], "Resource could not be found", "{method} {path}");
    }
}

#[tokio::test]
async fn a_reader_changes_nothing() {
    let site = Site::open().await;
    for (method, path, template) in site.routes().into_iter().filter(|(method, _, _)| method != "GET") {
        let response = site.ask(&method, &path, Some(&site.reader)).await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{method} {template}");
    }
}

#[tokio::test]
async fn ids_that_lead_nowhere_are_404() {
    let site = Site::open().await;
    for path in
        ["/api/v1/accounts/1/inboxes/999", "/api/v1/accounts/x/inboxes", "/api/v1/accounts/1/inboxes/-1", "/nope"]
    {
        let response = site.ask("GET", path, Some(&site.operator)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let problem = json(response).await;
        assert!(problem["request_id"].as_str().unwrap().starts_with("req_"), "{problem}");
    }
    let response = site.ask("PUT", "/api/v1/accounts", Some(&site.operator)).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(response.headers().contains_key(header::ALLOW));
    assert_eq!(json(response).await["code"], "method_not_allowed");
}

#[tokio::test]
async fn an_inbox_shows_no_secret() {
    let site = Site::open().await;
    let path = format!("/api/v1/accounts/{}/inboxes/{}", site.account, site.channel);
    let response = site.ask("GET", &path, Some(&site.own)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    let shown = text(response).await;
    assert!(!shown.contains("token\"") && !shown.contains("verify\""), "{shown}");
}

/// Signs in as a browser does and returns its cookie.
async fn cookie_of(site: &Site) -> String {
    let form = format!("key={}&next=%2Fnumbers", site.own.expose_secret());
    let request = Request::builder()
        .method("POST")
        .uri("/sign-in")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let response = router(site.app.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

async fn browse(site: &Site, request: axum::http::request::Builder, cookie: &str, body: &str) -> Response<Body> {
    let request = request
        .header(header::COOKIE, cookie)
        .header(header::ACCEPT, "text/html")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    router(site.app.clone()).oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_page_escapes_what_people_wrote_and_allows_no_foreign_script() {
    let site = Site::open().await;
    let cookie = cookie_of(&site).await;
    let number = format!("/numbers/{}", site.channel);
    let tabs = ["registration", "forwarding", "timeline"].map(|tab| format!("{number}/{tab}"));
    for path in ["/numbers".to_owned(), number].into_iter().chain(tabs) {
        let response = browse(&site, Request::get(&path), &cookie, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
        let shown = text(response).await;
        assert!(!shown.contains("<b>WhatsApp") && shown.contains("&#60;b&#62;WhatsApp"), "{shown}");
        assert!(!shown.contains(" style=") && !shown.contains(" onclick="), "inline code in {path}");
    }
}

#[tokio::test]
async fn a_form_without_the_sessions_token_does_nothing() {
    let site = Site::open().await;
    let cookie = cookie_of(&site).await;
    let of_endpoint = ["test", "replay", "enable", "disable", "discard", "secret", "delete"]
        .map(|action| format!("endpoints/end_0190f3a2c0de7000b000000000000001/{action}"));
    let of_number = ["complete", "refresh", "pin", "code", "code/verify", "webhook", "app_callback", "endpoints"]
        .map(str::to_owned);
    for action in of_number.into_iter().chain(of_endpoint) {
        let path = format!("/numbers/{}/{action}", site.channel);
        let response = browse(&site, Request::post(&path), &cookie, "pin=123456&csrf=wrong").await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path}");
        let response = browse(&site, Request::post(&path), "", "pin=123456").await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    // a cookie alone does not change anything through the API either
    let path = format!("/api/v1/accounts/{}/inboxes/{}", site.account, site.channel);
    let response = browse(&site, Request::delete(&path), &cookie, "").await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let response = browse(&site, Request::get(&path), &cookie, "").await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn another_site_cannot_make_a_browser_post() {
    let site = Site::open().await;
    let cookie = cookie_of(&site).await;
    let request =
        Request::post("/sign-out").header("sec-fetch-site", "cross-site").header("origin", "https://evil.example");
    assert_eq!(browse(&site, request, &cookie, "").await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_signed_out_browser_is_redirected_to_sign_in() {
    let site = Site::open().await;
    let response = browse(&site, Request::get("/numbers"), "", "").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/sign-in?next=%2Fnumbers");
}
