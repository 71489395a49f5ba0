//! Documents are true: their links lead somewhere, their make targets exist, and what the code cites
//! from them is there. Pages of measurements stay small enough to read.

use std::collections::BTreeSet;

use house_rules::sources::{self, Source, root};

use crate::assert_none;

/// The most bytes of a page in `docs/measurements`: raw figures have files of their own.
const LARGEST_MEASUREMENT: usize = 30 * 1024;

/// Everything people read: the documents of the root, of `docs`, `meta`, and beside the code.
fn documents() -> Vec<Source> {
    let folders = ["docs", "meta", "crates", "bench", "fuzz"];
    let mut found: Vec<Source> = folders.iter().flat_map(|folder| sources::below(folder, &["md"]).unwrap()).collect();
    for name in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        found.push(sources::file(name).unwrap());
    }
    found
}

#[test]
fn every_make_target_in_the_documents_exists() {
    let makefile = sources::file("Makefile").unwrap();
    let targets: BTreeSet<&str> = makefile.lines().filter_map(|(_, line)| Some(line.split_once(':')?.0)).collect();
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

#[test]
fn pages_of_measurements_are_small() {
    let pages = sources::below("docs/measurements", &["md"]).unwrap();
    let large = pages.iter().filter(|page| page.text.len() > LARGEST_MEASUREMENT);
    assert_none(
        "a page of measurements has at most 30 KB: raw figures go to docs/measurements/raw",
        &large.map(|page| format!("{}: {} bytes", page.path, page.text.len())).collect::<Vec<_>>(),
    );
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
    let facts = sources::file("meta/facts.md").unwrap();
    let policy = sources::file("docs/policy.md").unwrap();
    let heads =
        facts.lines().filter(|(_, line)| line.starts_with('#')).filter_map(|(_, line)| line.split_whitespace().nth(1));
    let sections: BTreeSet<&str> = heads.map(|number| number.trim_end_matches('.')).collect();
    let rules: BTreeSet<&str> = policy.lines().filter_map(|(_, line)| Some(line.split_once(". ")?.0)).collect();
    let mut offences = Vec::new();
    for source in sources::below("crates", &["rs"]).unwrap() {
        let missing = |known: &BTreeSet<&str>, mark: &str| -> Vec<String> {
            let cited = citations(&source.text, mark).filter(|number| !number.is_empty() && !known.contains(number));
            cited.map(|number| format!("{}: {mark}{number}", source.path)).collect()
        };
        offences.extend(missing(&sections, concat!("facts ", "§")));
        offences.extend(missing(&rules, concat!("policy ", "rule ")));
    }
    assert_none("the citation does not resolve", &offences);
}
