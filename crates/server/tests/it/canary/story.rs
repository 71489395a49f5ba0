//! The story: every way a secret goes in, every way something comes out. Asserts only that it happened.

use domain::ids::ChannelId;
use graph_emulator::world::TokenDeath;
use graph_emulator::{Config as EmulatorConfig, NumberAction, Popup, SignupResult, WabaAction};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use server::config::Config;
use server::store::{Engine, api_keys, channels, numbers, sessions};

use super::eyes::Eyes;
use super::needles::Needle;
use super::wire::{Mode, Wire};
use crate::app::{APP_SECRET, TestApp, browser};

/// What only an operator would write, with everything in it that an encoding changes.
const VERIFY_TOKEN: &str = "canary/verify+token&\"9c41\"=x";
const SECRET_BEFORE: &str = "canary-secret-before-3d77e1";
const OWN_PIN: &str = "918273";
const WRONG_PIN: &str = "564738";
const WRONG_CODE: &str = "673829";

/// The product after the story, and what is not to be found of it.
pub(super) struct Told {
    pub(super) app: TestApp,
    pub(super) eyes: Eyes,
    pub(super) wire: Wire,
    pub(super) needles: Vec<Needle>,
    pub(super) inbox: ChannelId,
}

impl Told {
    /// Tells it from beginning to end.
    pub(super) async fn whole(engine: Engine) -> Self {
        let mut wire = None;
        let change = |config: &mut Config, meta: &graph_emulator::Emulator| {
            let (before, url) = Wire::before(&config.meta.base_url);
            config.meta.base_url = url;
            config.meta.system_user_token = Some(meta.with_world(graph_emulator::World::issue_partner_token).into());
            config.meta.verify_token = Some(VERIFY_TOKEN.into());
            config.meta.previous_app_secret = Some(SECRET_BEFORE.into());
            crate::endpoints::allow_this_machine(config);
            // the very first write carries the installation's verify token
            before.answer(Mode::TellBackWrites(100));
            wire = Some(before);
        };
        let app = TestApp::with_meta(engine, change, EmulatorConfig::default()).await;
        let eyes = Eyes::new(&app.url);
        let mut it = Self { app, eyes, wire: wire.unwrap(), needles: Vec::new(), inbox: ChannelId(0) };
        for (name, secret) in
            [("app secret", APP_SECRET), ("app secret before", SECRET_BEFORE), ("verify token", VERIFY_TOKEN)]
        {
            it.keep(name, secret);
        }
        for (name, digits) in [("own PIN", OWN_PIN), ("wrong PIN", WRONG_PIN), ("wrong code", WRONG_CODE)] {
            it.keep(name, digits);
        }
        let (seal, key) = (it.app.keys.clone(), it.app.key.clone());
        it.keep("seal key", seal.expose_secret());
        it.keep("seal key's bytes", &String::from_utf8_lossy(seal.expose_secret().as_bytes()).to_uppercase());
        it.keep("API key", key.expose_secret());
        it.wire.answer(Mode::Pass);
        it.app.advance(SignedDuration::from_hours(2)).await;
        it.inbox = it.connect(Popup::default()).await;
        it.reauthorise().await;
        it.enter_pins().await;
        it.verify_by_code().await;
        it.read_everything().await;
        it.fail_everywhere().await;
        it.lose_a_token().await;
        it.miss_a_browser().await;
        it.leave_signups_unfinished().await;
        it.post_and_shake().await;
        it.handle_keys().await;
        it.forward().await;
        it.open_pages().await;
        it.leave().await;
        it.collect().await;
        it
    }

    pub(super) fn keep(&mut self, name: &str, secret: &str) {
        if !self.needles.iter().any(|known| known.secret == secret) {
            self.needles.push(Needle::new(name, secret));
        }
    }

    pub(super) async fn api(&self, method: &str, path: &str, body: Value) -> super::eyes::Reply {
        let body = (method != "GET").then_some(body);
        let reply = self.eyes.api(method, path, body, &self.app.key).await;
        assert_ne!(reply.status, 500, "{method} {path}: {}", reply.text);
        reply
    }

