//! `linekeeper conformance`, run as anybody runs it: against our own server and a consumer of
//! its forwarding, of which every case must hold, and
//! against a receiver with the usual mistakes, of which the right cases must fail. No time is asserted.

use std::collections::HashSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::routing::get;
use graph_emulator::{Config as EmulatorConfig, Popup};
use serde_json::Value;
use server::store::Engine;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::app::{APP_SECRET, TestApp};
use crate::support::receiver::Receiver;

const TOKEN: &str = "canary-verify-token";

/// The case whose verdict is a time.
const TIMED: &str = "response time";

/// How a run of the program ended.
struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("{}\n{}", self.out, self.err))
    }

    /// Cases with this result, the timed one left out.
    fn cases(&self, result: &str) -> Vec<String> {
        let whole = self.json();
        let is_so = |case: &&Value| case["result"] == result && case["case"] != TIMED;
        let all = whole["cases"].as_array().unwrap();
        all.iter().filter(is_so).map(|case| case["case"].as_str().unwrap().to_owned()).collect()
    }

    fn case(&self, name: &str) -> Value {
        let whole = self.json();
        whole["cases"].as_array().unwrap().iter().find(|case| case["case"] == name).unwrap().clone()
    }
}

async fn conformance(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linekeeper"));
    command.arg("conformance").args(arguments).args(["--secret", APP_SECRET]);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    Ran {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// What a consumer of our forwarding handled, one id a line: it ignores a repeated `webhook-id`, as the guarantee asks.
async fn observed(State(consumer): State<Receiver>) -> String {
    let mut seen = HashSet::new();
    let got = consumer.got();
    let fresh = got.iter().filter(|got| seen.insert(got.id().to_owned()));
    let ids = fresh.filter_map(|got| got.json()["data"]["message"]["id"].as_str().map(str::to_owned));
    ids.map(|id| id + "\n").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_receiver_passes_every_case() {
    let change = |config: &mut server::config::Config| {
        config.meta.verify_token = Some(TOKEN.into());
        config.delivery.allow_subnets = vec!["127.0.0.0/8".to_owned()];
        config.delivery.allow_http = true;
    };
    let app = TestApp::with(Engine::Sqlite, change, EmulatorConfig::default()).await;
    let (one, _) = app.signed_up(Popup::default()).await;
    let (other, _) = app.signed_up(Popup::default()).await;
    let consumer = Receiver::start().await;
    let endpoint = serde_json::json!({ "url": consumer.url, "format": "standard", "kinds": ["messages"] });
    app.post(&app.path("/endpoints"), endpoint).await.expect(201);
    server::startup::start_forwarding(&app.app);
    let hook = serve(Router::new().route("/observed", get(observed)).with_state(consumer)).await;
    let url = format!("{}/webhooks/whatsapp", app.url);
    let numbers = [one, other].map(|number| number.phone_number_id.unwrap());
    let observed_url = format!("{hook}/observed");
    let asked = ["--url", &url, "--verify-token", TOKEN, "--phone-number-id", &numbers[0], "--phone-number-id"];
    let ran = conformance(&[&asked[..], &[&numbers[1], "--observed-url", &observed_url, "--json"]].concat()).await;
    assert_eq!(ran.cases("fail"), Vec::<String>::new(), "{}", ran.out);
    assert_eq!(ran.cases("unknown"), Vec::<String>::new(), "{}", ran.out);
    assert_eq!(ran.cases("pass").len(), 26, "{}", ran.out);
    let counts = [
        ("batch of two tenants", 12),
        ("3 MB body", 1000),
        ("3 MiB body", 1000),
        ("out of order", 3),
        ("regrouped batch", 3),
        (TIMED, 100),
    ];
    for (case, messages) in counts {
        let found = ran.case(case);
        assert_eq!((&found["messages"], &found["handled_once"]), (&messages.into(), &messages.into()), "{found}");
    }
    let is_quick = ran.case(TIMED)["result"] == "pass";
    assert_eq!(ran.status, Some(if is_quick { 0 } else { 3 }), "{}", ran.err);
}

/// Without a hook nothing is claimed of the messages; the table says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_observed_is_unknown_and_no_failure() {
    let app = TestApp::new().await;
    let url = format!("{}/webhooks/whatsapp", app.url);
    let ran = conformance(&["--url", &url]).await;
    let row = |case: &str| ran.out.lines().find(|line| line.trim_start().starts_with(case)).unwrap().to_owned();
    assert!(row("batch of two").contains("not observed") && row("batch of two").contains("unknown"), "{}", ran.out);
    assert!(row("handshake, right").contains("unknown"), "no token was given: {}", ran.out);
    assert!(row("unsigned").contains("pass"), "{}", ran.out);
    assert!(ran.out.contains("unknown") && ran.out.contains(" passed, "), "{}", ran.out);
}

/// What a receiver with the usual mistakes handled.
type Handled = Arc<Mutex<Vec<String>>>;

/// Takes anybody's word, the first message of the first change only, and every one anew.
async fn take_the_first(State(handled): State<Handled>, body: Bytes) -> &'static str {
    let post: Value = serde_json::from_slice(&body).unwrap_or_default();
    if let Some(id) = post["entry"][0]["changes"][0]["value"]["messages"][0]["id"].as_str() {
        handled.lock().unwrap().push(id.to_owned());
    }
    "ok"
}

/// Answers every handshake, and in quotes.
async fn echo(Query(query): Query<std::collections::HashMap<String, String>>) -> axum::Json<String> {
    axum::Json(query.get("hub.challenge").cloned().unwrap_or_default())
}

async fn listed(State(handled): State<Handled>) -> axum::Json<Vec<String>> {
    axum::Json(handled.lock().unwrap().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_with_the_usual_mistakes_fails_the_cases_they_are_about() {
    let router = Router::new().route("/hook", get(echo).post(take_the_first)).route("/observed", get(listed));
    let base = serve(router.with_state(Handled::default())).await;
    let (url, observed) = (format!("{base}/hook"), format!("{base}/observed"));
    let ran = conformance(&["--url", &url, "--verify-token", TOKEN, "--observed-url", &observed, "--json"]).await;
    let expected = [
        "handshake, right token",
        "handshake, wrong token",
        "unsigned",
        "wrong secret",
        "SHA-1 signature only",
        "batch of two tenants",
        "duplicate",
        "regrouped batch",
        "3 MB body",
        "3 MiB body",
        "trailing slash",
    ];
    assert_eq!(ran.cases("fail"), expected, "{}", ran.out);
    assert_eq!(ran.cases("pass").len(), 15, "{}", ran.out);
    assert_eq!(ran.status, Some(3));
    let found = ran.case("batch of two tenants");
    assert_eq!((&found["messages"], &found["handled_once"]), (&12.into(), &1.into()), "{found}");
    assert_eq!(ran.case("duplicate")["handled_more_than_once"], 1);
    assert_eq!(ran.case("handshake, right token")["observed"], "200, the challenge and other text");
    assert!(ran.case("3 MB body")["observed"].as_str().unwrap().contains("413"), "{}", ran.out);
}

#[tokio::test]
async fn nothing_is_sent_to_another_machine_unasked() {
    // addresses that documents use; nobody has them
    for flags in [["--url", "http://192.0.2.1/hook", "--json"], ["--url", "http://[2001:db8::1]/hook", "--json"]] {
        let ran = conformance(&flags).await;
        assert_eq!(ran.status, Some(1), "{}", ran.out);
        assert!(ran.err.contains("--allow-remote"), "{}", ran.err);
    }
    let ran = conformance(&["--url", "http://127.0.0.1:1/", "--observed-url", "http://192.0.2.1/"]).await;
    assert!(ran.err.contains("http://192.0.2.1/ is not on this machine"), "{}", ran.err);
}

/// A hook that does not answer is told before anything is posted.
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_tells_nothing_ends_the_run_before_it_begins() {
    let handled = Handled::default();
    let router = Router::new().route("/hook", get(echo).post(take_the_first)).route("/observed", get(async || "{}"));
    let base = serve(router.with_state(handled.clone())).await;
    let (url, observed) = (format!("{base}/hook"), format!("{base}/observed"));
    let ran = conformance(&["--url", &url, "--observed-url", &observed]).await;
    assert_eq!(ran.status, Some(1), "{}", ran.out);
    assert!(ran.err.contains("does not answer with a list of message ids"), "{}", ran.err);
    assert!(handled.lock().unwrap().is_empty());
}
