//! Rules for source files: how they begin, what comments must say, what may stay unused and why.

use std::collections::BTreeSet;
use std::fs;

use aws_lc_rs::digest::{SHA256, digest};
use house_rules::sources::{self, Source, root};

use crate::assert_none;

/// The fewest words of a doc comment: one of fewer repeats the name of its item.
const FEWEST_WORDS: usize = 4;

/// What no production path reaches yet and stays all the same, each with its reason.
const NOT_YET_REACHED: &[(&str, &str)] = &[
    ("imported_at", "the take-over of existing fleets writes it; policy, \"The ledger\", has its limits"),
    ("Onboarding::Imported", "the take-over of existing fleets produces it"),
];

/// Released migrations with the SHA-256 of their text. They are append-only from the first release on.
const RELEASED_MIGRATIONS: &[(&str, &str)] = &[];

fn rust() -> Vec<Source> {
    let found = sources::below("crates", &["rs"]).unwrap();
    assert!(found.len() > 200, "only {} files were found", found.len());
    found
}

fn is_of_a_test(source: &Source) -> bool {
    source.path.contains("/tests/") || source.path.ends_with("/tests.rs")
}

#[test]
fn every_file_says_what_it_is() {
    let bare = rust().into_iter().filter(|source| !source.text.starts_with("//! "));
    assert_none("a file starts with //!", &bare.map(|source| source.path).collect::<Vec<_>>());
}

#[test]
fn no_doc_comment_repeats_a_name() {
    let mut offences = Vec::new();
    for source in rust() {
        let mut words = 0;
        for (number, line) in source.lines() {
            let Some(text) = line.trim_start().strip_prefix("///") else {
                if words > 0 && words < FEWEST_WORDS {
                    offences.push(format!("{}:{}: before {}", source.path, number - 1, line.trim()));
                }
                words = 0;
                continue;
            };
            words += text.split_whitespace().count();
        }
    }
    assert_none("a doc comment of fewer than four words goes, or says units, bounds, reasons", &offences);
}

#[test]
fn public_items_are_documented() {
    let kinds = ["fn", "async fn", "const fn", "struct", "enum", "trait", "type"];
    let mut offences = Vec::new();
    for source in rust().iter().filter(|source| !is_of_a_test(source)) {
        let mut documented = false;
        for (number, line) in source.lines() {
            let line = line.trim_start();
            let is_public = kinds
                .iter()
                .any(|kind| line.strip_prefix("pub ").is_some_and(|it| it.starts_with(&format!("{kind} "))));
            if is_public && !documented && !line.contains('$') {
                offences.push(format!("{}:{number}: {line}", source.path));
            }
            documented = line.starts_with("///") || (documented && (line.starts_with('#') || !is_statement(line)));
        }
    }
    assert_none("a public item says what it is", &offences);
}

/// Whether a line ends what a doc comment may belong to; attributes may span lines.
fn is_statement(line: &str) -> bool {
    line.is_empty() || line.ends_with('}') || line.ends_with(';') || line.ends_with('{')
}

#[test]
fn nothing_is_left_for_later() {
    let marks =
        [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat(), ["TO", "DO"].concat()];
    let left = |source: &Source| {
        let holds = |line: &&str| marks.iter().any(|mark| line.contains(mark.as_str()));
        source.text.lines().filter(holds).map(|line| format!("{}: {line}", source.path)).collect::<Vec<_>>()
    };
    assert_none("finish it or leave it out", &rust().iter().flat_map(left).collect::<Vec<_>>());
}

#[test]
fn what_is_not_yet_reached_is_still_there() {
    let sources = rust();
    let gone = NOT_YET_REACHED.iter().filter(|(name, _)| {
        let last = name.rsplit("::").next().unwrap();
        !sources.iter().any(|source| !is_of_a_test(source) && source.text.contains(last))
    });
    assert_none("take it off the list", &gone.map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
}

fn migrations() -> Vec<Source> {
    let found: Vec<Source> =
        sources::below("crates", &["sql"]).unwrap().into_iter().filter(|it| it.path.contains("/migrations/")).collect();
    assert!(!found.is_empty(), "no migrations were found");
    found
}

#[test]
fn released_migrations_stay_as_they_were() {
    for (path, hash) in RELEASED_MIGRATIONS {
        let text = fs::read(root().join(path)).unwrap_or_else(|_| panic!("{path} was released and is gone"));
        assert_eq!(hex::encode(digest(&SHA256, &text)), *hash, "{path} was released: add a new migration instead");
    }
    let changelog = sources::file("CHANGELOG.md").unwrap();
    let is_released = changelog.lines().any(|(_, line)| line.starts_with("## [") && !line.contains("Unreleased"));
    assert!(!is_released || !RELEASED_MIGRATIONS.is_empty(), "list the migrations of the release with their hashes");
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine: &str| -> BTreeSet<String> {
        let inside = format!("/migrations/{engine}/");
        migrations().iter().filter_map(|it| Some(it.path.split_once(&inside)?.1.to_owned())).collect()
    };
    assert!(!names("sqlite").is_empty());
    assert_eq!(names("sqlite"), names("postgres"));
}
