//! Forwarding's part of the story: secrets go in with endpoints, and every endpoint tells back what it knows, in every
//! way there is. Asserts only that it happened.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use server::store::api_keys::Scope;
use server::store::endpoints;

use super::eyes::Reply;
use super::story::Told;
use crate::endpoints::eventually;

const SECRET: &str = "canary-endpoint/secret+\"3a9f02\"=x";
const NEXT_SECRET: &str = "canary-next/secret+\"b81c77\"=of-its-own";
const REFUSED_SECRET: &str = "canary-secret-of-the-wrong-form-4e60";
/// What a secret of Standard Webhooks stands for.
const INSIDE: &str = "canary inside a standard secret d5f3";
const CREDENTIAL: &str = "canary/header+\"8c1d44\"=credential";
const HEADER: &str = "canary-header-of-its-own-60b2ff";
const NEXT_HEADER: &str = "canary-header-that-came-later-19ae";
const TOKEN: &str = "canary-query-token-7b2e9155";
const PIECE: &str = "canary-piece-of-the-path-4f6a22";
const NEXT_TOKEN: &str = "canary-query-token-that-came-later-c0d3";
const VERIFY_TOKEN: &str = "canary/endpoint-verify+\"2f7a\"=token";
const WRONG_TOKEN: &str = "canary-endpoint-verify-token-wrong-88d1";
const PASSWORD: &str = "canary-password-in-an-address-5c9e";

/// What its owner is shown of an endpoint on purpose: the address.
const SHOWN_TO_OWNERS: [&str; 3] = [TOKEN, PIECE, NEXT_TOKEN];

/// How an endpoint tells back what it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    Nothing,
    Plainly,
    AsJson,
    AsPage,
    AsForm,
    /// Behind so much else that the beginning ends within a secret.
    Late,
}

#[derive(Clone)]
struct Parrot {
    url: String,
    telling: Arc<Mutex<Telling>>,
    status: Arc<Mutex<u16>>,
    /// What it knows beside what it is sent.
    knows: Arc<Mutex<Vec<String>>>,
    heard: Arc<Mutex<usize>>,
}

impl Parrot {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let parrot = Self {
            url,
            telling: Arc::new(Mutex::new(Telling::Nothing)),
            status: Arc::new(Mutex::new(200)),
            knows: Arc::default(),
            heard: Arc::default(),
        };
        let routes = Router::new().fallback(tell).with_state(parrot.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        parrot
    }

    fn tell(&self, status: u16, telling: Telling) {
        (*self.status.lock().unwrap(), *self.telling.lock().unwrap()) = (status, telling);
    }

    fn learn(&self, secrets: &[&str]) {
        self.knows.lock().unwrap().extend(secrets.iter().map(|&secret| secret.to_owned()));
    }
}

async fn tell(State(parrot): State<Parrot>, request: Request) -> Response {
    let uri = request.uri().clone();
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let asked = |name: &str| query.iter().find(|(asked, _)| asked == name).map(|(_, value)| value.clone());
    let (status, telling) = (*parrot.status.lock().unwrap(), *parrot.telling.lock().unwrap());
    *parrot.heard.lock().unwrap() += 1;
    if telling == Telling::Nothing && asked("hub.verify_token").is_some_and(|token| token == VERIFY_TOKEN) {
        return asked("hub.challenge").unwrap().into_response();
    }
    let mut all: Vec<String> = request
        .headers()
        .iter()
        .filter(|(name, _)| !name.as_str().contains("signature"))
        .map(|(_, value)| value.to_str().unwrap().to_owned())
        .chain(query.into_iter().map(|(_, value)| value))
        .chain([uri.to_string()])
        .collect();
    all.extend(parrot.knows.lock().unwrap().clone());
    let text = match telling {
        Telling::Nothing => "no".to_owned(),
        Telling::Plainly => format!("Cannot take {uri}: {}", all.join(" ")),
        Telling::AsJson => json!({ "error": all }).to_string(),
        Telling::AsPage => format!("<p>{}</p>", all.join(", ").replace('&', "&amp;").replace('"', "&quot;")),
        Telling::AsForm => {
            let pairs = all.iter().map(|text| ("x", text));
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        }
        Telling::Late => {
            all.iter().map(|text| format!("{}{text}", ".".repeat(1024 - text.len() / 2))).next_back().unwrap()
        }
    };
    (StatusCode::from_u16(status).unwrap(), text).into_response()
}

