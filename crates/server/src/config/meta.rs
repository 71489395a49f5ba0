//! `[meta]`: the Meta app of this installation and how to call it. One app per installation. Checks the form
//! of the values only; `linekeeper check` asks Meta whether they are right.

use secrecy::{ExposeSecret as _, SecretString};

use super::ConfigError;

/// Where to find the app ID.
pub(super) const APP_ID_FIX: &str = "copy it from the app dashboard at developers.facebook.com";

/// Where to find the app secret.
pub(super) const APP_SECRET_FIX: &str = "copy it from App settings, Basic, at developers.facebook.com";

/// The Meta app of this installation.
#[derive(Debug, Clone, confique::Config)]
pub struct Meta {
    /// App ID, digits only, from the app dashboard at developers.facebook.com.
    #[config(env = "LINEKEEPER_META_APP_ID")]
    pub app_id: String,

    /// App secret, from App settings, Basic. Webhook signatures are checked with it.
    #[config(env = "LINEKEEPER_META_APP_SECRET")]
    pub app_secret: SecretString,

    /// The app secret before a change. Webhook signatures made with it are still accepted.
    #[config(env = "LINEKEEPER_META_PREVIOUS_APP_SECRET")]
    pub previous_app_secret: Option<SecretString>,

    /// Version of the Graph API.
    #[config(default = "v25.0", env = "LINEKEEPER_META_VERSION")]
    pub version: String,

    /// Base address of the Graph API. Set it to the emulator's address to rehearse without Meta.
    #[config(default = "https://graph.facebook.com", env = "LINEKEEPER_META_BASE_URL")]
    pub base_url: String,

    /// Access token of a system user in your own business portfolio. With it, a business token that
    /// stopped working is replaced without a new signup.
    #[config(env = "LINEKEEPER_META_SYSTEM_USER_TOKEN")]
    pub system_user_token: Option<SecretString>,

    /// Verify token of the app-level callback. When unset, one is generated and stored in the database.
    #[config(env = "LINEKEEPER_META_VERIFY_TOKEN")]
    pub verify_token: Option<SecretString>,

    /// Whether Linekeeper sets the app-level callback at Meta and keeps it set. Account, name and quality
    /// events arrive only there. When false, forward those events to this installation yourself.
    #[config(default = true, env = "LINEKEEPER_META_MANAGE_APP_CALLBACK")]
    pub manage_app_callback: bool,

    /// Webhook fields that the Meta app is subscribed to, beside those that Linekeeper needs itself. When empty,
    /// every field that an endpoint can receive. Fields that are subscribed already are kept.
    #[config(default = [], env = "LINEKEEPER_META_WEBHOOK_FIELDS", parse_env = confique::env::parse::list_by_comma)]
    pub webhook_fields: Vec<String>,
}

impl Meta {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.app_id.is_empty() || !self.app_id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ConfigError::Value {
                setting: "meta.app_id",
                problem: "an app ID has only digits".to_owned(),
                fix: APP_ID_FIX,
            });
        }
        if self.app_secret.expose_secret().trim().is_empty() {
            return Err(ConfigError::Value {
                setting: "meta.app_secret",
                problem: "the value is empty".to_owned(),
                fix: APP_SECRET_FIX,
            });
        }
        let is_field = |field: &String| !field.is_empty() && field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if let Some(field) = self.webhook_fields.iter().find(|field| !is_field(field)) {
            return Err(ConfigError::Value {
                setting: "meta.webhook_fields",
                problem: format!("\"{field}\" is not the name of a webhook field"),
                fix: "write names like calls or group_status_update",
            });
        }
        url::Url::parse(&self.base_url).map(|_| ()).map_err(|error| ConfigError::Value {
            setting: "meta.base_url",
            problem: format!("\"{}\" is not an address: {error}", self.base_url),
            fix: "leave it out, or write it like http://127.0.0.1:9000",
        })
    }
}
