//! Answers about tokens and the app's own subscription (facts §1.1, §1.3, §1.12).

use domain::ids::{AppId, WabaId};
use domain::meta::failure::MetaError;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;

use super::{error, filled, flag, list, text, texts, time, whole};

/// The permission without which no account can be managed.
const MANAGEMENT: &str = "whatsapp_business_management";

/// The beginning of every permission whose targets are accounts.
const OF_ACCOUNTS: &str = "whatsapp_business_";

/// A token fresh from Meta.
#[derive(Debug)]
pub struct Token {
    pub access_token: SecretString,
    /// How long it lives; `None` for one that never ends.
    pub expires_in: Option<SignedDuration>,
}

impl Token {
    pub(crate) fn read(body: &Value) -> Option<Self> {
        let access_token = SecretString::from(filled(body, "access_token")?);
        let seconds = whole(body, "expires_in").filter(|seconds| *seconds > 0);
        Some(Self { access_token, expires_in: seconds.map(SignedDuration::from_secs) })
    }
}

/// Meta's data about a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    pub is_valid: bool,
    /// The app it was made for.
    pub app_id: Option<AppId>,
    /// When it ends; `None` for never.
    pub expires_at: Option<Timestamp>,
    pub scopes: Vec<String>,
    /// The accounts that any of its permissions names, latest first; `None` for all of its owner's.
    pub waba_ids: Option<Vec<WabaId>>,
    /// Why it does not work, in Meta's words.
    pub error: Option<MetaError>,
}

impl TokenInfo {
    pub(crate) fn read(body: &Value, token: &str) -> Option<Self> {
        let data = body.get("data").filter(|data| data.is_object())?;
        let scopes = texts(data, "scopes");
        let error = error::of_object(data.get("error"), &[token]);
        Some(Self {
            is_valid: flag(data, "is_valid").or_else(|| error.is_some().then_some(false))?,
            app_id: filled(data, "app_id").map(AppId),
            expires_at: whole(data, "expires_at").filter(|at| *at > 0).and_then(time::unix),
            waba_ids: accounts(data, &scopes),
            scopes,
            error,
        })
    }
}

/// The targets of every permission on accounts count: Meta names them beside one or the other (facts §1.3). Management
/// without `target_ids` means all accounts; without any permission on accounts there is none.
fn accounts(data: &Value, scopes: &[String]) -> Option<Vec<WabaId>> {
    let mut found: Vec<WabaId> = Vec::new();
    let (mut is_granted, mut manages_all) = (false, false);
    for grant in list(data, "granular_scopes") {
        let Some(scope) = text(grant, "scope").filter(|scope| scope.starts_with(OF_ACCOUNTS)) else { continue };
        is_granted = true;
        if !grant.get("target_ids").is_some_and(Value::is_array) {
            manages_all |= scope == MANAGEMENT;
            continue;
        }
        for waba in list(grant, "target_ids").iter().filter_map(id).map(WabaId) {
            if !found.contains(&waba) {
                found.push(waba);
            }
        }
    }
    let is_unnamed = !is_granted && scopes.iter().any(|scope| scope == MANAGEMENT);
    (!manages_all && !is_unnamed).then_some(found)
}

fn id(value: &Value) -> Option<String> {
    unzeroed(value).or_else(|| value.as_u64().map(|number| number.to_string()))
}

/// A text of a list, without zero bytes as everywhere ([`text`]).
fn unzeroed(value: &Value) -> Option<String> {
    value.as_str().map(|text| text.replace('\0', ""))
}

/// The app's own subscription to WhatsApp events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSubscription {
    /// Where events go that follow no override.
    pub callback_url: String,
    /// Whether Meta uses it.
    pub active: bool,
    /// The subscribed webhook fields.
    pub fields: Vec<String>,
}

