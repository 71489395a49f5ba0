//! The form that changes an endpoint on its page: what it shows, what it does, what it says when something is wrong.

use domain::ids::ChannelId;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use server::store::Engine;
use server::store::api_keys::Scope;

use super::receiver::Receiver;
use super::{make, of, stories, with_number};
use crate::app::TestApp;

stories!(an_owner_changes_all_that_can_be_changed, what_is_wrong_stands_beside_its_field_and_nothing_is_lost);

/// A browser that signed in.
pub(super) struct Browser<'a> {
    app: &'a TestApp,
    http: reqwest::Client,
    cookie: String,
}

impl<'a> Browser<'a> {
    pub(super) async fn sign_in(app: &'a TestApp, key: &SecretString) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let form = [("key", key.expose_secret())];
        let answer = http.post(format!("{}/sign-in", app.url)).form(&form).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { app, http, cookie }
    }

    async fn open(&self, path: &str) -> (u16, String) {
        let request = self.http.get(format!("{}{path}", self.app.url));
        self.send(request).await
    }

    /// Posts what the page's form holds besides its token.
    pub(super) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let (_, page) = self.open(path).await;
        let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap();
        let csrf = rest.split('"').next().unwrap();
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf)]).collect();
        self.send(self.http.post(format!("{}{path}", self.app.url)).form(&fields)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let answer = request.header("cookie", &self.cookie).header("accept", "text/html").send().await.unwrap();
        let status = answer.status().as_u16();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (status, to.unwrap_or(answer.text().await.unwrap()))
    }
}

pub(super) fn page_of(inbox: ChannelId, endpoint: &Value) -> String {
    format!("/numbers/{inbox}/endpoints/{}", endpoint["id"].as_str().unwrap())
}

/// The tag that begins so, whole.
fn tag<'a>(page: &'a str, beginning: &str) -> &'a str {
    let at = page.find(beginning).unwrap_or_else(|| panic!("no {beginning}: {page}"));
    page[at..].split('>').next().unwrap()
}

fn kinds_of(page: &str) -> Vec<(&str, bool)> {
    let boxes = page.split("name=\"kinds\" value=\"").skip(1);
    boxes.map(|rest| rest.split_once('"').unwrap()).map(|(word, rest)| (word, rest.starts_with(" checked"))).collect()
}

