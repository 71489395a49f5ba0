//! Where the product writes: its database, its log, its answers and pages, the addresses it calls, its
//! measurements, its values printed for debugging. Each place is searched; each search is proved first.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use server::seal::Keyring;
use server::store::{Engine, channels, settings};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use tracing_subscriber::fmt::MakeWriter;

use super::needles::{Needle, PLANTED, Search};
use super::story::Told;
use crate::app::TestApp;

/// Tells the story, plants a canary in every place, and searches.
pub(super) async fn search_all(engine: Engine) {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(log.clone()).init();
    let told = Told::whole(engine).await;
    plant(&told).await;
    let planted = Needle::new("planted", PLANTED);
    let (proof, search) = (Search::of([&planted]), Search::of(&told.needles));
    let mut found = Vec::new();

    let lines = log.text();
    assert!(!proof.find(&lines).is_empty(), "the search of the log finds nothing");
    assert!(lines.contains("TRACE") && lines.contains("[WHATSAPP]"), "the log is not the product's");
    found.extend(search.find(&lines).into_iter().map(|hit| format!("log: {hit}")));

    found.extend(answers(&told, &proof));
    found.extend(addresses(&told, &proof));

    let debugged = debugged(&told).await;
    assert!(!proof.find(&debugged).is_empty());
    found.extend(search.find(&debugged).into_iter().map(|hit| format!("Debug: {hit}")));

    for (place, bytes) in database(&told.app).await {
        assert!(!proof.find_packed(&bytes).is_empty(), "the search of {place} finds nothing");
        found.extend(search.find_packed(&bytes).into_iter().map(|hit| format!("{place}: {hit}")));
    }
    assert!(found.is_empty(), "{} secrets were found:\n{}", found.len(), found.join("\n"));
}

/// In clear, once in every place.
async fn plant(told: &Told) {
    let app = &told.app;
    tracing::trace!("{PLANTED}");
    metrics::counter!("linekeeper_planted", "label" => PLANTED).increment(1);
    let now = app.clock.now();
    let mut tx = app.app.store.write().await.unwrap();
    settings::set(&mut tx, "planted", PLANTED, now).await.unwrap();
    tx.commit().await.unwrap();
    let renamed = json!({ "name": PLANTED });
    told.eyes.api("PATCH", &app.inbox(told.inbox, ""), Some(renamed), &app.key).await.expect(200);
    told.eyes.ask("GET", "/metrics", &[], None).await.expect(200);
    let odd = format!("{}?after={}", app.path("/inboxes"), "x");
    told.eyes.api("GET", &odd, None, &app.key).await.expect(422);
    let encoded: String = url::form_urlencoded::byte_serialize(PLANTED.as_bytes()).collect();
    let address = format!("{}/v25.0/me?x={encoded}", app.app.config.meta.base_url);
    // Meta knows no such thing; the wire noted the address
    let _ = reqwest::get(address).await;
}

fn answers(told: &Told, proof: &Search<'_>) -> Vec<String> {
    let seen = told.eyes.seen.lock().unwrap();
    assert!(seen.iter().any(|seen| seen.text.contains("[redacted]")), "Meta told nothing back");
    assert!(seen.len() > 150, "the story came to {} answers", seen.len());
    let shown = |what: &str| seen.iter().any(|seen| seen.what.contains(what) && !proof.find(&seen.text).is_empty());
    assert!(shown("PATCH") && shown("/metrics"), "the search of the answers finds nothing");
    let mut found = Vec::new();
    let all = Search::of(&told.needles);
    for answer in seen.iter() {
        let hits = match &answer.may_show {
            None => all.find(&answer.text),
            Some(shown) => Search::of(told.needles.iter().filter(|needle| needle.secret != *shown)).find(&answer.text),
        };
        found.extend(hits.into_iter().map(|hit| format!("{}: {hit}", answer.what)));
    }
    found
}

