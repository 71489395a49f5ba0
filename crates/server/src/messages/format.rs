//! Formatting of instants, lengths of time, Meta's identifiers and HTML text.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// An instant such as "22 Nov 2026, 14:05 UTC".
pub fn utc(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// A `<time>` element. `shape` tells the page's script how to format it: `at`, `moment` (to the second), `ago` or
/// `until`.
pub fn time_element(at: Timestamp, shape: &str) -> String {
    let readable = utc(at);
    format!("<time datetime=\"{at}\" data-shape=\"{shape}\" title=\"{readable}\">{readable}</time>")
}

/// A length of time such as "3 hours" or "2 days": the largest unit that fits, rounded down, at least one second.
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

/// An identifier of Meta's as people write it: `PENDING_REVIEW` becomes "Pending review".
pub fn humanize(word: &str) -> String {
    capitalize(&word.replace('_', " ").to_lowercase())
}

/// The text with its first letter in upper case.
pub fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Escapes text for HTML content and attribute values.
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

/// The display name in quotation marks, or "your display name" when it is not known.
pub(super) fn quoted(name: Option<&String>) -> String {
    name.filter(|name| !name.is_empty()).map_or_else(|| "your display name".to_owned(), |name| format!("“{name}”"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_lengths_read_well() {
        assert_eq!(humanize("AVAILABLE_WITHOUT_REVIEW"), "Available without review");
        assert_eq!(span(SignedDuration::from_secs(61)), "1 minute");
        assert_eq!(span(SignedDuration::from_hours(30)), "30 hours");
        assert_eq!(span(SignedDuration::from_hours(24 * 7)), "7 days");
        assert_eq!(span(SignedDuration::ZERO), "1 second");
    }
}
