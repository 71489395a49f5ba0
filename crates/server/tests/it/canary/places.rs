//! Where the product writes: its database, its log, its answers and pages, the addresses it calls, its
//! measurements, its values printed for debugging. Each place is searched; each search is proved first.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;
use server::seal::Keyring;
use server::store::{Engine, channels, settings};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection};
use tracing_subscriber::fmt::MakeWriter;

use super::needles::{Needle, PLANTED, PLANTED_DIGITS, Search, standing_alone};
use super::story::Told;
use crate::app::TestApp;

/// Tells the story, plants a canary in every place, and searches.
pub(super) async fn search_all(engine: Engine) {
    let log = Log::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false).with_writer(log.clone()).init();
    let told = Told::whole(engine).await;
    plant(&told).await;
    let planted = [Needle::new("planted", PLANTED), Needle::new("planted digits", PLANTED_DIGITS)];
    let (proof, search) = (Proof(Search::of(&planted)), Search::of(&told.needles));
    let mut found = Vec::new();

    let lines = log.bytes();
    proof.assert("the log", &lines);
    let text = String::from_utf8_lossy(&lines);
    assert!(text.contains("TRACE") && text.contains("[WHATSAPP]"), "the log is not the product's");
    found.extend(search.find(&lines).into_iter().map(|hit| format!("log: {hit}")));

    found.extend(answers(&told, &proof));
    found.extend(addresses(&told, &proof));

    let debugged = debugged(&told).await;
    proof.assert("what is printed for debugging", debugged.as_bytes());
    found.extend(search.find(debugged.as_bytes()).into_iter().map(|hit| format!("Debug: {hit}")));

    let database = database(&told.app).await;
    for (place, bytes) in &database {
        proof.assert(place, bytes);
        found.extend(search.find(bytes).into_iter().map(|hit| format!("{place}: {hit}")));
    }
    let places = database.iter().map(|(_, bytes)| bytes.as_slice()).chain([lines.as_slice(), debugged.as_bytes()]);
    exclude_chance(&told, places);
    assert!(found.is_empty(), "{} secrets were found:\n{}", found.len(), found.join("\n"));
}

/// Finds what was planted.
struct Proof<'a>(Search<'a>);

impl Proof<'_> {
    fn holds(&self, bytes: &[u8]) -> bool {
        self.0.find(bytes).len() == 2
    }

    fn assert(&self, place: &str, bytes: &[u8]) {
        assert!(self.holds(bytes), "the search of {place} finds nothing: {:?}", self.0.find(bytes));
    }
}

/// The sum: a PIN is one of 900,000, each as likely. A drawn one that is nowhere is found all the same if it
/// equals one of the groups of six digits that stand alone (Meta's codes, pieces of packed rows): with `n` PINs and
/// `m` different groups in `n · m / 900,000` of all searches. That is less than one in a thousand, or this fails.
/// What else is six digits is the story's own and never chance.
fn exclude_chance<'a>(told: &Told, places: impl Iterator<Item = &'a [u8]>) {
    let seen = told.eyes.seen.lock().unwrap();
    let answers: Vec<u8> = seen.iter().flat_map(|answer| [answer.text.as_bytes(), b"\n"].concat()).collect();
    let groups: BTreeSet<Vec<u8>> = places
        .flat_map(|place| standing_alone(place).into_iter().map(<[u8]>::to_vec))
        .chain(standing_alone(&answers).into_iter().map(<[u8]>::to_vec))
        .collect();
    let drawn = told.needles.iter().filter(|needle| needle.name == "drawn PIN").count();
    let named: Vec<_> = groups.iter().map(|group| String::from_utf8_lossy(group)).collect();
    assert!(drawn > 0 && drawn * groups.len() < 900_000 / 1_000, "{drawn} PINs, {} groups: {named:?}", groups.len());
}

/// In clear, once in every place.
async fn plant(told: &Told) {
    let app = &told.app;
    let planted = planted();
    app.app.metrics.http_request("GET", &planted, 200, std::time::Duration::ZERO);
    tracing::trace!("{planted}");
    let now = app.clock.now();
    let mut tx = app.store.write().await.unwrap();
    settings::set(&mut tx, "planted", &planted, now).await.unwrap();
    tx.commit().await.unwrap();
    let renamed = json!({ "name": planted });
    told.eyes.api("PATCH", &app.inbox(told.inbox, ""), Some(renamed), &app.key).await.expect(200);
    told.eyes.ask("GET", "/metrics", &[], None).await.expect(200);
    let odd = format!("{}?after={}", app.path("/inboxes"), "x");
    told.eyes.api("GET", &odd, None, &app.key).await.expect(422);
    let encoded: String = url::form_urlencoded::byte_serialize(planted.as_bytes()).collect();
    let address = format!("{}/v25.0/me?x={encoded}", app.app.config.meta.base_url);
    // Meta knows no such thing; the wire noted the address
    let _ = reqwest::get(address).await;
}

fn planted() -> String {
    format!("{PLANTED} {PLANTED_DIGITS}.")
}

fn answers(told: &Told, proof: &Proof<'_>) -> Vec<String> {
    let seen = told.eyes.seen.lock().unwrap();
    assert!(seen.iter().any(|seen| seen.text.contains("[redacted]")), "Meta told nothing back");
    assert!(seen.len() > 150, "the story came to {} answers", seen.len());
    let shown = |what: &str| seen.iter().any(|seen| seen.what.contains(what) && proof.holds(seen.text.as_bytes()));
    assert!(shown("PATCH") && shown("/metrics"), "the search of the answers finds nothing");
    let mut found = Vec::new();
    let all = Search::of(&told.needles);
    for answer in seen.iter() {
        let hits = if answer.may_show.is_empty() {
            all.find(answer.text.as_bytes())
        } else {
            let may_not = |needle: &&Needle| !answer.may_show.contains(&needle.secret);
            Search::of(told.needles.iter().filter(may_not)).find(answer.text.as_bytes())
        };
        found.extend(hits.into_iter().map(|hit| format!("{}: {hit}", answer.what)));
    }
    found
}

