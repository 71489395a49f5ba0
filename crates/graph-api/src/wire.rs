//! Meta's JSON, read leniently: a member that is missing or of another type is `None`, a document of
//! another shape is `None` as a whole, unknown members are passed over. Must not know HTTP.

pub(crate) mod error;
pub(crate) mod number;
pub(crate) mod page;
pub(crate) mod time;
pub(crate) mod token;
pub(crate) mod waba;

use serde_json::Value;

/// A member as text; Meta writes some ids and limits as numbers (facts D13). Zero bytes are removed, since PostgreSQL cannot
/// store them in a text.
pub(crate) fn text(of: &Value, name: &str) -> Option<String> {
    match of.get(name)? {
        Value::String(text) => Some(text.replace('\0', "")),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As [`text`], with blank texts left out.
pub(crate) fn filled(of: &Value, name: &str) -> Option<String> {
    text(of, name).filter(|text| !text.trim().is_empty())
}

/// A member as yes or no, in either of Graph's spellings.
pub(crate) fn flag(of: &Value, name: &str) -> Option<bool> {
    let member = of.get(name)?;
    let spelled = |word: &str| word.to_ascii_lowercase().parse().ok();
    member.as_bool().or_else(|| member.as_str().and_then(spelled))
}

/// A member as a whole number, written as one or as text.
pub(crate) fn whole(of: &Value, name: &str) -> Option<i64> {
    let member = of.get(name)?;
    member.as_i64().or_else(|| member.as_str()?.trim().parse().ok())
}

/// A member as a list; anything else is an empty one.
pub(crate) fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list.
pub(crate) fn texts(of: &Value, name: &str) -> Vec<String> {
    list(of, name).iter().filter_map(|v| v.as_str().map(|text| text.replace('\0', ""))).collect()
}
