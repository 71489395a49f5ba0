//! Meta's error body, whatever its shape, as a [`MetaError`] (facts §2.1). Must not classify: that is
//! `domain::meta::failure`'s. Texts leave here cleaned of the call's secrets.

use domain::meta::failure::MetaError;
use serde_json::Value;

use super::{filled, text, whole};
use crate::redact::redact_meta;

/// The error in an answer's body; `None` when the body is not Graph's error shape.
pub(crate) fn read(body: &Value, http_status: u16, secrets: &[&str]) -> Option<MetaError> {
    let error = of_object(body.get("error"), secrets)?;
    Some(MetaError { http_status: Some(http_status), ..error })
}

/// The members of an error object; one without a code is none of Meta's.
pub(crate) fn of_object(error: Option<&Value>, secrets: &[&str]) -> Option<MetaError> {
    let error = error?;
    let clean = |words: Option<String>| words.map(|words| redact_meta(&words, secrets));
    Some(MetaError {
        code: whole(error, "code")?,
        subcode: whole(error, "error_subcode").or_else(|| whole(error, "subcode")),
        http_status: None,
        message: clean(text(error, "message")).unwrap_or_default(),
        user_title: clean(filled(error, "error_user_title")),
        user_message: clean(filled(error, "error_user_msg")),
        details: clean(details(error)),
        fbtrace_id: clean(filled(error, "fbtrace_id")),
    })
}

/// `error_data.details`; `error_data` is an object, an older text, or JSON inside a text.
fn details(error: &Value) -> Option<String> {
    let data = error.get("error_data")?;
    let Some(words) = data.as_str() else { return filled(data, "details") };
    match serde_json::from_str::<Value>(words) {
        Ok(inner) if inner.is_object() => filled(&inner, "details"),
        _ => filled(error, "error_data"),
    }
}

#[cfg(test)]
mod tests;
