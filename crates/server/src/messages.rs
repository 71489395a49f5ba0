//! The message catalogue: sentences by code, in plain words a shop owner understands. English.
//!
//! The domain speaks in codes with arguments; this is the only place that makes prose of them, for
//! the page, the API and the command line alike. Every `match` is exhaustive, so a code without a
//! sentence does not compile.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

mod announcements;
mod cards;
mod endpoints;
mod failures;
mod findings;
mod levels;
mod registration;
mod summary;
mod titles;

pub use announcements::announcement;
pub use cards::{badge, fact, meaning, value};
pub use endpoints::{delivery, event_kind, last_failure, standing};
pub use failures::{failure, failure_code};
pub use findings::finding;
pub use levels::{Button, button, level, whose, your_move};
pub use registration::{basis, decision_word, remedy, remedy_code, why, why_code};
pub use summary::summary;

/// What stands around an instant inside a sentence; no text of Meta's or of a customer holds it.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// A title of a few words and a sentence or two below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// A few words.
    pub title: String,
    /// What it means and what follows.
    pub text: Sentence,
}

impl Message {
    fn new(title: &str, text: impl Into<Sentence>) -> Self {
        Self { title: title.to_owned(), text: text.into() }
    }
}

/// Prose that may hold instants: readable as UTC text, and in a page in the viewer's own zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sentence(String);

impl From<&str> for Sentence {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Time(at) => f.write_str(&utc(at))?,
            }
        }
        Ok(())
    }
}

enum Piece<'a> {
    Text(&'a str),
    Time(Timestamp),
}

impl Sentence {
    /// As HTML: text escaped, instants as `<time>` elements with a readable UTC fallback.
    pub fn to_html(&self) -> String {
        let mut html = String::with_capacity(self.0.len() + 64);
        for piece in self.pieces() {
            match piece {
                Piece::Text(text) => html.push_str(&escape(text)),
                Piece::Time(at) => html.push_str(&time_element(at, "at")),
            }
        }
        html
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        self.0.split(OPEN).enumerate().flat_map(|(index, part)| {
            let (time, rest) = if index == 0 { (None, part) } else { split_time(part) };
            time.map(Piece::Time).into_iter().chain(std::iter::once(Piece::Text(rest)))
        })
    }
}

fn split_time(part: &str) -> (Option<Timestamp>, &str) {
    match part.split_once(CLOSE) {
        Some((time, rest)) => (time.parse().ok(), rest),
        None => (None, part),
    }
}

/// An instant, to be put into a [`Sentence`].
fn at(instant: Timestamp) -> String {
    format!("{OPEN}{instant}{CLOSE}")
}

/// "22 Nov 2026, 14:05 UTC".
pub fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// A `<time>` element; `shape` tells the page's script how to word it: `at`, `moment` (to the second),
/// `ago` or `until`.
pub fn time_element(at: Timestamp, shape: &str) -> String {
    let readable = utc(at);
    format!("<time datetime=\"{at}\" data-shape=\"{shape}\" title=\"{readable}\">{readable}</time>")
}

/// "3 hours", "2 days": the largest unit that fits, rounded down, never zero.
pub fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(1);
    let (count, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A word of Meta's as people write it: `PENDING_REVIEW` becomes "Pending review".
pub fn humanize(word: &str) -> String {
    let spaced = word.replace('_', " ").to_lowercase();
    let mut letters = spaced.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Text in HTML.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// The name in quotation marks, or "your display name".
fn quoted(name: Option<&String>) -> String {
    name.filter(|name| !name.is_empty()).map_or_else(|| "your display name".to_owned(), |name| format!("“{name}”"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn an_instant_reads_as_utc_and_as_an_element() {
        let sentence = Sentence::from(format!("Meta <accepts> nothing until {}.", at(noon())));
        assert_eq!(sentence.to_string(), "Meta <accepts> nothing until 22 Nov 2026, 12:00 UTC.");
        assert_eq!(
            sentence.to_html(),
            "Meta &lt;accepts&gt; nothing until <time datetime=\"2026-11-22T12:00:00Z\" data-shape=\"at\" \
             title=\"22 Nov 2026, 12:00 UTC\">22 Nov 2026, 12:00 UTC</time>."
        );
    }

    #[test]
    fn words_and_spans_read_well() {
        assert_eq!(humanize("AVAILABLE_WITHOUT_REVIEW"), "Available without review");
        assert_eq!(span(SignedDuration::from_secs(61)), "1 minute");
        assert_eq!(span(SignedDuration::from_hours(30)), "30 hours");
        assert_eq!(span(SignedDuration::from_hours(24 * 7)), "7 days");
        assert_eq!(span(SignedDuration::ZERO), "1 second");
    }
}