/// Facts §1.3: Meta takes the token it is asked about as a parameter of a GET and in no other way.
fn addresses(told: &Told, proof: &Search<'_>) -> Vec<String> {
    let asks = |line: &&String| line.contains("/debug_token?");
    let (asking, plain): (Vec<String>, Vec<String>) = told.wire.addresses().into_iter().partition(|line| asks(&line));
    assert!(!proof.find(&plain.join("\n")).is_empty(), "the search of the addresses finds nothing");
    assert!(!asking.is_empty(), "nobody asked about a token");
    let in_all = |needle: &&Needle| !needle.name.starts_with("proof");
    // even in a question about a token: no secret but that token
    let in_questions =
        |needle: &&Needle| in_all(needle) && (!needle.name.ends_with("token") || needle.name.contains("verify"));
    let mut found = Search::of(told.needles.iter().filter(in_all)).find(&plain.join("\n"));
    found.extend(Search::of(told.needles.iter().filter(in_questions)).find(&asking.join("\n")));
    found.into_iter().map(|hit| format!("address: {hit}")).collect()
}

/// What a careless log line or panic would print.
async fn debugged(told: &Told) -> String {
    let app = &told.app.app;
    let mut tx = app.store.read().await.unwrap();
    let credentials = channels::credentials(&mut tx, told.inbox).await.unwrap();
    let keyring = Keyring::parse(&told.app.keys).unwrap();
    let planted = PLANTED;
    format!(
        "{:?} {:?} {:?} {:?} {:?} {credentials:?} {keyring:?} {planted:?}",
        app.config, app.graph, app.verifier, app.store, app.ingest
    )
}

/// What lies on the disk, by place.
async fn database(app: &TestApp) -> Vec<(String, Vec<u8>)> {
    match app.database.url.strip_prefix("sqlite://") {
        Some(file) => sqlite(file),
        None => postgres(&app.database.url).await,
    }
}

/// The file with its write-ahead log, while the product runs: together, since what is not yet in one is
/// in the other.
fn sqlite(file: &str) -> Vec<(String, Vec<u8>)> {
    let parts = ["", "-wal", "-shm"].map(|end| std::fs::read(format!("{file}{end}")).unwrap());
    assert!(parts[1].len() > 4096, "nothing was in the write-ahead log");
    let bytes = parts.concat();
    // as it is, and written out: a hash lies there as bytes
    let written_out = hex::encode(&bytes);
    vec![("the database file".to_owned(), bytes), ("its bytes written out".to_owned(), written_out.into_bytes())]
}

/// Every table as text, then the files themselves.
async fn postgres(url: &str) -> Vec<(String, Vec<u8>)> {
    let mut conn = PgConnection::connect(url).await.unwrap();
    conn.execute("checkpoint").await.unwrap();
    let tables: Vec<(String,)> = sqlx::query_as("select tablename::text from pg_tables where schemaname = 'public'")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    assert!(tables.len() >= 15, "{tables:?}");
    let mut rows = String::new();
    for (table,) in tables {
        // a row as text writes binary columns as hex, and these are read as text once more
        let query = format!("select t::text from \"{table}\" t");
        for row in conn.fetch_all(AssertSqlSafe(query)).await.unwrap() {
            let text: String = row.get(0);
            rows.push_str(&text.replace("\\\\", "\\").replace("\"\"", "\""));
            rows.push('\n');
        }
    }
    let (folder, base): (String, i64) = sqlx::query_as(
        "select current_setting('data_directory'), oid::bigint from pg_database where datname = current_database()",
    )
    .fetch_one(&mut conn)
    .await
    .unwrap();
    let mut files = Vec::new();
    for part in [format!("{folder}/base/{base}"), format!("{folder}/pg_wal")] {
        read_folder(Path::new(&part), &mut files);
    }
    vec![("the tables".to_owned(), rows.into_bytes()), ("the server's files".to_owned(), files)]
}

fn read_folder(folder: &Path, into: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            into.extend(std::fs::read(&path).unwrap());
        }
    }
}

/// Everything that was logged, kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