impl Told {
    /// Endpoints are made, refused, tried, fed, changed and looked at.
    pub(super) async fn forward(&mut self) {
        let standard = format!("whsec_{}", STANDARD.encode(INSIDE));
        for (name, secret) in [
            ("endpoint's secret", SECRET),
            ("endpoint's next secret", NEXT_SECRET),
            ("endpoint's refused secret", REFUSED_SECRET),
            ("standard secret", &standard),
            ("what a standard secret stands for", INSIDE),
            ("header's credential", CREDENTIAL),
            ("header", HEADER),
            ("next header", NEXT_HEADER),
            ("address's token", TOKEN),
            ("piece of the address", PIECE),
            ("address's next token", NEXT_TOKEN),
            ("endpoint's verify token", VERIFY_TOKEN),
            ("endpoint's wrong verify token", WRONG_TOKEN),
            ("address's password", PASSWORD),
        ] {
            self.keep(name, secret);
        }
        server::startup::start_forwarding(&self.app.app);
        let (one, other) = (Parrot::start().await, Parrot::start().await);
        self.refuse_endpoints(&one).await;
        let as_meta = self.make(&one, "meta", SECRET).await;
        let by_standard = self.make(&other, "standard", &standard).await;
        one.learn(&[SECRET]);
        other.learn(&[&standard, INSIDE]);
        for (parrot, endpoint, first, then) in [
            (&one, &as_meta, Telling::Plainly, Telling::AsJson),
            (&other, &by_standard, Telling::Late, Telling::AsForm),
        ] {
            self.fail_endpoint(parrot, endpoint, first).await;
            self.change(parrot, endpoint).await;
            self.fail_endpoint(parrot, endpoint, then).await;
        }
        let opened = self.debug_endpoints().await;
        assert!(opened.contains("Settings"), "{opened}");
        self.look_at(&[as_meta, by_standard]).await;
    }

    /// By whoever may see the address: that one is shown on purpose, and nothing else.
    async fn as_owner(&self, method: &str, path: &str, body: Value) -> Reply {
        let headers = [
            ("authorization", format!("Bearer {}", self.app.key.expose_secret())),
            ("idempotency-key", format!("once-{}", self.eyes.count())),
        ];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = (method != "GET").then(|| body.to_string());
        let reply = self.eyes.ask(method, &self.app.path(path), &headers, body).await;
        assert_ne!(reply.status, 500, "{method} {path}: {}", reply.text);
        self.may_show_address(&reply);
        reply
    }

    /// The last answer shows the address to its owner, where it does.
    fn may_show_address(&self, reply: &Reply) {
        for shown in SHOWN_TO_OWNERS.iter().filter(|shown| reply.text.contains(**shown)) {
            self.eyes.may_show(shown);
        }
    }

    fn body(&self, parrot: &Parrot, format: &str, secret: &str) -> Value {
        json!({ "name": "Parrot", "format": format, "secret": secret, "verify_token": VERIFY_TOKEN,
            "url": format!("{}/{PIECE}?v=1&token={TOKEN}", parrot.url), "inbox_id": self.inbox.0,
            "headers": { "authorization": format!("Bearer {CREDENTIAL}"), "x-key": HEADER } })
    }

    async fn refuse_endpoints(&self, parrot: &Parrot) {
        let wrong = |member: &str, value: Value| {
            let mut body = self.body(parrot, "meta", SECRET);
            body[member] = value;
            body
        };
        let with_password = parrot.url.replace("http://", &format!("http://somebody:{PASSWORD}@"));
        for body in [
            wrong("url", with_password.into()),
            wrong("url", json!([TOKEN])),
            wrong("secret", json!([SECRET])),
            wrong("secret", json!({ "is": SECRET })),
            wrong("verify_token", json!([VERIFY_TOKEN])),
            wrong("headers", json!([HEADER])),
            wrong("headers", json!({ "x-key": [HEADER] })),
            wrong("headers", json!({ "x-key": format!("{HEADER}\n") })),
            wrong("per_second", json!(-1)),
            wrong("verify_token", WRONG_TOKEN.into()),
            self.body(parrot, "standard", REFUSED_SECRET),
            json!([self.body(parrot, "meta", SECRET)]),
        ] {
            let refused = self.as_owner("POST", "/endpoints", body).await;
            assert!(matches!(refused.status, 400 | 422), "{}", refused.text);
        }
        for (status, telling) in [(403, Telling::Plainly), (200, Telling::Plainly), (200, Telling::AsJson)] {
            parrot.tell(status, telling);
            self.as_owner("POST", "/endpoints", self.body(parrot, "meta", SECRET)).await.expect(422);
        }
        parrot.tell(200, Telling::Nothing);
    }

