//! The house rules that neither the compiler nor clippy keeps: who may use what, the size and head of
//! files, migrations that stay as they were released, documents that are true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

/// The most lines a file may have.
const MAX_LINES: usize = 400;

/// Files that may be longer, each with its reason. One that is no longer longer fails the test.
const LONGER: &[(&str, &str)] = &[
    ("crates/domain/src/registration.rs", "the vocabulary of decisions, read as one piece"),
    ("crates/domain/src/meta/reading.rs", "every fact of Meta's, one after the other"),
];

/// Released migrations with the SHA-256 of their text. They are append-only from the first release on.
const RELEASED_MIGRATIONS: &[(&str, &str)] = &[];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A source file: its path from the root, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Lines that are not comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter(|line| !line.trim_start().starts_with("//"))
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            self.path == format!("crates/server/src/{place}.rs")
                || self.path.starts_with(&format!("crates/server/src/{place}/"))
        })
    }
}

fn walk(folder: &Path, extension: &str, found: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, extension, found);
        } else if path.extension().is_some_and(|e| e == extension) {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().display().to_string();
            found.push(Source { path, text });
        }
    }
}

fn rust() -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root().join("crates"), "rs", &mut found);
    assert!(found.len() > 40, "only {} files were found", found.len());
    found
}

/// What people read: the documents of the root and of docs/.
fn documents() -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root().join("docs"), "md", &mut found);
    walk(&root().join("meta"), "md", &mut found);
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        found.push(Source { path: name.to_owned(), text: fs::read_to_string(root().join(name)).unwrap() });
    }
    found
}

fn assert_none(what: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{what}:\n{}", offences.join("\n"));
}

/// Lines of code of the server, in these places or outside of them, that hold one of the words.
fn offences(sources: &[Source], words: &[&str], inside: impl Fn(&Source) -> bool) -> Vec<String> {
    let server = |source: &&Source| source.path.starts_with("crates/server/src/") && inside(source);
    let holds = |line: &&str| words.iter().any(|word| line.contains(word));
    sources
        .iter()
        .filter(server)
        .flat_map(|source| source.code().filter(holds).map(|line| format!("{}: {}", source.path, line.trim())))
        .collect()
}

#[test]
fn nothing_below_web_knows_it() {
    let below = |source: &Source| !source.is_in(&["web", "cli", "main"]);
    assert_none("only cli may call web", &offences(&rust(), &["crate::web", "super::web"], below));
    assert_none("HTTP of our own is web's", &offences(&rust(), &["axum", "utoipa"], below));
}

#[test]
fn nobody_but_the_store_knows_sql() {
    assert_none("sqlx is the store's", &offences(&rust(), &["sqlx"], |source| !source.is_in(&["store"])));
}

#[test]
fn only_graph_api_and_outbound_have_an_http_client() {
    // the emulator and the benchmarks act as Meta and as customers
    let callers = ["graph-api", "outbound", "graph-emulator", "bench"];
    let mut offences = Vec::new();
    for folder in fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        let shipped =
            manifest.split("[dependencies]").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
        if shipped.contains("reqwest") && !callers.contains(&name.as_str()) {
            offences.push(name);
        }
    }
    assert_none("Meta is called by graph-api, customers' addresses by outbound", &offences);
}

#[test]
fn the_command_line_decides_nothing() {
    let words = ["registration::decide", "health::assess", "sqlx", "graph_api::Client"];
    assert_none("cli calls flows", &offences(&rust(), &words, |source| source.is_in(&["cli"])));
}

#[test]
fn every_file_says_what_it_is() {
    let bare: Vec<String> =
        rust().iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path.clone()).collect();
    assert_none("a file starts with //!", &bare);
}