    /// Hands a signup's result over, its code kept as a needle.
    async fn hand_over(&mut self, result: &SignupResult, inbox: Option<ChannelId>) -> super::eyes::Reply {
        self.keep("signup code", result.code.as_deref().unwrap());
        let mut body = browser(result);
        body["inbox_id"] = json!(inbox.map(|id| id.0));
        self.api("POST", &self.app.path("/whatsapp/authorization"), body).await
    }

    async fn connect(&mut self, popup: Popup) -> ChannelId {
        let result = self.app.meta.sign_up(popup).await;
        let reply = self.hand_over(&result, None).await.expect(200);
        // the same code again
        self.hand_over(&result, None).await.expect(200);
        self.app.settle().await;
        let id = ChannelId(reply.json()["id"].as_i64().unwrap());
        self.note(id).await;
        id
    }

    /// What is sealed for a channel now.
    async fn note(&mut self, id: ChannelId) {
        let mut tx = self.app.app.store.read().await.unwrap();
        let Some(channel) = channels::find(&mut tx, id).await.unwrap() else { return };
        let kept = channels::credentials(&mut tx, id).await.unwrap().unwrap();
        let pin = numbers::pin(&mut tx, &channel.phone_number_id).await.unwrap();
        drop(tx);
        self.keep("access token", kept.access_token.expose_secret());
        self.keep("a number's verify token", kept.verify_token.expose_secret());
        if let Some(pin) = pin {
            self.keep("drawn PIN", pin.expose_secret());
        }
    }

    pub(super) async fn phone_id(&self, id: ChannelId) -> String {
        let mut tx = self.app.app.store.read().await.unwrap();
        channels::find(&mut tx, id).await.unwrap().unwrap().phone_number_id.0
    }

    async fn reauthorise(&mut self) {
        let number = self.app.meta.number(&self.phone_id(self.inbox).await).unwrap();
        let same = Popup {
            waba_id: Some(number.waba_id),
            phone_number: Some(number.phone_number),
            token_lasts: Some(SignedDuration::from_hours(24 * 59)),
            ..Popup::default()
        };
        let result = self.app.meta.sign_up(same).await;
        let reply = self.hand_over(&result, Some(self.inbox)).await.expect(200);
        assert_eq!(reply.json()["message"], "Channel reauthorized successfully");
        let other = self.app.meta.sign_up(Popup::default()).await;
        self.hand_over(&other, Some(self.inbox)).await.expect(422);
        self.app.settle().await;
        self.note(self.inbox).await;
    }

