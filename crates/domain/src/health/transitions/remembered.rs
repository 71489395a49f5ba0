//! [`Remembered`] as words and back: what a store keeps as text. The keys are part of what is
//! stored and do not change.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Level, Remembered, Topic};

const LEVEL: &str = "level";
const KNOWN_LEVEL: &str = "known_level";
const SINCE: &str = "since";
const WAS_LIVE: &str = "was_live";
const TOPIC: &str = "topic.";
const FINDING: &str = "finding.";

impl Remembered {
    /// As words, by key.
    pub fn to_words(&self) -> BTreeMap<String, String> {
        let mut words = BTreeMap::from([
            (LEVEL.to_owned(), self.level.as_str().to_owned()),
            (SINCE.to_owned(), self.since.to_string()),
            (WAS_LIVE.to_owned(), self.was_live.to_string()),
        ]);
        words.extend(self.known_level.map(|level| (KNOWN_LEVEL.to_owned(), level.as_str().to_owned())));
        words.extend(self.words.iter().map(|(topic, word)| (format!("{TOPIC}{}", topic.as_str()), word.clone())));
        words.extend(self.findings.iter().map(|(code, at)| (format!("{FINDING}{code}"), at.to_string())));
        words
    }

    /// Reads the words back. Keys this version does not know are dropped; `None` without a level and
    /// its date, as if nothing were remembered.
    pub fn from_words(words: &BTreeMap<String, String>) -> Option<Self> {
        let keyed = |prefix: &'static str| {
            words.iter().filter_map(move |(key, word)| Some((key.strip_prefix(prefix)?, word.as_str())))
        };
        Some(Self {
            level: Level::parse(words.get(LEVEL)?)?,
            known_level: words.get(KNOWN_LEVEL).and_then(|word| Level::parse(word)),
            since: words.get(SINCE)?.parse().ok()?,
            was_live: words.get(WAS_LIVE).is_some_and(|word| word == "true"),
            words: keyed(TOPIC).filter_map(|(key, word)| Some((Topic::parse(key)?, word.to_owned()))).collect(),
            findings: keyed(FINDING)
                .filter_map(|(code, at)| Some((code.to_owned(), at.parse::<Timestamp>().ok()?)))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_survives_as_words() {
        let at: Timestamp = "2026-10-05T10:00:00Z".parse().unwrap();
        let remembered = Remembered {
            level: Level::Unknown,
            known_level: Some(Level::AtRisk),
            since: at,
            was_live: true,
            words: BTreeMap::from([(Topic::Quality, "GREEN".to_owned()), (Topic::Hold, String::new())]),
            findings: BTreeMap::from([("quality_red".to_owned(), at)]),
        };
        let mut words = remembered.to_words();
        assert_eq!(Remembered::from_words(&words), Some(remembered));
        words.insert("topic.of_the_future".to_owned(), "x".to_owned());
        assert_eq!(Remembered::from_words(&words).unwrap().words.len(), 2);
        assert_eq!(Remembered::from_words(&BTreeMap::new()), None);
    }
}
