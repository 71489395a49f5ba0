//! The ways Meta writes an instant. Must not read a clock.

use jiff::Timestamp;
use serde_json::Value;

/// Unix seconds from here on are meant as milliseconds (the year 5138 in seconds).
const MILLIS_FROM: u64 = 100_000_000_000;

/// `2023-08-22T19:05:53+0000`, RFC 3339, or Unix seconds as number or text.
pub(crate) fn instant(of: &Value, name: &str) -> Option<Timestamp> {
    match of.get(name)? {
        Value::Number(number) => unix(number.as_i64()?),
        Value::String(text) => written(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Unix seconds, or milliseconds where seconds make no sense.
pub(crate) fn unix(count: i64) -> Option<Timestamp> {
    let time = if count.unsigned_abs() >= MILLIS_FROM {
        Timestamp::from_millisecond(count)
    } else {
        Timestamp::from_second(count)
    };
    time.ok()
}

fn written(text: &str) -> Option<Timestamp> {
    if let Ok(count) = text.parse::<i64>() {
        return unix(count);
    }
    text.parse().or_else(|_| Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_spelling_is_the_same_instant() {
        let spellings = json!([
            "2026-09-20T10:00:00+0000",
            "2026-09-20T12:00:00+0200",
            "2026-09-20T10:00:00Z",
            "2026-09-20T10:00:00+00:00",
            1_789_898_400,
            "1789898400",
            1_789_898_400_000_i64
        ]);
        for spelling in spellings.as_array().unwrap() {
            let read = instant(&json!({ "t": spelling }), "t");
            assert_eq!(read.map(|t| t.to_string()).as_deref(), Some("2026-09-20T10:00:00Z"), "{spelling}");
        }
    }

    #[test]
    fn nonsense_is_nothing() {
        for spelling in [json!(""), json!("tomorrow"), json!(true), json!(1e99), json!(i64::MAX), json!(i64::MIN)] {
            assert_eq!(instant(&json!({ "t": spelling }), "t"), None, "{spelling}");
        }
    }
}