    /// A number that has a PIN already: a wrong one, garbled ones, then its own.
    async fn enter_pins(&mut self) {
        let with_pin = Popup { existing_pin: Some(OWN_PIN.to_owned()), ..Popup::default() };
        let inbox = self.connect(with_pin).await;
        let path = self.app.inbox(inbox, "/registration/pin");
        for garbled in
            [json!({ "pin": [OWN_PIN] }), json!({ "pin": format!("{OWN_PIN}9") }), json!([OWN_PIN]), json!(OWN_PIN)]
        {
            self.api("POST", &path, garbled).await;
        }
        let keyed = [("authorization", format!("Bearer {}", self.app.key.expose_secret()))];
        let headers = [("authorization", keyed[0].1.as_str()), ("idempotency-key", "once-for-the-pin")];
        let body = format!("{{\"pin\":\"{WRONG_PIN}\"}}");
        self.eyes.ask("POST", &path, &headers, Some(body.clone())).await.expect(200);
        // the request itself is known but for six digits: a bare hash of it would be the PIN
        let request = format!("POST {path}\n{body}");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, request.as_bytes());
        self.keep("a hash that gives the PIN away", &hex::encode(digest));
        self.app.advance(SignedDuration::from_hours(2)).await;
        self.api("POST", &path, json!({ "pin": OWN_PIN })).await.expect(200);
        self.app.advance(SignedDuration::from_hours(1)).await;
        let number = self.app.meta.number(&self.phone_id(inbox).await).unwrap();
        assert!(number.registered, "its own PIN opened it: {number:#?}");
    }

    async fn verify_by_code(&mut self) {
        let inbox = self.connect(Popup { verified: false, ..Popup::default() }).await;
        let number = self.phone_id(inbox).await;
        self.app.meta.act(&number, NumberAction::UnverifyCode).await.unwrap();
        self.api("POST", &self.app.inbox(inbox, "/registration/code"), json!({ "method": "SMS" })).await.expect(200);
        let sent = self.app.meta.number(&number).unwrap().sent_code.unwrap();
        self.keep("code Meta sent", &sent);
        let path = self.app.inbox(inbox, "/registration/code/verify");
        self.api("POST", &path, json!({ "code": WRONG_CODE })).await.expect(422);
        self.api("POST", &path, json!({ "code": sent })).await.expect(200);
        self.note(inbox).await;
    }

    async fn read_everything(&self) {
        for path in ["/inboxes", "/announcements", "/api_keys"] {
            self.api("GET", &self.app.path(path), Value::Null).await.expect(200);
        }
        for path in ["", "/health", "/health/history", "/events", "/registration"] {
            self.api("GET", &self.app.inbox(self.inbox, path), Value::Null).await.expect(200);
        }
        for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/docs/errors", "/docs/", "/no/such/page"] {
            self.eyes.page(path, "").await;
        }
    }

    /// Meta tells back whatever it was sent, in every way it can, on every call there is.
    async fn fail_everywhere(&mut self) {
        let modes = [100, 190, 133_005, 1, 4].map(Mode::TellBack);
        for mode in modes.into_iter().chain([Mode::TellBackVaguely, Mode::Page]) {
            let fresh = self.app.meta.sign_up(Popup::default()).await;
            self.wire.answer(mode);
            self.hand_over(&fresh, None).await.expect(422);
            for (path, body) in [
                ("/health/refresh", json!({})),
                ("/register_webhook", json!({})),
                ("/registration", json!({})),
                ("/registration/pin", json!({ "pin": OWN_PIN })),
                ("/registration/code", json!({})),
                ("/registration/code/verify", json!({ "code": WRONG_CODE })),
            ] {
                self.api("POST", &self.app.inbox(self.inbox, path), body).await;
            }
            self.app.advance(SignedDuration::from_hours(3)).await;
            self.read_everything().await;
            self.wire.answer(Mode::Pass);
            self.app.advance(SignedDuration::from_hours(2)).await;
        }
        // reads pass, writes tell back: what register and the overrides carry
        let number = self.phone_id(self.inbox).await;
        self.app.meta.act(&number, NumberAction::Disconnect { reads: None }).await.unwrap();
        self.wire.answer(Mode::TellBackWrites(133_005));
        self.api("POST", &self.app.inbox(self.inbox, "/registration/pin"), json!({ "pin": OWN_PIN })).await.expect(200);
        self.api("POST", &self.app.inbox(self.inbox, "/register_webhook"), json!({})).await;
        let fresh = self.app.meta.sign_up(Popup::default()).await;
        self.hand_over(&fresh, None).await;
        self.wire.answer(Mode::Pass);
        self.app.advance(SignedDuration::from_hours(30)).await;
    }

    async fn lose_a_token(&mut self) {
        let number = self.app.meta.number(&self.phone_id(self.inbox).await).unwrap();
        let death = WabaAction::KillTokens { death: TokenDeath::SessionInvalidated };
        self.app.meta.act_on_waba(&number.waba_id, death).await.unwrap();
        self.api("POST", &self.app.inbox(self.inbox, "/health/refresh"), json!({})).await;
        self.app.advance(SignedDuration::from_hours(7)).await;
        self.note(self.inbox).await;
        let fetched = self.wire.addresses().iter().any(|line| line.contains("/system_user_access_tokens"));
        assert!(fetched, "nobody fetched the token anew");
    }

    /// A signup whose browser never came back is taken up with the system token.
    async fn miss_a_browser(&mut self) {
        let before = self.inboxes().await;
        self.app.meta.sign_up(Popup { browser_returns: false, ..Popup::default() }).await;
        self.app.advance(SignedDuration::from_mins(10)).await;
        let after = self.inboxes().await;
        assert_eq!(after.len(), before.len() + 1, "the shared account was not taken up");
        for id in after {
            self.note(id).await;
        }
    }

    /// Signups whose token is kept: one waits to the end of the story, one is picked from, one is revoked.
    async fn leave_signups_unfinished(&mut self) {
        let first = self.app.meta.sign_up(Popup::default()).await;
        self.keep("signup code", first.code.as_deref().unwrap());
        let mut ids = Vec::new();
        for _ in 0..3 {
            let beside = Popup { waba_id: first.waba_id.clone(), ..Popup::default() };
            let result = self.app.meta.sign_up(beside).await;
            let code = result.code.clone().unwrap();
            self.keep("signup code", &code);
            let asked = self.api("POST", &self.app.path("/signups"), json!({ "code": code })).await.expect(201).json();
            assert_eq!(asked["state"], "unfinished", "{asked}");
            ids.push(asked["id"].as_str().unwrap().to_owned());
        }
        let path = |id: &str| self.app.path(&format!("/signups/{id}"));
        let picked = json!({ "phone_number_id": first.phone_number_id });
        let wrong = json!({ "phone_number_id": "720000000009999" });
        self.api("POST", &path(&ids[1]), wrong).await.expect(422);
        let done = self.api("POST", &path(&ids[1]), picked).await.expect(200).json();
        self.api("DELETE", &path(&ids[2]), Value::Null).await.expect(204);
        for id in &ids {
            self.api("GET", &path(id), Value::Null).await.expect(200);
        }
        self.api("GET", &self.app.path("/signups?state=unfinished"), Value::Null).await.expect(200);
        self.note(ChannelId(done["inbox_id"].as_i64().unwrap())).await;
    }

    async fn inboxes(&self) -> Vec<ChannelId> {
        let list = self.api("GET", &self.app.path("/inboxes"), Value::Null).await.expect(200).json();
        list["data"].as_array().unwrap().iter().map(|row| ChannelId(row["id"].as_i64().unwrap())).collect()
    }

    async fn post_and_shake(&self) {
        let body =
            json!({ "object": "whatsapp_business_account", "entry": [{ "id": "71", "changes": [] }] }).to_string();
        for secret in [APP_SECRET, SECRET_BEFORE, "another"] {
            let signature = graph_api::webhook::sign(&SecretString::from(secret), body.as_bytes());
            let headers = [("x-hub-signature-256", signature.as_str())];
            self.eyes.ask("POST", "/webhooks/whatsapp", &headers, Some(body.clone())).await;
        }
        for token in [VERIFY_TOKEN, "wrong"] {
            let token: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
            let path = format!("/webhooks/whatsapp?hub.mode=subscribe&hub.challenge=7&hub.verify_token={token}");
            self.eyes.ask("GET", &path, &[], None).await;
        }
    }

    async fn handle_keys(&mut self) {
        let new = json!({ "name": "helpdesk", "scope": "admin" });
        let made = self.api("POST", &self.app.path("/api_keys"), new).await.expect(201).json();
        let secret = made["secret"].as_str().unwrap().to_owned();
        self.eyes.may_show(&secret);
        self.keep("API key made over the API", &secret);
        let key = SecretString::from(secret.as_str());
        self.eyes.api("GET", &self.app.path("/inboxes"), None, &key).await.expect(200);
        let origin = [("api_access_token", secret.as_str())];
        self.eyes.ask("GET", &self.app.path("/api_keys"), &origin, None).await.expect(200);
        let id = made["id"].as_str().unwrap();
        self.api("DELETE", &self.app.path(&format!("/api_keys/{id}")), Value::Null).await.expect(204);
        self.eyes.api("GET", &self.app.path("/inboxes"), None, &key).await.expect(401);
        let in_address = format!("{}?api_access_token={secret}", self.app.path("/inboxes"));
        self.eyes.ask("GET", &in_address, &[], None).await.expect(401);
        let unknown = api_keys::fresh_secret();
        self.keep("API key nobody made", unknown.expose_secret());
        self.eyes.api("GET", &self.app.path("/inboxes"), None, &unknown).await.expect(401);
        let mistyped = format!("{}x", unknown.expose_secret());
        self.eyes.form("/sign-in", "", &[("key", &mistyped)]).await.expect(422);
        self.eyes.api("GET", &self.app.path("/inboxes"), None, &mistyped.into()).await.expect(401);
    }

    /// Signs in; the cookie, and what forms must carry.
    pub(super) async fn enter(&mut self, key: &SecretString) -> (String, String) {
        let fields = [("key", key.expose_secret()), ("next", "/numbers")];
        let reply = self.eyes.form("/sign-in", "", &fields).await.expect(303);
        let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let token = cookie.split_once('=').unwrap().1.to_owned();
        self.eyes.may_show(&token);
        self.keep("session cookie", &token);
        let mut tx = self.app.app.store.read().await.unwrap();
        let session = sessions::find(&mut tx, &token.into(), self.app.clock.now()).await.unwrap().unwrap();
        (cookie, session.csrf_token)
    }

    async fn open_pages(&mut self) {
        let key = self.app.key.clone();
        let (cookie, csrf) = self.enter(&key).await;
        let csrf = csrf.as_str();
        for inbox in self.inboxes().await {
            for rest in ["", "/live", "?note=refused"] {
                self.eyes.page(&format!("/numbers/{inbox}{rest}"), &cookie).await.expect(200);
            }
        }
        for what in ["refresh", "complete", "pin", "code", "code/verify", "webhook"] {
            for digits in [WRONG_PIN, "91827", OWN_PIN] {
                let fields = [("csrf", csrf), ("pin", digits), ("code", digits)];
                let path = format!("/numbers/{}/{what}", self.inbox);
                assert_ne!(self.eyes.form(&path, &cookie, &fields).await.status, 500, "{path}");
                self.eyes.form(&path, &cookie, &fields[1..]).await.expect(403);
            }
        }
        for path in ["/", "/numbers", "/numbers?q=x&level=live", "/numbers/999999", "/docs/errors", "/sign-in"] {
            self.eyes.page(path, &cookie).await;
        }
        self.eyes.form("/sign-out", &cookie, &[]).await.expect(303);
    }

    async fn leave(&self) {
        let inboxes = self.inboxes().await;
        self.api("DELETE", &self.app.inbox(*inboxes.last().unwrap(), ""), Value::Null).await.expect(204);
        self.app.advance(SignedDuration::from_hours(1)).await;
        self.read_everything().await;
    }

    /// Every token Meta ever issued, and what is sealed at the end.
    async fn collect(&mut self) {
        for token in self.app.meta.with_world(|world, now| world.token_views(now)) {
            self.keep(&format!("{} token", token.kind), &token.token);
            // Meta's own sign for a token, in every address; elsewhere it has no business
            let proof = graph_api::webhook::sign(&APP_SECRET.into(), token.token.as_bytes());
            self.keep("proof of a token", proof.trim_start_matches("sha256="));
        }
        for id in self.inboxes().await {
            self.note(id).await;
        }
        let names: Vec<&str> = self.needles.iter().map(|needle| needle.name.as_str()).collect();
        for expected in
            ["access token", "system_user token", "drawn PIN", "code Meta sent", "signup code", "session cookie"]
        {
            assert!(names.contains(&expected), "the story had no {expected}: {names:?}");
        }
    }
}
