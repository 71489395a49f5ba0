//! `[meta]`: the Meta app of this installation and how to call it. One app per installation. Checks the form
//! of the values only; `linekeeper check` asks Meta whether they are right.

use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, check_base_address};

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
        let wrong = |setting, problem: &str, fix: &str| ConfigError::Value {
            setting,
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        };
        if self.app_id.is_empty() || !self.app_id.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong("meta.app_id", "an app ID has only digits", APP_ID_FIX));
        }
        let optional = "leave it out if there is none";
        let secrets = [
            ("meta.app_secret", Some(&self.app_secret), APP_SECRET_FIX),
            // everybody could sign with an empty one
            ("meta.previous_app_secret", self.previous_app_secret.as_ref(), optional),
            ("meta.system_user_token", self.system_user_token.as_ref(), optional),
            ("meta.verify_token", self.verify_token.as_ref(), optional),
        ];
        for (setting, secret, fix) in secrets {
            let text = secret.map_or("unset", |secret| secret.expose_secret());
            if text.is_empty() {
                return Err(wrong(setting, "the value is empty", fix));
            }
            if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(wrong(setting, "the value holds white space or a control character", "copy it again"));
            }
        }
        let is_version =
            self.version.strip_prefix('v').and_then(|version| version.split_once('.')).is_some_and(|(major, minor)| {
                [major, minor].iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
            });
        let is_field = |field: &String| !field.is_empty() && field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if let Some(field) = self.webhook_fields.iter().find(|field| !is_field(field)) {
            let problem = format!("\"{field}\" is not the name of a webhook field");
            return Err(wrong("meta.webhook_fields", &problem, "write names like calls or group_status_update"));
        }
        if !is_version {
            let problem = format!("\"{}\" is not a version of the Graph API", self.version);
            return Err(wrong("meta.version", &problem, "leave it out, or write it like v25.0"));
        }
        check_base_address("meta.base_url", &self.base_url, "leave it out, or write it like http://127.0.0.1:9000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        Meta {
            app_id: "740000000000001".to_owned(),
            app_secret: "0f3a".into(),
            previous_app_secret: None,
            version: "v25.0".to_owned(),
            base_url: "https://graph.facebook.com".to_owned(),
            system_user_token: None,
            verify_token: None,
            manage_app_callback: true,
            webhook_fields: Vec::new(),
        }
    }

    #[test]
    fn a_value_that_cannot_work_is_named_and_no_secret_is_shown() {
        type Change = fn(&mut Meta);
        let wrong: [(Change, &str); 10] = [
            (|it| it.webhook_fields = vec!["no-field".to_owned()], "meta.webhook_fields: \"no-field\" is not the name"),
            (|it| it.app_id = "74x".to_owned(), "meta.app_id: an app ID has only digits"),
            (|it| it.app_secret = "".into(), "meta.app_secret: the value is empty"),
            (|it| it.app_secret = "0f3a-canary\n".into(), "meta.app_secret: the value holds white space"),
            (|it| it.previous_app_secret = Some("".into()), "meta.previous_app_secret: the value is empty"),
            (|it| it.verify_token = Some("a canary".into()), "meta.verify_token: the value holds white space"),
            (|it| it.system_user_token = Some("".into()), "meta.system_user_token: the value is empty"),
            (|it| it.version = "25".to_owned(), "meta.version: \"25\" is not a version"),
            (|it| it.base_url = "graph.facebook.com".to_owned(), "meta.base_url: \"graph.facebook.com\""),
            (|it| it.base_url = "ftp://graph.facebook.com".to_owned(), "must begin with http:// or https://"),
        ];
        assert!(meta().check().is_ok());
        for (change, says) in wrong {
            let mut meta = meta();
            change(&mut meta);
            let text = meta.check().unwrap_err().to_string();
            assert!(text.contains(says) && !text.contains("canary"), "{text}");
        }
    }
}
