//! The last assessment of a number as stored JSON: a level and a few words. The meaning is `domain::health`'s.

use std::collections::BTreeMap;

use domain::health::{LastAssessment, Level};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) fn to_json(last: &LastAssessment) -> Value {
    let LastAssessment { level, known_level, since, was_live, topics, findings } = last;
    let topics: BTreeMap<&str, &String> = topics.iter().map(|(topic, code)| (topic.into_str(), code)).collect();
    let findings: BTreeMap<&String, String> = findings.iter().map(|(code, since)| (code, since.to_string())).collect();
    json!({
        "level": level.into_str(),
        "known_level": known_level.map(|level| level.into_str()),
        "since": since.to_string(),
        "was_live": was_live,
        "topics": topics,
        "findings": findings,
    })
}

/// `None` for JSON that is absent or that this version cannot read; then every finding is announced as new.
pub(super) fn from_json(value: &Value) -> Option<LastAssessment> {
    let level =
        |name: &str| -> Option<Level> { value.get(name).and_then(Value::as_str).and_then(|level| level.parse().ok()) };
    let texts = |name: &str| {
        let map = value.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        map.into_iter().filter_map(|(key, text)| text.as_str().map(|text| (key, text.to_owned())))
    };
    Some(LastAssessment {
        level: level("level")?,
        known_level: level("known_level"),
        since: value.get("since")?.as_str()?.parse().ok()?,
        was_live: value.get("was_live").and_then(Value::as_bool).unwrap_or(false),
        topics: texts("topics").filter_map(|(topic, code)| Some((topic.parse().ok()?, code))).collect(),
        findings: texts("findings")
            .filter_map(|(code, since)| since.parse::<Timestamp>().ok().map(|since| (code, since)))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use domain::health::Topic;

    use super::*;

    #[test]
    fn a_last_assessment_survives_its_json() {
        let last = LastAssessment {
            level: Level::Unknown,
            known_level: Some(Level::Live),
            since: Timestamp::UNIX_EPOCH,
            was_live: true,
            topics: [(Topic::Quality, "GREEN".to_owned())].into(),
            findings: [("quality_low".to_owned(), Timestamp::UNIX_EPOCH)].into(),
        };
        assert_eq!(from_json(&to_json(&last)), Some(last));
        assert_eq!(from_json(&Value::Null), None);
    }
}
