//! The pages under attack: cookies, forms sent by other sites, scripts smuggled in, addresses that lead away.

use graph_emulator::{Config as EmulatorConfig, Fault, FaultError, Popup};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;
use server::config::Config;
use server::store::Engine;
use server::store::api_keys::{self, Scope};
use server::store::sessions;

use super::raw::{self, Reply};
use super::support::Site;
use crate::app::TestApp;

/// What a page must never hold where it was somebody's text.
const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

/// A browser that signed in: its cookie as it sends it, and its session's token.
pub(super) struct Browser {
    pub(super) cookie: String,
    pub(super) csrf: String,
}

async fn form(app: &TestApp, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Reply {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    let mut all = vec![("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    all.extend_from_slice(headers);
    raw::exchange(&app.url, &raw::request("POST", path, &all, body.finish().as_bytes())).await
}

async fn open(app: &TestApp, path: &str, cookie: &str) -> Reply {
    let headers = [("accept", "text/html"), ("cookie", cookie)];
    raw::exchange(&app.url, &raw::request("GET", path, &headers, b"")).await
}

pub(super) async fn sign_in(app: &TestApp, key: &str) -> Browser {
    let answer = form(app, "/sign-in", &[], &[("key", key)]).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let secret = cookie.split_once('=').unwrap().1.to_owned();
    let mut tx = app.app.store.read().await.unwrap();
    let session = sessions::find(&mut tx, &secret.into(), app.clock.now()).await.unwrap().unwrap();
    Browser { cookie, csrf: session.csrf_token }
}

/// Every page and every form of a number.
fn pages(inbox: impl std::fmt::Display) -> [String; 11] {
    [
        "/numbers".to_owned(),
        format!("/numbers?q={}&level=live&page=7", "%3Cscript%3Ealert(1)%3C/script%3E%22'%3E"),
        format!("/numbers/{inbox}"),
        format!("/numbers/{inbox}?note=refused"),
        format!("/numbers/{inbox}/live"),
        format!("/numbers/{inbox}/endpoints/new"),
        format!("/numbers/{inbox}/endpoints/{NO_ENDPOINT}"),
        format!("/numbers/{inbox}/endpoints/{NO_ENDPOINT}/edit"),
        "/docs/errors".to_owned(),
        "/no/such/page".to_owned(),
        "/numbers/999999".to_owned(),
    ]
}

/// An endpoint that is nobody's.
const NO_ENDPOINT: &str = "end_0190f3a2c0de7000b000000000000001";

pub(super) fn forms(inbox: impl std::fmt::Display) -> Vec<String> {
    let of_number = ["refresh", "complete", "pin", "code", "code/verify", "webhook", "endpoints"];
    let of_endpoint = ["edit", "test", "replay", "enable", "disable", "discard", "secret", "delete"];
    let of_number = of_number.into_iter().map(|what| format!("/numbers/{inbox}/{what}"));
    let of_endpoint = of_endpoint.map(|what| format!("/numbers/{inbox}/endpoints/{NO_ENDPOINT}/{what}"));
    of_number.chain(of_endpoint).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    for (public, name, is_secure) in
        [("http://127.0.0.1:8080", "linekeeper=", false), ("https://lk.example", "__Host-linekeeper=", true)]
    {
        let change = |config: &mut Config| config.public_url = public.to_owned();
        let app = TestApp::with(Engine::Sqlite, change, EmulatorConfig::default()).await;
        let answer = form(&app, "/sign-in", &[], &[("key", app.key.expose_secret())]).await;
        let cookie = answer.header("set-cookie").unwrap().to_owned();
        assert!(cookie.starts_with(name), "{cookie}");
        for flag in ["HttpOnly", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(flag), "{flag}: {cookie}");
        }
        assert_eq!(cookie.contains("Secure"), is_secure, "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
        assert_eq!(answer.header("strict-transport-security").is_some(), is_secure);
        assert!(!answer.head.contains(app.key.expose_secret()), "the key went into the cookie");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_is_not_ours_opens_nothing() {
    let site = Site::new().await;
    let app = &site.app;
    let good = sign_in(app, app.key.expose_secret()).await;
    let path = format!("/numbers/{}", site.inbox);
    assert_eq!(open(app, &path, &good.cookie).await.status, 200);
    let (name, token) = good.cookie.split_once('=').unwrap();
    let flipped = if token.ends_with('A') { "B" } else { "A" };
    let wrong = [
        String::new(),
        format!("{name}="),
        format!("{name}={}{flipped}", &token[..token.len() - 1]),
        format!("{name}={}", &token[1..]),
        format!("{name}={}", token.to_uppercase()),
        format!("{name}={token}{token}"),
        format!("{name}=' or '1'='1"),
        format!("{name}=%00"),
        format!("{name}={}", app.key.expose_secret()),
        format!("__Host-{name}={token}"),
        "x".repeat(4000),
    ];
    for cookie in &wrong {
        let answer = open(app, &path, cookie).await;
        assert_eq!(answer.status, 303, "{cookie}: {}", answer.body);
        assert!(answer.header("location").unwrap().starts_with("/sign-in?next="), "{}", answer.head);
        let api = [("cookie", cookie.as_str())];
        site.bare("GET", &site.path(""), &api, b"").await.problem(401, "unauthenticated");
    }
    // a session dies with its key, with time, and by signing out
    let key = app.another_key(Some(app.account), Scope::Read).await;
    let revoked = sign_in(app, key.expose_secret()).await;
    let mut tx = app.store.write().await.unwrap();
    let id = api_keys::find_by_secret(&mut tx, &key).await.unwrap().unwrap().id;
    api_keys::revoke(&mut tx, id, app.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(open(app, &path, &revoked.cookie).await.status, 303);
    let left = sign_in(app, app.key.expose_secret()).await;
    let answer = form(app, "/sign-out", &[("cookie", &left.cookie)], &[]).await;
    assert!(answer.header("set-cookie").is_some_and(|cookie| cookie.contains("Max-Age=0")), "{}", answer.head);
    assert_eq!(open(app, &path, &left.cookie).await.status, 303, "the cookie outlived signing out");
    app.clock.set(app.clock.now() + SignedDuration::from_hours(8 * 24));
    assert_eq!(open(app, &path, &good.cookie).await.status, 303, "the cookie outlived its week");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_its_sessions_token_does_nothing() {
    let site = Site::new().await;
    let app = &site.app;
    let browser = sign_in(app, app.key.expose_secret()).await;
    let other = sign_in(app, app.key.expose_secret()).await;
    let calls = app.meta.log().len();
    let cookie = ("cookie", browser.cookie.as_str());
    for path in forms(site.inbox) {
        for token in ["", "x", &other.csrf, &browser.csrf.to_uppercase(), &browser.csrf[1..]] {
            let answer = form(app, &path, &[cookie], &[("csrf", token), ("pin", "123456"), ("code", "123456")]).await;
            assert_eq!(answer.status, 403, "{path} {token}: {}", answer.body);
        }
        let missing = form(app, &path, &[cookie], &[("pin", "123456"), ("code", "123456")]).await;
        assert_eq!(missing.status, 403, "{path}");
        let in_address = format!("{path}?csrf={}", browser.csrf);
        assert_eq!(form(app, &in_address, &[cookie], &[]).await.status, 403, "{path}: taken from the address");
        // another site's page holds the browser's cookie and may even know the token
        for header in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")] {
            let answer = form(app, &path, &[cookie, header], &[("csrf", &browser.csrf)]).await;
            assert_eq!(answer.status, 403, "{path} {header:?}: {}", answer.body);
        }
        let nobody = form(app, &path, &[], &[("csrf", &browser.csrf)]).await;
        assert!(matches!(nobody.status, 303 | 401), "{path}: {nobody:?}");
    }
    // the API takes the cookie, but changes nothing without the token
    for headers in [vec![cookie], vec![cookie, ("x-csrf-token", "x")], vec![cookie, ("x-csrf-token", &other.csrf)]] {
        site.bare("POST", &site.path("/registration"), &headers, b"").await.problem(403, "csrf");
        site.bare("DELETE", &site.path(""), &headers, b"").await.problem(403, "csrf");
    }
    assert_eq!(app.meta.log().len(), calls, "a forged form made us call Meta");
    let own = form(app, &forms(site.inbox)[0], &[cookie], &[("csrf", &browser.csrf)]).await;
    assert_eq!(own.status, 303, "the real form works: {}", own.body);
    let login = form(app, "/sign-in", &[("origin", "https://evil.example")], &[("key", app.key.expose_secret())]).await;
    assert_eq!(login.status, 403, "another site signed the browser in");
}

/// The inside of every tag, without what stands in quotes.
fn tags(html: &str) -> Vec<String> {
    let inside = |tag: &str| -> String {
        let mut is_quoted = false;
        let ends = |c: &char| *c == '>';
        let kept = |c: char| {
            is_quoted ^= c == '"';
            (!is_quoted).then_some(c)
        };
        tag.chars().map(kept).take_while(|c| !c.as_ref().is_some_and(ends)).flatten().collect()
    };
    html.split('<').skip(1).map(inside).collect()
}

/// A page a browser may be shown: framed by nobody, guessed at by nobody, with no script but the file.
#[track_caller]
fn check_page(path: &str, page: &Reply) {
    let policy = page.header("content-security-policy").unwrap_or_else(|| panic!("{path} has no policy"));
    for rule in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{path}: {policy}");
    }
    let of_scripts = policy.split(';').find(|rule| rule.trim().starts_with("script-src")).unwrap();
    assert!(!of_scripts.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"), "{path}");
    let html = page.body.to_lowercase();
    for tag in html.split("<script").skip(1) {
        let (head, rest) = tag.split_once('>').unwrap();
        assert!(head.contains("src=") && rest.trim_start().starts_with("</script"), "{path}: inline script {tag:.80}");
    }
    for tag in tags(&html) {
        let smuggled =
            tag.starts_with("style") || tag.starts_with("iframe") || tag.starts_with("base") || tag.starts_with("img");
        let handles = tag.split_whitespace().any(|word| word.starts_with("on") || word.starts_with("style="));
        assert!(!smuggled && !handles, "{path}: <{tag}>");
    }
    assert!(!html.contains("=\"javascript:"), "{path}");
    assert!(!page.body.contains("alert(1)</script>") && !page.body.contains("<img src=x"), "{path}: {}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_locked_down_and_shows_text_as_text() {
    let app = TestApp::new().await;
    app.meta.fail(Fault::refusal(
        "POST register",
        FaultError {
            code: 100,
            message: Some(SCRIPT.to_owned()),
            user_title: Some(SCRIPT.to_owned()),
            user_msg: Some(SCRIPT.to_owned()),
            details: Some(SCRIPT.to_owned()),
            ..FaultError::default()
        },
    ));
    let named = Popup { display_name: SCRIPT.to_owned(), business_name: SCRIPT.to_owned(), ..Popup::default() };
    let (_, inbox) = app.signed_up(named).await;
    app.settle().await;
    let (path, name) = (app.inbox(inbox, ""), json!({ "name": SCRIPT }));
    let renamed = app.send(reqwest::Method::PATCH, &path, Some(name), Some(&app.key)).await;
    assert_eq!(renamed.expect(200)["name"], SCRIPT, "the API shows it as it is");
    let browser = sign_in(&app, app.key.expose_secret()).await;
    let mut shown = 0;
    for path in pages(inbox) {
        let page = open(&app, &path, &browser.cookie).await;
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{path}: {}", page.head);
        check_page(&path, &page);
        shown += page.body.matches("&lt;script").count() + page.body.matches("&#60;script").count();
    }
    assert!(shown >= 4, "the smuggled text was on no page ({shown})");
    for path in ["/sign-in", "/sign-in?next=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"] {
        check_page(path, &open(&app, path, "").await);
    }
    let csrf = browser.csrf.as_str();
    for path in forms(inbox) {
        let page = form(
            &app,
            &path,
            &[("cookie", &browser.cookie)],
            &[("csrf", csrf), ("pin", SCRIPT), ("code", SCRIPT), ("method", SCRIPT)],
        )
        .await;
        if page.status != 303 {
            check_page(&path, &page);
        }
    }
    let wrong_key = form(&app, "/sign-in", &[], &[("key", SCRIPT), ("next", SCRIPT)]).await;
    assert_eq!(wrong_key.status, 422);
    check_page("/sign-in", &wrong_key);
}

/// What is no page is no page for a browser either.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_it_is_and_nobody_else_may_read_it() {
    let site = Site::new().await;
    let paths = [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/openapi.json",
        "/docs/",
        "/docs/swagger-initializer.js",
        "/assets/x/app.js",
    ];
    for path in
        paths.into_iter().map(str::to_owned).chain([site.path(""), site.path("/nothing"), site.app.path("/inboxes")])
    {
        let answer = site.ask("GET", &path, &[("origin", "https://evil.example")], b"").await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}: {}", answer.head);
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"), "{path}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{path}: {}", answer.head);
        assert!(answer.header("server").is_none(), "{path}: {}", answer.head);
        if path.starts_with("/api/") {
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        }
    }
    let docs = site.ask("GET", "/docs/", &[("accept", "text/html")], b"").await;
    let policy = docs.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';"), "{policy}");
    for tag in docs.body.split("<script").skip(1) {
        assert!(tag.split('>').next().unwrap().contains("src="), "an inline script: {tag:.200}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_nowhere_else() {
    let app = TestApp::new().await;
    let key = app.key.expose_secret();
    let away = [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\nset-cookie: x=y",
        "\t//evil.example",
        "/\u{0}",
        "/\u{7f}",
        "javascript:alert(1)",
        "http:evil.example",
        "evil.example",
        " //evil.example",
    ];
    for next in away {
        let answer = form(&app, "/sign-in", &[], &[("key", key), ("next", next)]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/numbers")), "{next:?}: {}", answer.head);
    }
    for next in ["/numbers/7", "/numbers?q=a%20b", "/numbers/ä"] {
        let answer = form(&app, "/sign-in", &[], &[("key", key), ("next", next)]).await;
        assert_eq!(answer.status, 303, "{next:?}: {}", answer.head);
    }
    let browser = sign_in(&app, key).await;
    let encoded = "/sign-in?next=/%09/evil.example";
    assert_eq!(open(&app, encoded, &browser.cookie).await.header("location"), Some("/numbers"));
}
