//! Who may access what: authentication, installs, and the tokens that are issued and killed. Must not answer the OAuth
//! routes themselves.

use jiff::{SignedDuration, Timestamp};

use super::token::{Caller, Install, Token, TokenDeath, TokenKind, TokenScopes, death_error};
use crate::world::graph::error::GraphError;
use crate::world::graph::request::Request;
use crate::world::state::World;
use crate::world::webhooks::signature::sign;

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
        if let Some(death) = token.death(now) {
            return Err(death_error(death, token, now));
        }
        let (app_id, business_id, user_id) = (token.app_id.clone(), token.business_id.clone(), token.user_id.clone());
        Ok(match token.kind {
            TokenKind::Business => Caller::Customer { app_id, business_id, user_id },
            TokenKind::SystemUser => Caller::Partner { app_id, business_id, user_id },
        })
    }

    /// Whether the caller may access a WABA. For the caller, any other WABA does not exist (facts §1.6).
    pub(crate) fn can_access_waba(&self, caller: &Caller, waba_id: &str) -> bool {
        let exists = self.wabas.get(waba_id).is_some_and(|w| !w.deleted);
        exists
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

    /// The install of an app in a customer portfolio; `None` once it is uninstalled.
    pub(crate) fn install(&self, app_id: &str, business_id: &str) -> Option<&Install> {
        self.installs.iter().find(|i| i.app_id == app_id && i.business_id == business_id)
    }

    /// Shares a WABA with an app. The latest comes first in `granular_scopes` (facts §1.3).
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
        lasts: Option<SignedDuration>,
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
            scopes: TokenScopes::Named,
        };
        self.tokens.insert(text.clone(), token);
        text
    }

    /// Issues a system-user token of the partner that owns the default app; it never expires.
    pub fn issue_partner_token(&mut self, now: Timestamp) -> String {
        let app_id = self.default_app().to_owned();
        let partner = self.apps.get(&app_id).map(|a| a.partner_business_id.clone()).unwrap_or_default();
        self.issue(TokenKind::SystemUser, &app_id, &partner, None, now)
    }

    /// Issues a business token of a customer, like a code exchange does.
    pub fn issue_business_token(&mut self, business_id: &str, now: Timestamp) -> String {
        let app_id = self.default_app().to_owned();
        self.issue(TokenKind::Business, &app_id, business_id, None, now)
    }

    /// Makes one token invalid; returns false if no such token exists.
    pub fn kill_token(&mut self, token: &str, death: TokenDeath) -> bool {
        self.tokens.get_mut(token).map(|t| t.death = Some(death)).is_some()
    }

    /// Makes every business token of a portfolio invalid.
    pub fn kill_tokens_of(&mut self, business_id: &str, death: TokenDeath) {
        let of = |t: &&mut Token| t.kind == TokenKind::Business && t.business_id == business_id;
        for token in self.tokens.values_mut().filter(of) {
            token.death = Some(death);
        }
    }
}

fn unreadable() -> GraphError {
    GraphError::new(401, 190, "Invalid OAuth access token - Cannot parse access token")
}

/// Checks `appsecret_proof`, which must be the HMAC of the call's own token (facts §1).
pub(crate) fn check_proof(request: &Request, token: &str, secret: &str, required: bool) -> Result<(), GraphError> {
    let message = match request.text("appsecret_proof") {
        Some(proof) if proof == sign(secret, token.as_bytes()) => return Ok(()),
        Some(_) => "Invalid appsecret_proof provided in the API argument",
        None if required => "API calls from the server require an appsecret_proof argument",
        None => return Ok(()),
    };
    Err(GraphError::new(400, 100, message).kind("GraphMethodException"))
}
