//! The words that were retired stay retired: the code and the documents use the terms of the field.

use std::path::Path;

use house_rules::sources::{self, Source};

use crate::assert_none;

/// Identifiers that were retired, each with the one that took its place. Matched as whole words in code.
const IDENTIFIERS: &[(&str, &str)] = &[
    ("AT_ONCE", "MAX_IN_FLIGHT"),
    ("Aside", "pending retry"),
    ("Begun", "PersistedSignup"),
    ("Beside<", "BackgroundTask<"),
    ("Breaker", "CircuitBreaker"),
    ("FIGHT_NO_MORE_WITHIN", "CONFLICT_WINDOW"),
    ("Flights", "SingleFlight"),
    ("HEARD_PACE", "LAST_SEEN_INTERVAL"),
    ("Hopeless", "FailingTooLong"),
    ("Hub", "Notifier"),
    ("KillPoint", "FailPoint"),
    ("LONGEST_RETRY_AFTER", "MAX_RETRY_AFTER"),
    ("MOST_ASIDE", "MAX_PENDING"),
    ("NOTHING_AFTER", "IDLE_CURSOR_FLUSH_INTERVAL"),
    ("NearlyFull", "StorageLevel::NearLimit"),
    ("Occasion", "RunContext"),
    ("PASSED_AFTER", "CURSOR_FLUSH_INTERVAL"),
    ("Plenty", "StorageLevel::Ok"),
    ("Pressed", "CompletionResult"),
    ("SETTLE_AFTER", "FLUSH_INTERVAL"),
    ("SLACK", "HYSTERESIS"),
    ("ScheduleTurn", "ScheduleKey"),
    ("Standing", "EndpointStatus or AccountState"),
    ("Todo", "Dispatch"),
    ("UNSAID_RETRY_AFTER", "DEFAULT_RETRY_AFTER"),
    ("Wish", "EndpointPatch"),
    ("enter_again", "restore"),
    ("heard_from", "first_seen"),
    ("is_hopeless", "retries_exhausted"),
    ("is_lost", "is_fenced"),
    ("is_passing", "is_retryable"),
    ("judge_again", "reassess"),
    ("killpoint", "failpoint"),
    ("last_heard", "last_seen"),
    ("last_heard_at", "last_seen_at"),
    ("looked_at", "last_poll_at"),
    ("next_look", "next_check"),
    ("pass_by", "cursor_flush_at"),
    ("read_on", "start_fetch"),
    ("remembered", "LastAssessment"),
    ("set_aside", "upsert_pending"),
    ("shake_hands", "verify_subscription"),
    ("take_down", "on_attempt_done"),
    ("to_the_end", "run_to_completion"),
    ("wake_jobs", "commit() notifies"),
];

/// Words that were retired everywhere, each with the term that took its place. Matched in any case.
const PHRASES: &[(&str, &str)] = &[
    ("pokes", "enqueues"),
    ("poked", "enqueued"),
    ("poke", "enqueue"),
    ("judgements", "assessments"),
    ("judgement", "assessment"),
    ("heals", "reconciles"),
    ("healed", "reconciled"),
    ("heal", "reconcile"),
    ("a log and a place", "an append-only log and a cursor"),
    ("asked for again", "replayed"),
    ("goes on from there", "resumes"),
    ("next look", "next check"),
    ("place in the log", "cursor"),
    ("set aside", "pending retry"),
    ("sets aside", "keeps for a retry"),
    ("take-over of existing fleets will", "the import of existing fleets will"),
    ("written down", "stored"),
    ("writes down", "stores"),
    ("wrote down", "stored"),
];

/// Where the past is told, or where somebody else's words stand.
const LEFT_OUT: &[&str] = &[
    "CHANGELOG.md",
    "docs/scenarios.md",
    "crates/house-rules/",
    "meta/",
    "docs/measurements/raw/",
    "docs/openapi.json",
];

fn texts() -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["crates", "docs", "bench", "fuzz", "scripts"] {
        found.extend(sources::below(folder, &["rs", "md", "sql", "html", "toml", "js", "css", "sh"]).unwrap());
    }
    for name in ["README.md", "CONTRIBUTING.md", "Makefile"] {
        found.push(sources::file(name).unwrap());
    }
    found.retain(|source| !LEFT_OUT.iter().any(|place| source.path.starts_with(place)));
    assert!(found.len() > 200, "only {} files were found", found.len());
    found
}

fn holds_word(line: &str, word: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

#[test]
fn retired_words_stay_retired() {
    let mut offences = Vec::new();
    for source in texts() {
        for (number, line) in source.lines() {
            let lower = line.to_lowercase();
            let is_code = Path::new(&source.path).extension().is_none_or(|it| it != "md");
            let words = IDENTIFIERS.iter().filter(|(word, _)| is_code && holds_word(line, word));
            let phrases = PHRASES.iter().filter(|(phrase, _)| holds_word(&lower, phrase));
            for (old, new) in words.chain(phrases) {
                offences.push(format!("{}:{number}: {old} (now: {new})", source.path));
            }
        }
    }
    assert_none("a retired word", &offences);
}

#[test]
fn a_word_is_found_whole() {
    assert!(holds_word("the Hub wakes", "Hub"));
    assert!(!holds_word("GitHub_Hubs X-Hub-Signature", "Hub"));
    assert!(!holds_word("next_look_at", "next_look"));
}
