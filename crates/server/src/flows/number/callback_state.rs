//! The stored state of the app-level callback: one setting, as JSON. It is written by the flow that
//! reconciles the callback and read by every assessment; the meaning is `domain::health`'s.

use domain::health::AppCallback;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::{self, Tx, settings};

/// Loads what the app-level callback was when it was read last; [`AppCallback::Unread`] before that.
pub(crate) async fn load_app_callback(tx: &mut Tx) -> Result<AppCallback, store::Error> {
    Ok(parse(settings::get(tx, settings::APP_CALLBACK).await?.as_deref()))
}

/// Stores what the app-level callback is now.
pub(crate) async fn save_app_callback(tx: &mut Tx, callback: &AppCallback, now: Timestamp) -> Result<(), store::Error> {
    settings::set(tx, settings::APP_CALLBACK, &to_json(callback).to_string(), now).await
}

fn to_json(callback: &AppCallback) -> Value {
    match callback {
        AppCallback::Unread => json!({ "state": "unread" }),
        AppCallback::Missing => json!({ "state": "missing" }),
        AppCallback::Ours => json!({ "state": "ours", "missing": [] }),
        AppCallback::LacksFields(missing) => json!({ "state": "ours", "missing": missing }),
        AppCallback::Foreign(url) => json!({ "state": "foreign", "url": url }),
    }
}

/// The state from the stored setting. One that this version does not know reads as not read.
pub(super) fn parse(text: Option<&str>) -> AppCallback {
    let value: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let missing = value.get("missing").and_then(Value::as_array).into_iter().flatten();
    let missing: Vec<_> = missing.filter_map(Value::as_str).map(str::to_owned).collect();
    match value.get("state").and_then(Value::as_str) {
        Some("ours") if missing.is_empty() => AppCallback::Ours,
        Some("ours") => AppCallback::LacksFields(missing),
        Some("missing") => AppCallback::Missing,
        Some("foreign") => {
            AppCallback::Foreign(value.get("url").and_then(Value::as_str).unwrap_or_default().to_owned())
        }
        _ => AppCallback::Unread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_its_json() {
        for callback in [
            AppCallback::Unread,
            AppCallback::Missing,
            AppCallback::Ours,
            AppCallback::LacksFields(vec!["security".to_owned()]),
            AppCallback::Foreign("https://elsewhere.example/hook".to_owned()),
        ] {
            assert_eq!(parse(Some(&to_json(&callback).to_string())), callback);
        }
        assert_eq!(parse(Some("not JSON")), AppCallback::Unread);
        assert_eq!(parse(None), AppCallback::Unread);
    }
}
