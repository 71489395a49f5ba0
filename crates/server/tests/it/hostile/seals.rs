//! Sealed values under attack by whoever can write to the database: moved to another row, altered, sealed
//! with another key. None opens, nothing is called with them, and the answer is a problem, not a panic.

use domain::ids::ChannelId;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::json;
use server::seal::Keyring;
use server::store::{Engine, Store, channels};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use super::raw;
use super::support::{HOOK, Site};

async fn run(site: &Site, statement: String) {
    let mut conn = SqliteConnection::connect(&site.app.database.url).await.unwrap();
    let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut conn).await.unwrap();
    assert_eq!(done.rows_affected(), 1);
}

/// Every route that needs what is sealed, asked for one inbox.
async fn ask_all(site: &Site, url: &str, key: &SecretString) -> Vec<(String, raw::Reply)> {
    use secrecy::ExposeSecret as _;
    let bearer = format!("Bearer {}", key.expose_secret());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let mut answers = Vec::new();
    for (method, path, body) in [
        (Method::POST, "/health/refresh", json!({})),
        (Method::POST, "/registration", json!({})),
        (Method::POST, "/registration/code", json!({})),
        (Method::POST, "/registration/code/verify", json!({ "code": "123456" })),
        (Method::POST, "/register_webhook", json!({})),
    ] {
        let body = body.to_string();
        let bytes = raw::request(method.as_str(), &site.path(path), &headers, body.as_bytes());
        answers.push((path.to_owned(), raw::exchange(url, &bytes).await));
    }
    answers
}

#[track_caller]
fn all_refused(answers: &[(String, raw::Reply)]) {
    for (path, answer) in answers {
        let document = answer.any_problem();
        assert_eq!((answer.status, document["code"].as_str()), (500, Some("internal")), "{path}: {document}");
        assert!(!document["detail"].as_str().unwrap().contains("seal"), "{path}: {document}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_moved_in_from_another_tenant_is_not_used() {
    let site = Site::new().await;
    let (.., theirs) = site.neighbour().await;
    let calls = site.app.meta.log().len();
    let own: ChannelId = site.inbox;
    let moved = format!(
        "update channel set access_token = (select access_token from channel where id = {theirs}) where id = {own}"
    );
    run(&site, moved).await;
    all_refused(&ask_all(&site, &site.app.url, &site.app.key).await);
    assert_eq!(site.app.meta.log().len(), calls, "Meta was called with another's token");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verify_token_moved_or_altered_answers_no_handshake() {
    use secrecy::ExposeSecret as _;
    let site = Site::new().await;
    let (.., theirs) = site.neighbour().await;
    let mut tx = site.app.app.store.read().await.unwrap();
    let phone = channels::find(&mut tx, site.inbox).await.unwrap().unwrap().phone_number;
    let other = channels::credentials(&mut tx, theirs).await.unwrap().unwrap().verify_token;
    drop(tx);
    let from = format!("(select verify_token from channel where id = {theirs})");
    for value in [from.as_str(), "x'00'", "zeroblob(0)", "zeroblob(64)"] {
        run(&site, format!("update channel set verify_token = {value} where id = {}", site.inbox)).await;
        let query = format!("hub.mode=subscribe&hub.challenge=7&hub.verify_token={}", other.expose_secret());
        let answer = site.bare("GET", &format!("{HOOK}/{phone}?{query}"), &[], b"").await;
        answer.problem(500, "internal");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_moved_in_from_another_number_is_not_sent() {
    let site = Site::new().await;
    let (_, _, theirs, _) = site.neighbour().await;
    let (own, other) = (site.phone_id(), theirs.phone_number_id.as_deref().unwrap());
    let from = format!("(select pin from number where phone_number_id = '{other}')");
    run(&site, format!("update number set pin = {from} where phone_number_id = '{own}'")).await;
    site.app.meta.act(own, graph_emulator::NumberAction::Disconnect { reads: None }).await.unwrap();
    let calls = site.app.meta.calls("POST /{phone}/register").len();
    let answer = site.json("POST", &site.path("/registration"), "{}").await;
    answer.problem(500, "internal");
    assert_eq!(site.app.meta.calls("POST /{phone}/register").len(), calls, "another's PIN was sent");
}

/// The operator mounted the wrong key file: the database is not opened, and the error names the key that is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_a_clear_error_and_no_panic() {
    let site = Site::on(Engine::Sqlite).await;
    let wrong = Keyring::parse(&Keyring::generate()).unwrap();
    let error = Store::open_and_migrate(&site.app.database.url, wrong).await.unwrap_err();
    let said = format!("{:#}", anyhow::Error::from(error));
    assert!(said.contains("the seal keys open nothing in this database"), "{said}");
}
