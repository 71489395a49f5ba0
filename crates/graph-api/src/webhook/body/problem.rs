//! What is wrong with a post and where: worked out only after reading it failed, so that the way
//! of a good post stays short. Excerpts only: a body holds people's messages.

use serde_json::Value;

/// Why a body is no webhook post.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the body is empty")]
    Empty,
    /// Not JSON, or cut off.
    #[error("the body is not JSON: {reason} at line {line}, column {column}")]
    NotJson { reason: String, line: usize, column: usize },
    /// JSON of the right types that still makes no post, such as one member twice.
    #[error("the body has a member twice")]
    Unreadable,
    /// A post about something else.
    #[error("\"object\" is \"{found}\", expected \"whatsapp_business_account\"")]
    OtherObject { found: String },
    /// A member is missing.
    #[error("{path} is missing")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// A member is of another type.
    #[error("{path} must be {expected}, found {found}")]
    WrongType { path: String, expected: &'static str, found: &'static str },
}

pub(super) fn not_json(error: &serde_json::Error) -> BodyError {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    BodyError::NotJson { reason: excerpt(reason), line: error.line(), column: error.column() }
}

/// The first thing wrong with a body that could not be read.
pub(super) fn find(body: &[u8]) -> BodyError {
    if body.iter().all(u8::is_ascii_whitespace) {
        return BodyError::Empty;
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(tree) => misfit(&tree).unwrap_or(BodyError::Unreadable),
        Err(error) => not_json(&error),
    }
}

fn misfit(tree: &Value) -> Option<BodyError> {
    if let Some(wrong) = wrong_type(tree, "the body", "an object", Value::is_object) {
        return Some(wrong);
    }
    let entries = tree.get("entry")?;
    if let Some(wrong) = wrong_type(entries, "entry", "a list", Value::is_array) {
        return Some(wrong);
    }
    entries.as_array()?.iter().enumerate().find_map(|(at, entry)| entry_misfit(entry, &format!("entry[{at}]")))
}

fn entry_misfit(entry: &Value, path: &str) -> Option<BodyError> {
    if let Some(wrong) = wrong_type(entry, path, "an object", Value::is_object) {
        return Some(wrong);
    }
    let (changes, path) = (entry.get("changes")?, format!("{path}.changes"));
    if let Some(wrong) = wrong_type(changes, &path, "a list", Value::is_array) {
        return Some(wrong);
    }
    let each = |(at, change)| wrong_type(change, &format!("{path}[{at}]"), "an object", Value::is_object);
    changes.as_array()?.iter().enumerate().find_map(each)
}

fn wrong_type(value: &Value, path: &str, expected: &'static str, fits: fn(&Value) -> bool) -> Option<BodyError> {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    (!fits(value)).then(|| BodyError::WrongType { path: path.to_owned(), expected, found })
}

/// The first characters of a text.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(60).collect()
}
