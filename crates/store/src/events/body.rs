//! The stored form of a change: the id and time of its entry, a line each, then its value byte for byte.

use bytes::Bytes;

/// A stored body, decoded: what Meta sent, or an announcement of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBody<'a> {
    /// The id of the entry in Meta's post; empty for an announcement.
    pub entry_id: &'a str,
    /// The time of that entry in Unix seconds, where Meta gave one.
    pub time: Option<i64>,
    /// The change's `value`, a JSON text.
    pub value: &'a str,
}

/// Encodes a change for storage.
pub fn encode(entry_id: &str, time: Option<i64>, value: &str) -> Bytes {
    let time = time.map(|time| time.to_string()).unwrap_or_default();
    let mut body = Vec::with_capacity(entry_id.len() + time.len() + value.len() + 2);
    for part in [entry_id, "\n", &time, "\n", value] {
        body.extend_from_slice(part.as_bytes());
    }
    body.into()
}

/// Decodes a stored body; `None` when it is not one.
pub fn decode(body: &[u8]) -> Option<StoredBody<'_>> {
    let text = std::str::from_utf8(body).ok()?;
    let (entry_id, rest) = text.split_once('\n')?;
    let (time, value) = rest.split_once('\n')?;
    Some(StoredBody { entry_id, time: time.parse().ok(), value })
}

/// The same body with another value; the entry's id and time stay.
pub fn with_value(body: &[u8], value: &str) -> Option<Bytes> {
    let StoredBody { entry_id, time, .. } = decode(body)?;
    Some(encode(entry_id, time, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_as_it_was_encoded() {
        for (entry_id, time, value) in [("71", Some(1_700_000_000), "{\"a\":\n1}"), ("", None, "null"), ("x", None, "")]
        {
            let body = encode(entry_id, time, value);
            assert_eq!(decode(&body), Some(StoredBody { entry_id, time, value }));
            assert_eq!(with_value(&body, "7"), Some(encode(entry_id, time, "7")));
        }
    }

    #[test]
    fn bytes_that_are_no_body_are_refused() {
        for broken in [&b""[..], b"71", b"71\n5", b"\xff\n\n{}"] {
            assert_eq!(decode(broken), None);
        }
    }
}