#[test]
fn no_file_is_too_long() {
    let mut offences = Vec::new();
    for source in rust() {
        let lines = source.text.lines().count();
        let exception = LONGER.iter().any(|(path, _)| *path == source.path);
        if lines > MAX_LINES && !exception {
            offences.push(format!("{}: {lines} lines", source.path));
        }
        if lines <= MAX_LINES && exception {
            offences.push(format!("{}: {lines} lines only: take it off the list", source.path));
        }
    }
    let paths: BTreeSet<String> = rust().into_iter().map(|source| source.path).collect();
    let gone = LONGER.iter().filter(|(path, _)| !paths.contains(*path));
    offences.extend(gone.map(|(path, _)| format!("{path}: is gone: take it off the list")));
    assert_none(&format!("a file has at most {MAX_LINES} lines"), &offences);
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat()];
    let left = |source: &Source| {
        let holds = |line: &&str| marks.iter().any(|mark| line.contains(mark.as_str()));
        source.text.lines().filter(holds).map(|line| format!("{}: {line}", source.path)).collect::<Vec<_>>()
    };
    assert_none("finish it or leave it out", &rust().iter().flat_map(left).collect::<Vec<_>>());
}

#[test]
fn released_migrations_stay_as_they_were() {
    for (path, hash) in RELEASED_MIGRATIONS {
        let text = fs::read(root().join(path)).unwrap_or_else(|_| panic!("{path} was released and is gone"));
        assert_eq!(hex::encode(digest(&SHA256, &text)), *hash, "{path} was released: add a new migration instead");
    }
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let released = changelog.lines().any(|line| line.starts_with("## [") && !line.contains("Unreleased"));
    assert!(!released || !RELEASED_MIGRATIONS.is_empty(), "list the migrations of the release with their hashes");
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| -> BTreeSet<String> {
        let folder = root().join("crates/server/migrations").join(engine);
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn every_make_target_in_the_documents_exists() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> =
        makefile.lines().filter_map(|line| line.split_once(':')).map(|(target, _)| target).collect();
    let mut offences = Vec::new();
    for document in documents() {
        let code = document.text.split('`').skip(1).step_by(2).chain(document.text.lines());
        for command in code.filter_map(|text| text.trim().strip_prefix("make ")) {
            let target = command.split_whitespace().next().unwrap_or_default();
            if !targets.contains(target) {
                offences.push(format!("{}: make {target}", document.path));
            }
        }
    }
    assert_none("the Makefile has no such target", &offences);
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut offences = Vec::new();
    for document in documents() {
        let folder = root().join(&document.path).parent().unwrap().to_owned();
        for target in document.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") && !folder.join(path).exists() {
                offences.push(format!("{}: {target}", document.path));
            }
        }
    }
    assert_none("nothing is there", &offences);
}

/// What follows `mark` in a text, up to the first character that is no part of a number like 1.12.
fn citations<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(mark).skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        rest[..end].trim_end_matches('.')
    })
}

#[test]
fn every_cited_fact_and_rule_exists() {
    let facts = fs::read_to_string(root().join("meta/facts.md")).unwrap();
    let policy = fs::read_to_string(root().join("docs/policy.md")).unwrap();
    let heads = facts.lines().filter(|line| line.starts_with('#')).filter_map(|line| line.split_whitespace().nth(1));
    let sections: BTreeSet<&str> = heads.map(|number| number.trim_end_matches('.')).collect();
    let rules: BTreeSet<&str> = policy.lines().filter_map(|line| line.split_once(". ")).map(|(n, _)| n).collect();
    let mut offences = Vec::new();
    for source in rust() {
        let missing = |known: &BTreeSet<&str>, mark: &str| -> Vec<String> {
            let cited = citations(&source.text, mark).filter(|number| !number.is_empty() && !known.contains(number));
            cited.map(|number| format!("{}: {mark}{number}", source.path)).collect()
        };
        offences.extend(missing(&sections, concat!("facts ", "§")));
        offences.extend(missing(&rules, concat!("policy ", "rule ")));
    }
    assert_none("the citation does not resolve", &offences);
}