impl AppSubscription {
    pub(crate) fn read(row: &Value, object: &str) -> Option<Self> {
        if text(row, "object").as_deref() != Some(object) {
            return None;
        }
        let field = |field: &Value| unzeroed(field).or_else(|| text(field, "name"));
        Some(Self {
            callback_url: text(row, "callback_url").unwrap_or_default(),
            active: flag(row, "active").unwrap_or(false),
            fields: list(row, "fields").iter().filter_map(field).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_live_token_names_its_accounts_latest_first() {
        let body = json!({ "data": { "app_id": "740", "is_valid": true, "expires_at": 0, "scopes": [MANAGEMENT],
            "granular_scopes": [{ "scope": MANAGEMENT, "target_ids": ["712", 711] }], "type": "SYSTEM_USER" } });
        let info = TokenInfo::read(&body, "t").unwrap();
        assert!(info.is_valid && info.expires_at.is_none() && info.error.is_none());
        assert_eq!(info.waba_ids, Some(vec![WabaId("712".to_owned()), WabaId("711".to_owned())]));
    }

    #[test]
    fn no_targets_is_all_accounts_and_no_permission_is_none() {
        let accounts = |granular: Value, scopes: Value| {
            let body = json!({ "data": { "is_valid": true, "scopes": scopes, "granular_scopes": granular } });
            TokenInfo::read(&body, "t").unwrap().waba_ids
        };
        assert_eq!(accounts(json!([{ "scope": MANAGEMENT }]), json!([MANAGEMENT])), None);
        assert_eq!(accounts(json!(null), json!([MANAGEMENT])), None);
        assert_eq!(accounts(json!([]), json!(["public_profile"])), Some(vec![]));
    }

    #[test]
    fn the_targets_of_every_permission_on_accounts_count() {
        let accounts = |granular: Value| {
            let body = json!({ "data": { "is_valid": true, "scopes": [], "granular_scopes": granular } });
            TokenInfo::read(&body, "t").unwrap().waba_ids
        };
        let ids = |ids: &[&str]| Some(ids.iter().map(|id| WabaId((*id).to_owned())).collect::<Vec<_>>());
        let events = json!({ "scope": "whatsapp_business_manage_events", "target_ids": ["712"] });
        let messaging = json!({ "scope": "whatsapp_business_messaging", "target_ids": ["712", "711"] });
        assert_eq!(accounts(json!([events, messaging])), ids(&["712", "711"]));
        let catalogs = json!({ "scope": "catalog_management", "target_ids": ["719"] });
        assert_eq!(accounts(json!([catalogs, events])), ids(&["712"]));
        assert_eq!(accounts(json!([events, { "scope": MANAGEMENT }])), None, "management of all accounts");
        assert_eq!(accounts(json!([{ "scope": "whatsapp_business_messaging" }])), ids(&[]));
    }

    #[test]
    fn a_dead_token_says_why_and_never_itself() {
        let body = json!({ "data": { "is_valid": false, "scopes": [],
            "error": { "code": 190, "subcode": 463, "message": "Session of tok-secret has expired" } } });
        let info = TokenInfo::read(&body, "tok-secret").unwrap();
        let error = info.error.unwrap();
        assert_eq!((info.is_valid, error.code, error.subcode), (false, 190, Some(463)));
        assert_eq!(error.message, "Session of [redacted] has expired");
    }

    #[test]
    fn a_token_is_read_with_and_without_an_end() {
        let read = |body: Value| Token::read(&body).map(|token| token.expires_in);
        assert_eq!(read(json!({ "access_token": "EAA" })), Some(None));
        let bearer = json!({ "access_token": "EAA", "token_type": "bearer", "expires_in": 5_183_944 });
        assert_eq!(read(bearer), Some(Some(SignedDuration::from_secs(5_183_944))));
        assert_eq!(read(json!({ "access_token": "" })), None);
        assert!(!format!("{:?}", Token::read(&json!({ "access_token": "EAA-secret" }))).contains("EAA-secret"));
    }

    #[test]
    fn no_zero_byte_reaches_a_column() {
        let granular = json!([{ "scope": MANAGEMENT, "target_ids": ["71\u{0}2"] }]);
        let body = json!({ "data": { "is_valid": true, "scopes": [], "granular_scopes": granular } });
        assert_eq!(TokenInfo::read(&body, "t").unwrap().waba_ids, Some(vec![WabaId("712".to_owned())]));
        let row = json!({ "object": "whatsapp_business_account", "fields": ["secu\u{0}rity"] });
        assert_eq!(AppSubscription::read(&row, "whatsapp_business_account").unwrap().fields, ["security"]);
    }

    #[test]
    fn only_the_whatsapp_object_is_ours() {
        let row = json!({ "object": "page", "callback_url": "https://x", "active": true, "fields": [] });
        assert_eq!(AppSubscription::read(&row, "whatsapp_business_account"), None);
        let row = json!({ "object": "whatsapp_business_account", "callback_url": "https://x", "active": true,
            "fields": [{ "name": "messages", "version": "v25.0" }, "security"] });
        let read = AppSubscription::read(&row, "whatsapp_business_account").unwrap();
        assert_eq!(read.fields, ["messages", "security"]);
    }
}
