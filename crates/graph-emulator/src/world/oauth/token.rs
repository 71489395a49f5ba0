//! Tokens, codes and installs as data, with the errors of invalid tokens. Must not decide who may access what.

use jiff::{Timestamp, tz};
use serde::{Deserialize, Serialize};

use crate::world::graph::error::GraphError;

/// Why a token is invalid, with the code and subcode that calls with it get (facts §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenDeath {
    /// 190 without a subcode.
    Revoked,
    /// 190/458: the customer removed the app.
    AppRemoved,
    /// 190/459: the user must log in at Facebook first.
    Checkpoint,
    /// 190/460: "the session has been invalidated".
    SessionInvalidated,
    /// 190/463, possibly before the token's own expiry.
    Expired,
    /// 190/467: the session ended for an unknown reason.
    Invalid,
    /// 190/492: the user lost the role in the portfolio.
    NoRole,
}

/// The kind of owner of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenKind {
    /// A business token of a customer.
    Business,
    /// A system-user token of the partner.
    SystemUser,
}

/// How a business token's `granular_scopes` name the WABAs that it reaches (facts §1.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenScopes {
    /// Management and messaging, both with `target_ids`.
    #[default]
    Named,
    /// Messaging and `whatsapp_business_manage_events` with `target_ids`, no management.
    WithoutManagement,
    /// Management without `target_ids`, which means all WABAs of the portfolio.
    AllOfPortfolio,
}

/// A token that Meta issued.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub app_id: String,
    pub business_id: String,
    pub user_id: String,
    pub issued_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub death: Option<TokenDeath>,
    #[serde(default)]
    pub scopes: TokenScopes,
}

/// A single-use code of the popup (facts §1.1).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    pub app_id: String,
    pub business_id: String,
    pub issued_at: Timestamp,
    pub used: bool,
    pub redirect_uri: Option<String>,
    pub token_lasts: Option<jiff::SignedDuration>,
    #[serde(default)]
    pub token_scopes: TokenScopes,
}

/// A customer portfolio that installed an app, with the WABAs it shared, the latest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Install {
    pub app_id: String,
    pub business_id: String,
    pub wabas: Vec<String>,
}

/// The owner of the token that a call was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    App { app_id: String },
    Partner { app_id: String, business_id: String, user_id: String },
    Customer { app_id: String, business_id: String, user_id: String },
}

impl Caller {
    pub(crate) fn app_id(&self) -> &str {
        match self {
            Self::App { app_id } | Self::Partner { app_id, .. } | Self::Customer { app_id, .. } => app_id,
        }
    }
}

/// The error for a call with an invalid token.
pub(crate) fn death_error(death: TokenDeath, token: &Token, now: Timestamp) -> GraphError {
    let (subcode, message) = match death {
        TokenDeath::Revoked => (None, "Error validating access token: The user has revoked access to the application.".to_owned()),
        TokenDeath::AppRemoved => (
            Some(458),
            format!("Error validating access token: The user has not authorized application {}.", token.app_id),
        ),
        TokenDeath::Checkpoint => (
            Some(459),
            "Error validating access token: You cannot access the app till you log in to www.facebook.com and follow the instructions given.".to_owned(),
        ),
        TokenDeath::SessionInvalidated => (
            Some(460),
            "Error validating access token: The session has been invalidated because the user changed their password or Facebook has changed the session for security reasons.".to_owned(),
        ),
        TokenDeath::Expired => {
            let until = token.expires_at.unwrap_or(now);
            (Some(463), format!("Error validating access token: Session has expired on {}. The current time is {}.", pacific(until), pacific(now)))
        }
        TokenDeath::Invalid => (Some(467), "Error validating access token: This may be because the user logged out or may be due to a system error.".to_owned()),
        TokenDeath::NoRole => (Some(492), "Error validating access token: Session does not match current stored session.".to_owned()),
    };
    let error = GraphError::new(401, 190, message);
    subcode.map_or(error.clone(), |s| error.subcode(s))
}

/// Formats an instant as `Monday, 05-Oct-26 10:00:00 PDT`. The offset is fixed: the world reads no time-zone files.
fn pacific(at: Timestamp) -> String {
    let zone = tz::TimeZone::fixed(tz::offset(-7));
    at.to_zoned(zone).strftime("%A, %d-%b-%y %H:%M:%S PDT").to_string()
}

impl Token {
    /// Why the token is invalid at an instant; `None` if it is valid.
    pub(crate) fn death(&self, now: Timestamp) -> Option<TokenDeath> {
        self.death.or_else(|| self.expires_at.filter(|at| *at <= now).map(|_| TokenDeath::Expired))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_text_has_the_form_that_meta_uses() {
        let at: Timestamp = "2026-10-05T17:00:00Z".parse().expect("time");
        assert_eq!(pacific(at), "Monday, 05-Oct-26 10:00:00 PDT");
    }
}
