//! Prose that may contain instants, which a page shows in the viewer's time zone and everything else in UTC.

use std::fmt;

use jiff::Timestamp;

use super::format::{escape, time_element, utc};

/// A short title and the sentences below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub title: String,
    /// What the title means and what happens next; may be empty.
    pub text: Sentence,
}

impl Message {
    pub(super) fn new(title: &str, text: impl Into<Sentence>) -> Self {
        Self { title: title.to_owned(), text: text.into() }
    }
}

/// Text and instants in their order; built from a string with [`Sentence::at`] and [`Sentence::then`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sentence(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Time(Timestamp),
}

impl From<&str> for Sentence {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::default() } else { Self(vec![Piece::Text(text)]) }
    }
}

impl From<Timestamp> for Sentence {
    fn from(at: Timestamp) -> Self {
        Self(vec![Piece::Time(at)])
    }
}

impl Sentence {
    /// Appends an instant to the sentence.
    pub(super) fn at(mut self, at: Timestamp) -> Self {
        self.0.push(Piece::Time(at));
        self
    }

    /// Appends text to the sentence.
    pub(super) fn then(mut self, text: impl Into<Self>) -> Self {
        self.0.extend(text.into().0);
        self
    }

    /// The sentence as HTML: text escaped, instants as `<time>` elements that fall back to UTC.
    pub fn to_html(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => escape(text),
            Piece::Time(at) => time_element(*at, "at"),
        };
        self.0.iter().map(piece).collect()
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Time(at) => f.write_str(&utc(*at))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_as_utc_and_as_an_element() {
        let noon = "2026-11-22T12:00:00Z".parse().unwrap();
        let sentence = Sentence::from("Meta <accepts> nothing until ").at(noon).then(".");
        assert_eq!(sentence.to_string(), "Meta <accepts> nothing until 22 Nov 2026, 12:00 UTC.");
        assert_eq!(
            sentence.to_html(),
            "Meta &lt;accepts&gt; nothing until <time datetime=\"2026-11-22T12:00:00Z\" data-shape=\"at\" \
             title=\"22 Nov 2026, 12:00 UTC\">22 Nov 2026, 12:00 UTC</time>."
        );
    }

    #[test]
    fn text_of_a_stranger_cannot_become_an_instant() {
        let text = "\u{e000}2026-11-22T12:00:00Z\u{e001}";
        assert_eq!(Sentence::from(text).to_html(), text);
    }
}
