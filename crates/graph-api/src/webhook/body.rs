//! A webhook post, cut into its changes without copying: every change of every entry (facts §3.2). Must not interpret a
//! value.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use aws_lc_rs::digest;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

mod problem;

pub use problem::BodyError;

/// The object every post of ours is about.
const OBJECT: &str = "whatsapp_business_account";

/// One change as it stands in a post; borrows the body.
#[derive(Debug, Clone)]
pub struct RawChange<'a> {
    /// `entry[].id`: an account, or for `PARTNER_*` events our own portfolio.
    pub entry_id: Cow<'a, str>,
    /// The webhook field; empty when Meta named none anywhere.
    pub field: Cow<'a, str>,
    /// `entry[].time` in Unix seconds; absent for messages.
    pub time: Option<i64>,
    /// The value, byte for byte.
    pub value: &'a RawValue,
}

impl<'a> RawChange<'a> {
    /// Puts a stored change together again.
    pub fn from_parts(entry_id: &'a str, field: &'a str, time: Option<i64>, value: &'a str) -> Result<Self, BodyError> {
        let value = serde_json::from_str(value).map_err(|error| problem::not_json(&error))?;
        Ok(Self { entry_id: Cow::Borrowed(entry_id), field: Cow::Borrowed(field), time, value })
    }
}

/// Cuts a post into its changes, in order. The signature must be verified before.
///
/// # Errors
///
/// [`BodyError`] says what is wrong and where.
pub fn split(body: &[u8]) -> Result<Vec<RawChange<'_>>, BodyError> {
    // A list would be taken for the members in order.
    let read = if starts_a_list(body) { None } else { serde_json::from_slice(body).ok() };
    let Some(envelope): Option<Envelope<'_>> = read else { return Err(problem::find(body)) };
    if let Some(object) = envelope.object.map(text).filter(|object| object != OBJECT) {
        return Err(BodyError::OtherObject { found: problem::excerpt(&object) });
    }
    let entries = envelope.entry.ok_or_else(|| BodyError::Missing { path: "entry".to_owned() })?;
    let mut changes = Vec::with_capacity(entries.iter().map(|Object(e)| e.changes.as_ref().map_or(1, Vec::len)).sum());
    for (at, entry) in entries.into_iter().enumerate() {
        let Object(entry) = entry;
        let (entry_id, time) = (entry.id.map(word).unwrap_or_default(), entry.time.and_then(seconds));
        let inner = match (entry.changes, entry.value) {
            (Some(inner), _) => inner,
            (None, Some(value)) => vec![Object(Inner { field: None, value: Some(value) })],
            (None, None) => {
                return Err(BodyError::Missing { path: format!("entry[{at}].changes") });
            }
        };
        for Object(Inner { field, value }) in inner {
            let value = value.unwrap_or(RawValue::NULL);
            let field = field.or_else(|| misplaced_field(value)).or(entry.field).map(word).unwrap_or_default();
            changes.push(RawChange { entry_id: entry_id.clone(), field, time, value });
        }
    }
    Ok(changes)
}

/// The key that identifies a change: Meta may send the same one again for days (facts §3.1). It is SHA-256 over entry id,
/// field, value bytes and time, each with its length.
pub fn dedup_key(change: &RawChange<'_>) -> [u8; 32] {
    let time = change.time.map(i64::to_be_bytes);
    let parts: [&[u8]; 4] = [
        change.entry_id.as_bytes(),
        change.field.as_bytes(),
        change.value.get().as_bytes(),
        time.as_ref().map_or(&[], |bytes| bytes.as_slice()),
    ];
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    entry: Option<Vec<Object<Entry<'a>>>>,
}

/// `field` and `value` belong into a change; two of Meta's own examples have `field` here or inside
/// the value.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    changes: Option<Vec<Object<Inner<'a>>>>,
    #[serde(borrow, default)]
    field: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Inner<'a> {
    #[serde(borrow, default)]
    field: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
}

/// Read from an object alone: a derived reader takes a list for the members in order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Reader<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Reader(PhantomData))
    }
}

fn starts_a_list(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

fn misplaced_field(value: &RawValue) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Holder<'a> {
        #[serde(borrow, default)]
        field: Option<&'a RawValue>,
    }
    serde_json::from_str::<Holder<'_>>(value.get()).ok()?.field
}

/// A text or a number as text; anything else is empty.
fn text(raw: &RawValue) -> Cow<'_, str> {
    let json = raw.get();
    match json.as_bytes().first() {
        Some(b'"') if json.contains('\\') => Cow::Owned(serde_json::from_str(json).unwrap_or_default()),
        Some(b'"') => Cow::Borrowed(json.trim_matches('"')),
        Some(b'-' | b'0'..=b'9') => Cow::Borrowed(json),
        _ => Cow::Borrowed(""),
    }
}

/// An id or a field's name; one with control characters names nothing of Meta's.
fn word(raw: &RawValue) -> Cow<'_, str> {
    let text = text(raw);
    if text.contains(char::is_control) { Cow::Borrowed("") } else { text }
}

pub(super) fn seconds(raw: &RawValue) -> Option<i64> {
    text(raw).parse().ok()
}

#[cfg(test)]
mod tests;
