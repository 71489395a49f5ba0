//! `/oauth/access_token`, `/oauth/revoke`, `/debug_token` and `/me` (facts §1.1 to §1.3). Must not know WABAs or numbers.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::token::{Caller, Token, TokenDeath, TokenKind, TokenScopes, death_error};
use crate::world::graph::context::{CallResult, Context, Response};
use crate::world::graph::error::{GraphError, missing, numbered, unknown_path};
use crate::world::graph::request::Request;
use crate::world::state::World;

/// Lifetime of the popup's code (facts §1.1).
const CODE_LIFE: SignedDuration = SignedDuration::from_secs(30);
const SIXTY_DAYS: SignedDuration = SignedDuration::from_hours(60 * 24);
const MANAGE_EVENTS: &str = "whatsapp_business_manage_events";
const SCOPES: [&str; 3] = ["whatsapp_business_management", "whatsapp_business_messaging", "public_profile"];

impl World {
    pub(crate) fn oauth_token(&mut self, request: &Request, now: Timestamp) -> CallResult {
        let app_id = self.check_client(request)?;
        match request.text("grant_type").as_deref() {
            Some("fb_exchange_token") => self.exchange_for_long_lived_token(request, &app_id, now),
            Some("client_credentials") => {
                let secret = request.text("client_secret").unwrap_or_default();
                Ok(Response::Body(json!({"access_token": format!("{app_id}|{secret}"), "token_type": "bearer"})))
            }
            _ => self.exchange_code(request, &app_id, now),
        }
    }

    /// Checks the app's id and secret: a wrong id gets 101, a wrong secret 1 (facts §1.1).
    fn check_client(&self, request: &Request) -> Result<String, GraphError> {
        let id = request.text("client_id").ok_or_else(|| GraphError::new(400, 101, "Missing client_id parameter."))?;
        let invalid = || GraphError::new(400, 101, "Error validating application. Invalid application ID.");
        let app = self.apps.get(&id).ok_or_else(invalid)?;
        let secret = request.text("client_secret").unwrap_or_default();
        if app.secret != secret {
            return Err(GraphError::new(400, 1, "Error validating client secret."));
        }
        Ok(id)
    }

    fn exchange_code(&mut self, request: &Request, app_id: &str, now: Timestamp) -> CallResult {
        let text = request.text("code").ok_or_else(|| missing("code"))?;
        let refused = |subcode, text: &str| GraphError::new(400, 100, text).subcode(subcode);
        let code = self
            .codes
            .get_mut(&text)
            .filter(|c| c.app_id == app_id)
            .ok_or_else(|| GraphError::new(400, 100, "Invalid verification code format."))?;
        if code.used {
            return Err(refused(36_009, "This authorization code has been used."));
        }
        if now.duration_since(code.issued_at) > CODE_LIFE {
            return Err(refused(36_007, "This authorization code has expired."));
        }
        if code.redirect_uri.is_some() && code.redirect_uri != request.text("redirect_uri") {
            return Err(refused(
                36_008,
                "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request",
            ));
        }
        code.used = true;
        let (business_id, lasts, scopes) = (code.business_id.clone(), code.token_lasts, code.token_scopes);
        let token = self.issue(TokenKind::Business, app_id, &business_id, lasts, now);
        if let Some(issued) = self.tokens.get_mut(&token) {
            issued.scopes = scopes;
        }
        Ok(Response::Body(token_body(&token, lasts)))
    }

    /// Issues a new token, valid for 60 days; the old one stays valid until its own expiry (facts §1.2).
    fn exchange_for_long_lived_token(&mut self, request: &Request, app_id: &str, now: Timestamp) -> CallResult {
        let text = request.text("fb_exchange_token").ok_or_else(|| missing("fb_exchange_token"))?;
        let old = self.tokens.get(&text).filter(|t| t.app_id == app_id).cloned();
        let Some(old) = old else {
            return Err(GraphError::new(400, 190, "Invalid OAuth access token - Cannot parse access token"));
        };
        if let Some(death) = old.death(now) {
            return Err(death_error(death, &old, now).with_status(400));
        }
        let lasts = (request.flag("set_token_expires_in_60_days") || old.expires_at.is_some()).then_some(SIXTY_DAYS);
        let token = self.issue(old.kind, app_id, &old.business_id, lasts, now);
        Ok(Response::Body(token_body(&token, lasts)))
    }