    async fn make(&mut self, parrot: &Parrot, format: &str, secret: &str) -> String {
        let made = self.as_owner("POST", "/endpoints", self.body(parrot, format, secret)).await.expect(201).json();
        self.may_show_secret(secret);
        if format == "standard" {
            self.eyes.may_show_as(INSIDE, secret);
        }
        format!("/endpoints/{}", made["id"].as_str().unwrap())
    }

    /// The last answer shows an endpoint's secret, this once.
    fn may_show_secret(&self, secret: &str) {
        let written = Value::from(secret).to_string();
        self.eyes.may_show_as(secret, &written[1..written.len() - 1]);
    }

    /// Everything it knows is told back: to tries in every way, to an event in one. One is few enough that it goes on
    /// getting them.
    async fn fail_endpoint(&self, parrot: &Parrot, endpoint: &str, to_an_event: Telling) {
        let number = self.phone_id(self.inbox).await;
        parrot.tell(500, to_an_event);
        let before = *parrot.heard.lock().unwrap();
        let from = format!("1650555{:04}", before % 10_000);
        self.app.meta.receive_text(&number, &from, "for the parrot").await.unwrap();
        self.app.settle().await;
        eventually("told back", async || (*parrot.heard.lock().unwrap() > before).then_some(())).await;
        let tellings =
            [Telling::Plainly, Telling::AsJson, Telling::AsPage, Telling::AsForm, Telling::Late, Telling::Nothing];
        for (status, telling) in tellings.into_iter().map(|telling| (500, telling)).chain([(302, Telling::Plainly)]) {
            parrot.tell(status, telling);
            let tried = self.api("POST", &self.app.path(&format!("{endpoint}/test")), json!({})).await.expect(200);
            assert_eq!(tried.json()["status"], status, "{}", tried.text);
        }
        parrot.tell(200, Telling::Plainly);
        self.api("POST", &self.app.path(&format!("{endpoint}/test")), json!({})).await.expect(200);
        parrot.tell(410, Telling::Plainly);
        self.api("POST", &self.app.path(&format!("{endpoint}/test")), json!({})).await.expect(200);
        parrot.tell(200, Telling::Nothing);
    }

    async fn change(&mut self, parrot: &Parrot, endpoint: &str) {
        self.as_owner("POST", &format!("{endpoint}/secret"), json!({ "secret": [NEXT_SECRET] })).await.expect(422);
        let is_meta = self.as_owner("GET", endpoint, Value::Null).await.expect(200).json()["format"] == "meta";
        let next = if is_meta { json!({ "secret": NEXT_SECRET }) } else { json!({ "secret": null }) };
        let made = self.as_owner("POST", &format!("{endpoint}/secret"), next).await.expect(200).json();
        let secret = made["secret"].as_str().unwrap().to_owned();
        self.may_show_secret(&secret);
        self.keep("an endpoint's secret that came later", &secret);
        parrot.learn(&[&secret]);
        let change = json!({ "url": format!("{}/{PIECE}?token={NEXT_TOKEN}", parrot.url),
            "headers": { "authorization": format!("Bearer {CREDENTIAL}"), "x-key": NEXT_HEADER } });
        self.as_owner("PATCH", endpoint, change).await.expect(200);
        self.as_owner("PATCH", endpoint, json!({ "headers": { "x-key": format!("{HEADER}\u{e4}") } }))
            .await
            .expect(422);
        self.as_owner("PATCH", endpoint, json!({ "secret": REFUSED_SECRET })).await.expect(422);
        self.as_owner("POST", &format!("{endpoint}/disable"), json!({})).await.expect(200);
        self.as_owner("POST", &format!("{endpoint}/enable"), json!({ "from": "where_it_stopped" })).await.expect(200);
        self.as_owner("POST", &format!("{endpoint}/replay"), json!({ "dead_letters": true })).await;
    }

