//! The stored record of the app's own callback: one setting, as JSON. It is written by the flow that reconciles the
//! callback and read by every assessment; the meaning is `domain::callbacks`'.

use domain::callbacks::{AppCallback, AppRecord};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::store::numbers::{repairs_from_json, repairs_to_json};
use crate::store::{self, Tx, settings};

/// Loads what the app's callback was when it was read last; [`AppCallback::Unread`] before that.
pub(crate) async fn load_app_callback(tx: &mut Tx) -> Result<AppRecord, store::Error> {
    Ok(parse(settings::get(tx, settings::APP_CALLBACK).await?.as_deref()))
}

/// Stores what the app's callback is now.
pub(crate) async fn save_app_callback(tx: &mut Tx, record: &AppRecord, now: Timestamp) -> Result<(), store::Error> {
    settings::set(tx, settings::APP_CALLBACK, &to_json(record).to_string(), now).await
}

fn to_json(record: &AppRecord) -> Value {
    let AppRecord { callback, last_set, repairs } = record;
    let (state, missing, url): (_, &[String], _) = match callback {
        AppCallback::Unread => ("unread", &[], None),
        AppCallback::Missing => ("missing", &[], None),
        AppCallback::Ours => ("ours", &[], None),
        AppCallback::LacksFields(missing) => ("ours", missing, None),
        AppCallback::Foreign(url) => ("foreign", &[], Some(url)),
    };
    let repairs = repairs_to_json(repairs);
    json!({ "state": state, "missing": missing, "url": url, "last_set": last_set, "repairs": repairs })
}

/// The record from the stored setting. A state that this version does not know reads as not read.
pub(super) fn parse(text: Option<&str>) -> AppRecord {
    let value: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let missing = value.get("missing").and_then(Value::as_array).into_iter().flatten();
    let missing: Vec<_> = missing.filter_map(Value::as_str).map(str::to_owned).collect();
    let callback = match text("state").as_deref() {
        Some("ours") if missing.is_empty() => AppCallback::Ours,
        Some("ours") => AppCallback::LacksFields(missing),
        Some("missing") => AppCallback::Missing,
        Some("foreign") => AppCallback::Foreign(text("url").unwrap_or_default()),
        _ => AppCallback::Unread,
    };
    let repairs = value.get("repairs").map(repairs_from_json).unwrap_or_default();
    AppRecord { callback, last_set: text("last_set"), repairs }
}

#[cfg(test)]
mod tests {
    use domain::callbacks::{Problem, Repairs};

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
            let repairs = Repairs { made: Vec::new(), asked: Some(Problem::AppForeign) };
            let record = AppRecord { callback, last_set: Some("https://lines.example".to_owned()), repairs };
            assert_eq!(parse(Some(&to_json(&record).to_string())), record);
        }
        assert_eq!(parse(Some("not JSON")), AppRecord::default());
        assert_eq!(parse(None), AppRecord::default());
    }
}
