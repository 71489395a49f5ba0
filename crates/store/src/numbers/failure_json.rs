//! A failed call to Meta as JSON, for columns that keep one. Meta's own words are kept whole.

use domain::meta::failure::{Failure, MetaError};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

/// A failure as JSON; holds no secret, as the failure itself.
pub fn failure_to_json(failure: &Failure) -> Value {
    let Failure { kind, meta, wait, message } = failure;
    let mut map = Map::new();
    map.insert("kind".into(), kind.into_str().into());
    map.insert("message".into(), message.as_str().into());
    if let Some(wait) = wait {
        map.insert("wait_ms".into(), i64::try_from(wait.as_millis()).unwrap_or(i64::MAX).into());
    }
    if let Some(meta) = meta {
        map.insert("meta".into(), meta_to_json(meta));
    }
    Value::Object(map)
}

/// Reads a failure back; `None` when it is not one.
pub fn failure_from_json(value: &Value) -> Option<Failure> {
    Some(Failure {
        kind: value.get("kind")?.as_str()?.parse().ok()?,
        meta: match value.get("meta") {
            Some(meta) => Some(meta_from_json(meta)?),
            None => None,
        },
        wait: value.get("wait_ms").and_then(Value::as_i64).map(SignedDuration::from_millis),
        message: value.get("message")?.as_str()?.to_owned(),
    })
}

fn meta_to_json(error: &MetaError) -> Value {
    let MetaError { code, subcode, http_status, message, user_title, user_message, details, fbtrace_id } = error;
    json!({
        "code": code,
        "subcode": subcode,
        "http_status": http_status,
        "message": message,
        "user_title": user_title,
        "user_message": user_message,
        "details": details,
        "fbtrace_id": fbtrace_id,
    })
}

fn meta_from_json(value: &Value) -> Option<MetaError> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(MetaError {
        code: value.get("code")?.as_i64()?,
        subcode: value.get("subcode").and_then(Value::as_i64),
        http_status: value.get("http_status").and_then(Value::as_u64).and_then(|s| u16::try_from(s).ok()),
        message: text("message")?,
        user_title: text("user_title"),
        user_message: text("user_message"),
        details: text("details"),
        fbtrace_id: text("fbtrace_id"),
    })
}

#[cfg(test)]
mod tests {
    use domain::meta::failure::FailureKind;

    use super::*;

    #[test]
    fn a_failure_reads_back_as_it_was() {
        let whole = Failure {
            kind: FailureKind::NameNotReady,
            meta: Some(MetaError {
                code: 100,
                subcode: Some(2_388_001),
                http_status: Some(400),
                message: "Invalid parameter".into(),
                user_title: Some("Cannot Create Certificate".into()),
                user_message: Some("Your display name could not be processed.".into()),
                details: None,
                fbtrace_id: Some("A1".into()),
            }),
            wait: Some(SignedDuration::from_mins(15)),
            message: "Your display name could not be processed.".into(),
        };
        for failure in [whole, Failure::unanswered("no answer in 10 s")] {
            assert_eq!(failure_from_json(&failure_to_json(&failure)), Some(failure));
        }
        assert_eq!(failure_from_json(&json!({"kind": "of another version", "message": ""})), None);
    }
}