    /// What a careless log line would print of them.
    pub(super) async fn debug_endpoints(&self) -> String {
        let mut tx = self.app.app.store.read().await.unwrap();
        let all = endpoints::list(&mut tx, self.app.account, None).await.unwrap();
        format!("{all:?}")
    }

    /// By the owner, and by those who may only look.
    async fn look_at(&mut self, made: &[String]) {
        let reader = self.app.another_key(Some(self.app.account), Scope::Read).await;
        self.keep("a reader's API key", reader.expose_secret());
        let mut paths = vec!["/endpoints".to_owned()];
        for endpoint in made {
            paths.extend(["", "/deliveries", "/retrying", "/dead_letters"].map(|rest| format!("{endpoint}{rest}")));
        }
        let events = self.api("GET", &self.app.inbox(self.inbox, "/events?limit=5"), Value::Null).await.expect(200);
        for event in events.json()["data"].as_array().unwrap() {
            paths.push(format!("/inboxes/{}/events/{}/deliveries", self.inbox, event["id"].as_str().unwrap()));
        }
        let mut told_back = false;
        for path in &paths {
            let seen = self.eyes.api("GET", &self.app.path(path), None, &reader).await.expect(200);
            told_back |= path.ends_with("/deliveries") && seen.text.contains("[redacted]");
            if !path.ends_with("/deliveries") {
                self.as_owner("GET", path, Value::Null).await.expect(200);
            }
        }
        assert!(told_back, "no endpoint told anything back");
        let owner = self.app.key.clone();
        for (key, may_see) in [(reader, false), (owner, true)] {
            let (cookie, csrf) = self.enter(&key).await;
            for endpoint in made {
                let page = format!("/numbers/{}{endpoint}", self.inbox);
                for rest in ["", "?only=failed"] {
                    self.open(&format!("{page}{rest}"), &cookie, may_see).await;
                }
                self.press(&page, &cookie, &csrf, may_see).await;
            }
            self.open(&format!("/numbers/{}", self.inbox), &cookie, false).await;
        }
    }

    async fn open(&self, path: &str, cookie: &str, may_see: bool) {
        let page = self.eyes.page(path, cookie).await.expect(200);
        if may_see {
            self.may_show_address(&page);
        }
    }

    /// The forms, with secrets in them.
    async fn press(&mut self, page: &str, cookie: &str, csrf: &str, may_see: bool) {
        let credential = format!("Authorization: Bearer {CREDENTIAL}\nX-Key {HEADER}");
        let new = [
            ("csrf", csrf),
            ("url", "http://127.0.0.1:9/"),
            ("format", "meta"),
            ("kinds", "messages"),
            ("headers", credential.as_str()),
            ("verify_token", WRONG_TOKEN),
        ];
        let list = format!("/numbers/{}/endpoints", self.inbox);
        for fields in [&new[..], &new[1..], &new[..4]] {
            let fields: Vec<_> = fields.iter().copied().chain([("verify_token", WRONG_TOKEN)]).collect();
            assert_ne!(self.eyes.form(&list, cookie, &fields).await.status, 500);
        }
        let change = [
            ("csrf", csrf),
            ("url", "http://127.0.0.1:9/"),
            ("kinds", "messages"),
            ("name", "Parrot"),
            ("header:x-key", HEADER),
            ("headers", credential.as_str()),
        ];
        let edit = format!("{page}/edit");
        if may_see {
            self.open(&edit, cookie, true).await;
        }
        self.eyes.form(&edit, cookie, &change).await.expect(if may_see { 422 } else { 403 });
        self.eyes.form(&edit, cookie, &change[1..]).await.expect(403);
        let tried = self.eyes.form(&format!("{page}/test"), cookie, &[("csrf", csrf)]).await;
        let tried = tried.expect(if may_see { 200 } else { 403 });
        if may_see {
            self.may_show_address(&tried);
            let reply = self.eyes.form(&format!("{page}/secret"), cookie, &[("csrf", csrf)]).await.expect(200);
            let (_, rest) = reply.text.split_once("<code id=\"secret\">").unwrap();
            let drawn = rest.split('<').next().unwrap().to_owned();
            self.eyes.may_show(&drawn);
            self.keep("an endpoint's secret shown on a page", &drawn);
        }
    }
}