    /// Revokes a token. The value of `success` is a string in Meta's answer as well (facts §1.2).
    pub(crate) fn oauth_revoke(&mut self, request: &Request, now: Timestamp) -> CallResult {
        let app_id = self.check_client(request)?;
        self.authenticate(request, now)?;
        let text = request.text("revoke_token").ok_or_else(|| missing("revoke_token"))?;
        if self.tokens.get(&text).is_none_or(|t| t.app_id != app_id) {
            return Err(GraphError::new(400, 190, "Invalid OAuth access token - Cannot parse access token"));
        }
        self.kill_token(&text, TokenDeath::Revoked);
        Ok(Response::Body(json!({"success": "true"})))
    }

    /// Describes a token. The status is 200 for an invalid token too, as long as the caller's own is valid (facts §1.3).
    pub(crate) fn debug_token(&self, c: &Context<'_>) -> CallResult {
        if matches!(c.caller, Caller::Customer { .. }) {
            return Err(numbered(
                400,
                100,
                "You must provide an app access token, or a user access token that is an owner or developer of the app",
            ));
        }
        let text = c.request.text("input_token").ok_or_else(|| missing("input_token"))?;
        let data = match self.tokens.get(&text) {
            None => json!({"is_valid": false, "scopes": [],
                "error": {"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"}}),
            Some(token) => self.token_info(token, c.now),
        };
        Ok(Response::Body(json!({ "data": data })))
    }

    fn token_info(&self, token: &Token, now: Timestamp) -> Value {
        let app = self.apps.get(&token.app_id).map(|a| a.name.clone()).unwrap_or_default();
        let mut data = json!({
            "app_id": token.app_id,
            "type": "SYSTEM_USER",
            "application": app,
            "data_access_expires_at": 0,
            "expires_at": token.expires_at.map_or(0, Timestamp::as_second),
            "is_valid": true,
            "issued_at": token.issued_at.as_second(),
            "scopes": SCOPES,
            "user_id": token.user_id,
        });
        if let Some(death) = token.death(now) {
            let error = death_error(death, token, now);
            data["is_valid"] = json!(false);
            data["scopes"] = json!([]);
            data["error"] = json!({"code": 190, "message": error.message()});
            if let Some(subcode) = error.error_subcode() {
                data["error"]["subcode"] = json!(subcode);
            }
        } else if token.kind == TokenKind::Business {
            let wabas = self.install(&token.app_id, &token.business_id).map(|i| i.wabas.clone()).unwrap_or_default();
            let scope = |name: &str| json!({"scope": name, "target_ids": wabas});
            data["granular_scopes"] = match token.scopes {
                TokenScopes::Named => json!([scope(SCOPES[0]), scope(SCOPES[1])]),
                TokenScopes::WithoutManagement => {
                    data["scopes"] = json!([MANAGE_EVENTS, SCOPES[1], SCOPES[2]]);
                    json!([scope(MANAGE_EVENTS), scope(SCOPES[1])])
                }
                TokenScopes::AllOfPortfolio => json!([{"scope": SCOPES[0]}, {"scope": SCOPES[1]}]),
            };
        } else {
            // A scope without target ids covers all assets (facts §1.3).
            data["granular_scopes"] = json!([{"scope": SCOPES[0]}, {"scope": SCOPES[1]}]);
        }
        data
    }

    pub(crate) fn me(c: &Context<'_>) -> CallResult {
        match &c.caller {
            Caller::App { .. } => Err(GraphError::new(
                400,
                2500,
                "An active access token must be used to query information about the current user.",
            )),
            Caller::Partner { user_id, .. } => Ok(Response::Body(json!({"id": user_id, "name": "System User"}))),
            Caller::Customer { user_id, business_id, .. } => {
                // `client_business_id` is shown only where it is asked for (facts §1.3)
                let fields = c.request.text("fields").unwrap_or_default();
                Ok(Response::Body(if fields.split(',').any(|field| field.trim() == "client_business_id") {
                    json!({"id": user_id, "client_business_id": business_id})
                } else {
                    json!({"id": user_id, "name": "System User"})
                }))
            }
        }
    }
}

fn token_body(token: &str, lasts: Option<SignedDuration>) -> Value {
    let mut body = json!({"access_token": token, "token_type": "bearer"});
    if let Some(lasts) = lasts {
        body["expires_in"] = json!(lasts.as_secs());
    }
    body
}

/// The error of a multi-get on the root, which Meta removed for all versions on 2026-10-27 (facts §0.1, `errors.json`).
pub(crate) fn multi_get_refused(request: &Request) -> GraphError {
    if request.text("ids").is_some() {
        numbered(500, 100, "The ids query parameter is deprecated. Use the Batch API or field expansion instead.")
    } else {
        unknown_path("/")
    }
}