/// Facts §1.3: Meta takes the token it is asked about as a parameter of a GET and in no other way.
fn addresses(told: &Told, proof: &Proof<'_>) -> Vec<String> {
    let asks = |line: &&String| line.contains("/debug_token?");
    let (asking, plain): (Vec<String>, Vec<String>) = told.wire.addresses().into_iter().partition(|line| asks(&line));
    let (asking, plain) = (asking.join("\n"), plain.join("\n"));
    proof.assert("the addresses", plain.as_bytes());
    assert!(!asking.is_empty(), "nobody asked about a token");
    let in_all = |needle: &&Needle| !needle.name.starts_with("proof");
    // even in a question about a token: no secret but that token
    let in_questions =
        |needle: &&Needle| in_all(needle) && (!needle.name.ends_with("token") || needle.name.contains("verify"));
    let mut found = Search::of(told.needles.iter().filter(in_all)).find(plain.as_bytes());
    found.extend(Search::of(told.needles.iter().filter(in_questions)).find(asking.as_bytes()));
    found.into_iter().map(|hit| format!("address: {hit}")).collect()
}

/// What a careless log line or panic would print.
async fn debugged(told: &Told) -> String {
    let app = &told.app.app;
    let mut tx = app.store.read().await.unwrap();
    let credentials = channels::credentials(&mut tx, told.inbox).await.unwrap();
    let keyring = Keyring::parse(&told.app.keys).unwrap();
    let planted = planted();
    let endpoints = told.debug_endpoints().await;
    format!(
        "{:?} {:?} {:?} {:?} {:?} {credentials:?} {keyring:?} {planted:?} {endpoints}",
        app.config, app.graph, app.verifier, app.store, app.ingest
    )
}

/// What lies on the disk, by place: the rows, value by value, and the files they are in with everything that
/// was overwritten since.
async fn database(app: &TestApp) -> Vec<(String, Vec<u8>)> {
    let (rows, files) = match app.database.url.strip_prefix("sqlite://") {
        Some(file) => sqlite(&app.database.url, file).await,
        None => postgres(&app.database.url).await,
    };
    vec![("the tables".to_owned(), read_back(&rows)), ("the files".to_owned(), files)]
}

/// The file with its write-ahead log, while the product runs: together, since what is not yet in one is
/// in the other.
async fn sqlite(url: &str, file: &str) -> (String, Vec<u8>) {
    let mut conn = SqliteConnection::connect(url).await.unwrap();
    let columns = "select m.name, group_concat('quote(\"' || c.name || '\")', ' || '','' || ')
        from sqlite_schema m, pragma_table_info(m.name) c where m.type = 'table' group by m.name";
    let tables: Vec<(String, String)> = sqlx::query_as(columns).fetch_all(&mut conn).await.unwrap();
    assert!(tables.len() >= 15, "{tables:?}");
    let mut rows = String::new();
    for (table, columns) in tables {
        for row in conn.fetch_all(AssertSqlSafe(format!("select {columns} from \"{table}\""))).await.unwrap() {
            rows.push_str(&row.get::<String, _>(0).replace("''", "'"));
            rows.push('\n');
        }
    }
    let parts = ["", "-wal", "-shm"].map(|end| std::fs::read(format!("{file}{end}")).unwrap());
    assert!(parts[1].len() > 4096, "nothing was in the write-ahead log");
    (rows, parts.concat())
}

async fn postgres(url: &str) -> (String, Vec<u8>) {
    let mut conn = PgConnection::connect(url).await.unwrap();
    conn.execute("checkpoint").await.unwrap();
    let tables: Vec<(String,)> = sqlx::query_as("select tablename::text from pg_tables where schemaname = 'public'")
        .fetch_all(&mut conn)
        .await
        .unwrap();
    assert!(tables.len() >= 15, "{tables:?}");
    let mut rows = String::new();
    for (table,) in tables {
        let query = format!("select t::text from \"{table}\" t");
        for row in conn.fetch_all(AssertSqlSafe(query)).await.unwrap() {
            rows.push_str(&row.get::<String, _>(0).replace("\\\\", "\\").replace("\"\"", "\""));
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
    (rows, files)
}

/// Rows written as text, their binary values (`X'…'`, `\x…`) as bytes again: written out, these are nothing but
/// digits.
fn read_back(rows: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(rows.len());
    let mut rest = rows;
    while let Some(at) = rest.find("X'").into_iter().chain(rest.find("\\x")).min() {
        let digits = &rest[at + 2..];
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        match hex::decode(&digits[..end]) {
            Ok(value) if end > 0 => bytes.extend(value),
            _ => bytes.extend_from_slice(&rest.as_bytes()[at..at + 2 + end]),
        }
        rest = &digits[end..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[test]
fn binary_values_are_read_back() {
    let rows = "1,X'6162',X'','X',(\"\\x3931383237330a\",\\x61,\\xyz)";
    assert_eq!(String::from_utf8(read_back(rows)).unwrap(), "1,ab',X'','X',(\"918273\n\",a,\\xyz)");
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
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
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
