//! Canaries: a whole story is told with secrets nobody can mistake, then every place the product writes
//! to is searched for them. Each search is first shown to find one that was planted in clear.
//!
//! The story runs in a process of its own, so that every log line down to TRACE is its own too.

use std::process::Command;

use server::store::Engine;

mod eyes;
mod forwarding;
mod needles;
mod places;
mod story;
mod wire;

/// Runs one ignored test of this binary by itself; it must run and pass.
pub(crate) fn tell_alone(name: &str) {
    let told = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success() && said.contains("1 passed"), "{name}: {said}");
}

#[test]
fn on_sqlite_no_secret_is_found_anywhere() {
    tell_alone("canary::told_on_sqlite");
}

#[test]
fn on_postgres_no_secret_is_found_anywhere() {
    tell_alone("canary::told_on_postgres");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in a process of its own, from the test above"]
async fn told_on_sqlite() {
    places::search_all(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs in a process of its own, from the test above"]
async fn told_on_postgres() {
    places::search_all(Engine::Postgres).await;
}