async fn an_owner_changes_all_that_can_be_changed(engine: Engine) {
    let (app, inbox, _) = with_number(engine).await;
    let (before, after) = (Receiver::start().await, Receiver::start().await);
    let made = make(
        &app,
        json!({ "name": "Helpdesk", "url": before.url, "format": "meta", "kinds": ["messages", "calls"], "per_second": 20,
            "headers": { "Authorization": "Bearer of-the-header", "X-Team": "support", "X-Old": "of-yesterday" } }),
    )
    .await;
    let page = page_of(inbox, &made);
    let edit = format!("{page}/edit");
    let owner = Browser::sign_in(&app, &app.key).await;
    let (status, shown) = owner.open(&page).await;
    assert!(status == 200 && shown.contains(&format!("href=\"{edit}\"")), "it leads to the form: {shown}");
    let (status, form) = owner.open(&edit).await;
    assert_eq!(status, 200, "{form}");
    assert!(tag(&form, "<input id=\"url\"").contains(&format!("value=\"{}\"", before.url)), "{form}");
    assert!(tag(&form, "<input id=\"name\"").contains("value=\"Helpdesk\""), "{form}");
    assert!(tag(&form, "<input id=\"per_second\"").contains("value=\"20\""), "{form}");
    let ticked: Vec<&str> = kinds_of(&form).into_iter().filter(|(_, ticked)| *ticked).map(|(word, _)| word).collect();
    assert_eq!((kinds_of(&form).len(), ticked), (7, vec!["messages", "calls"]), "no announcements in Meta's format");
    for secret in ["of-the-header", "support", "of-yesterday"] {
        assert!(form.contains("X-Team") && !form.contains(secret), "{secret} is shown: {form}");
    }

    let fields = [
        ("url", after.url.as_str()),
        ("name", " Second desk "),
        ("kinds", "messages"),
        ("kinds", "statuses"),
        ("header:Authorization", ""),
        ("header:X-Team", "sales"),
        ("header:X-Old", ""),
        ("remove", "X-Old"),
        ("headers", "X-New: of-today"),
        ("per_second", ""),
    ];
    let (status, to) = owner.post(&edit, &fields).await;
    assert_eq!((status, to.as_str()), (303, format!("{page}?note=changed").as_str()));
    assert!(owner.open(&to).await.1.contains("Saved."));
    let changed = app.get(&of(&app, &made, "")).await.expect(200);
    for (member, value) in [
        ("name", json!("Second desk")),
        ("url", json!(after.url)),
        ("kinds", json!(["messages", "statuses"])),
        ("header_names", json!(["Authorization", "X-New", "X-Team"])),
        ("per_second", Value::Null),
        ("format", json!("meta")),
    ] {
        assert_eq!(changed[member], value, "{member}: {changed}");
    }
    app.post(&of(&app, &made, "/test"), json!({})).await.expect(200);
    let heard = after.last();
    for (name, value) in
        [("authorization", "Bearer of-the-header"), ("x-team", "sales"), ("x-new", "of-today"), ("x-old", "")]
    {
        assert_eq!(heard.header(name), value, "{name}");
    }
    assert!(before.heard().is_empty());
    assert!(heard.is_signed_like_meta("x-hub-signature-256", made["secret"].as_str().unwrap()), "the secret stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_change_it_gets_to_the_form() {
    let (app, inbox, _) = with_number(Engine::Sqlite).await;
    let url = "https://127.0.0.1:9/hook?token=of-the-address";
    let made = make(&app, json!({ "url": url, "format": "meta" })).await;
    let page = page_of(inbox, &made);
    let edit = format!("{page}/edit");
    for (scope, path, status) in [(Scope::Read, &edit, 403), (Scope::Operate, &edit, 403), (Scope::Read, &page, 200)] {
        let other = app.another_key(Some(app.account), scope).await;
        let (seen, shown) = Browser::sign_in(&app, &other).await.open(path).await;
        assert_eq!(seen, status, "{scope:?}: {shown}");
        assert!(!shown.contains("of-the-address") && !shown.contains("/edit\""), "{scope:?}: {shown}");
    }
    let nobody = format!("/numbers/{inbox}/endpoints/end_0190f3a2c0de7000b000000000000001/edit");
    let owner = Browser::sign_in(&app, &app.key).await;
    assert_eq!(owner.open(&nobody).await.0, 404);
}

async fn what_is_wrong_stands_beside_its_field_and_nothing_is_lost(engine: Engine) {
    let (app, inbox, _) = with_number(engine).await;
    let made = make(
        &app,
        json!({ "name": "Helpdesk", "url": "https://127.0.0.1:9/hook", "format": "standard", "headers": { "X-Team": "support" } }),
    )
    .await;
    let before = app.get(&of(&app, &made, "")).await.expect(200);
    let edit = format!("{}/edit", page_of(inbox, &made));
    let owner = Browser::sign_in(&app, &app.key).await;
    for (field, value, id, says) in [
        ("url", "https://10.0.0.5/typed", "url-error", "private"),
        ("url", "", "url-error", "Enter the address"),
        ("name", "", "name-error", "Enter a name"),
        ("name", &"n".repeat(201), "name-error", "shorten it to 200"),
        ("kinds", "", "kinds-error", "At least one"),
        ("per_second", "many", "per_second-error", "number of posts a second"),
        ("headers", "X-New of-a-secret", "headers-error", "One a line"),
        ("headers", "Host: of-a-secret", "headers-error", "set by Linekeeper itself"),
        ("header:X-Team", "of-a-secret\u{e4}", "headers-error", "printable ASCII"),
    ] {
        let good = [
            ("url", "https://127.0.0.1:9/typed"),
            ("name", "Typed"),
            ("kinds", "calls"),
            ("per_second", "7"),
            ("remove", "X-Gone"),
        ];
        let others = good.into_iter().filter(|(name, _)| *name != field);
        let fields: Vec<_> = others.chain([(field, value)]).filter(|(_, value)| !value.is_empty()).collect();
        let (status, page) = owner.post(&edit, &fields).await;
        assert_eq!(status, 422, "{field} {value:.40}: {page}");
        let (_, error) = page.split_once(&format!("id=\"{id}\" role=\"alert\">")).unwrap_or_else(|| panic!("{page}"));
        assert!(error.split('<').next().unwrap().contains(says), "{field} {value:.40}: {error:.200}");
        assert_eq!(page.matches("role=\"alert\"").count(), 1, "{field}: said once: {page}");
        for (name, entered) in [("url", "https://127.0.0.1:9/typed"), ("name", "Typed"), ("per_second", "7")] {
            let expected = if name == field { value } else { entered };
            let shown = tag(&page, &format!("<input id=\"{name}\""));
            assert!(shown.contains(&format!("value=\"{expected}\"")), "{field}: {name} is kept: {shown}");
            assert_eq!(shown.contains("aria-invalid"), name == field, "{shown}");
        }
        let ticked = kinds_of(&page).into_iter().filter(|(_, ticked)| *ticked).count();
        assert_eq!(ticked, usize::from(field != "kinds"), "{field}");
        let typed_a_secret = field.starts_with("header");
        assert_eq!(page.contains("Enter them again."), typed_a_secret, "{field}: {page}");
        assert!(!page.contains("of-a-secret"), "{field}: {page}");
    }
    let (status, page) = owner.post(&edit, &[("csrf", "another")]).await;
    assert_eq!(status, 403, "{page}");
    assert_eq!(app.get(&of(&app, &made, "")).await.expect(200), before, "nothing was changed by any of it");
}
