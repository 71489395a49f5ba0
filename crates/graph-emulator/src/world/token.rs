//! Tokens, codes and who may see what. Must not answer the OAuth routes themselves.

use jiff::{Timestamp, tz};
use serde::{Deserialize, Serialize};

use super::error::GraphError;
use super::request::Request;
use super::{World, sign};

/// How a token died before its time (facts §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenDeath {
    /// 190 without subcode.
    Revoked,
    /// 190/458: the customer removed the app.
    AppRemoved,
    /// 190/459.
    Checkpoint,
    /// 190/460: "the session has been invalidated".
    SessionInvalidated,
    /// 190/463, before its own expiry.
    Expired,
    /// 190/467.
    Invalid,
    /// 190/492.
    NoRole,
}

/// Whose token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TokenKind {
    /// Business token of a customer.
    Business,
    /// System-user token of the partner.
    SystemUser,
}

/// A token Meta issued.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub app_id: String,
    pub business_id: String,
    pub user_id: String,
    pub issued_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub death: Option<TokenDeath>,
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
}

/// A customer portfolio that installed an app, with the WABAs it shared, latest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Install {
    pub app_id: String,
    pub business_id: String,
    pub wabas: Vec<String>,
}

/// Who calls.
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

/// The subcode and text of a dead token.
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

/// `Monday, 05-Oct-26 10:00:00 PDT`; a fixed offset, since the world reads no time-zone files.
fn pacific(at: Timestamp) -> String {
    let zone = tz::TimeZone::fixed(tz::offset(-7));
    at.to_zoned(zone).strftime("%A, %d-%b-%y %H:%M:%S PDT").to_string()
}

fn unreadable() -> GraphError {
    GraphError::new(401, 190, "Invalid OAuth access token - Cannot parse access token")
}

impl World {
    pub(crate) fn authenticate(&self, request: &Request, now: Timestamp) -> Result<Caller, GraphError> {
        let Some(text) = request.token() else {
            return Err(GraphError::new(400, 104, "An access token is required to request this resource."));
        };
        let caller = self.caller(&text, now).map_err(|e| e.with_status(self.settings.token_error_status))?;
        let secret = self.apps.get(caller.app_id()).map(|app| app.secret.as_str()).unwrap_or_default();
        check_proof(request, &text, secret, self.settings.require_app_secret_proof)?;
        Ok(caller)
    }

    fn caller(&self, text: &str, now: Timestamp) -> Result<Caller, GraphError> {
        if let Some((id, secret)) = text.split_once('|') {
            let known = self.apps.get(id).is_some_and(|app| app.secret == secret);
            return if known { Ok(Caller::App { app_id: id.to_owned() }) } else { Err(unreadable()) };
        }
        let token = self.tokens.get(text).ok_or_else(unreadable)?;
        if let Some(death) = token.dead(now) {
            return Err(death_error(death, token, now));
        }
        let (app_id, business_id, user_id) = (token.app_id.clone(), token.business_id.clone(), token.user_id.clone());
        Ok(match token.kind {
            TokenKind::Business => Caller::Customer { app_id, business_id, user_id },
            TokenKind::SystemUser => Caller::Partner { app_id, business_id, user_id },
        })
    }

    /// Whether a caller may touch a WABA; a foreign one does not exist for it (facts §1.6).
    pub(crate) fn sees_waba(&self, caller: &Caller, waba_id: &str) -> bool {
        let alive = self.wabas.get(waba_id).is_some_and(|w| !w.deleted);
        alive
            && self.installs.iter().any(|i| {
                i.app_id == caller.app_id()
                    && i.wabas.iter().any(|w| w == waba_id)
                    && match caller {
                        Caller::App { .. } => false,
                        Caller::Partner { .. } => true,
                        Caller::Customer { business_id, .. } => *business_id == i.business_id,
                    }
            })
    }

    /// The customer's install of an app, while it stands.
    pub(crate) fn install(&self, app_id: &str, business_id: &str) -> Option<&Install> {
        self.installs.iter().find(|i| i.app_id == app_id && i.business_id == business_id)
    }

    /// Shares a WABA with an app; the latest stands first in `granular_scopes` (facts §1.3).
    pub(crate) fn share(&mut self, app_id: &str, business_id: &str, waba_id: &str) {
        let found = self.installs.iter_mut().find(|i| i.app_id == app_id && i.business_id == business_id);
        if let Some(install) = found {
            install.wabas.retain(|w| w != waba_id);
            install.wabas.insert(0, waba_id.to_owned());
        } else {
            self.installs.push(Install {
                app_id: app_id.to_owned(),
                business_id: business_id.to_owned(),
                wabas: vec![waba_id.to_owned()],
            });
        }
    }

    /// Issues a token and returns its text.
    pub(crate) fn issue(
        &mut self,
        kind: TokenKind,
        app_id: &str,
        business_id: &str,
        lasts: Option<jiff::SignedDuration>,
        now: Timestamp,
    ) -> String {
        let text = self.ids.token();
        let user_id = self.ids.object("1221");
        let token = Token {
            kind,
            app_id: app_id.to_owned(),
            business_id: business_id.to_owned(),
            user_id,
            issued_at: now,
            expires_at: lasts.map(|l| now + l),
            death: None,
        };
        self.tokens.insert(text.clone(), token);
        text
    }

    /// A never-expiring system-user token of the partner that owns the default app.
    pub fn issue_partner_token(&mut self, now: Timestamp) -> String {
        let app_id = self.default_app().to_owned();
        let partner = self.apps.get(&app_id).map(|a| a.partner_business_id.clone()).unwrap_or_default();
        self.issue(TokenKind::SystemUser, &app_id, &partner, None, now)
    }

    /// A business token of a customer, as a code exchange would give.
    pub fn issue_business_token(&mut self, business_id: &str, now: Timestamp) -> String {
        let app_id = self.default_app().to_owned();
        self.issue(TokenKind::Business, &app_id, business_id, None, now)
    }

    /// Kills one token; false if there is no such token.
    pub fn kill_token(&mut self, token: &str, death: TokenDeath) -> bool {
        self.tokens.get_mut(token).map(|t| t.death = Some(death)).is_some()
    }

    /// Kills every business token of a portfolio.
    pub fn kill_tokens_of(&mut self, business_id: &str, death: TokenDeath) {
        let of = |t: &&mut Token| t.kind == TokenKind::Business && t.business_id == business_id;
        for token in self.tokens.values_mut().filter(of) {
            token.death = Some(death);
        }
    }
}

impl Token {
    /// How it is dead at an instant, if it is.
    pub(crate) fn dead(&self, now: Timestamp) -> Option<TokenDeath> {
        self.death.or_else(|| self.expires_at.filter(|at| *at <= now).map(|_| TokenDeath::Expired))
    }
}

/// Facts §1: the proof must be the HMAC of this very token.
pub(crate) fn check_proof(request: &Request, token: &str, secret: &str, required: bool) -> Result<(), GraphError> {
    let message = match request.text("appsecret_proof") {
        Some(proof) if proof == sign(secret, token.as_bytes()) => return Ok(()),
        Some(_) => "Invalid appsecret_proof provided in the API argument",
        None if required => "API calls from the server require an appsecret_proof argument",
        None => return Ok(()),
    };
    Err(GraphError::new(400, 100, message).kind("GraphMethodException"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_reads_as_meta_writes_it() {
        let at: Timestamp = "2026-10-05T17:00:00Z".parse().expect("time");
        assert_eq!(pacific(at), "Monday, 05-Oct-26 10:00:00 PDT");
    }
}
