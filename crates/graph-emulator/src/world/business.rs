//! Portfolio and app nodes (facts §1.2, §1.16). Must not know numbers.

use serde_json::{Value, json};

use super::error::{GraphError, invalid_parameter, no_such_object, nonexisting_field, numbered};
use super::fields::{self, Field};
use super::paging::{Link, Page, page};
use super::token::{Caller, TokenKind, check_proof};
use super::{Context, Done, Outcome, World};

impl World {
    /// Customers see their own portfolio; the partner its own and its customers'.
    fn sees_business(&self, caller: &Caller, id: &str) -> bool {
        match caller {
            Caller::App { .. } => false,
            Caller::Customer { business_id, .. } => business_id == id,
            Caller::Partner { app_id, business_id, .. } => business_id == id || self.install(app_id, id).is_some(),
        }
    }

    fn check_business(&self, c: &Context<'_>) -> Result<(), GraphError> {
        let id = &c.route.id;
        if self.businesses.contains_key(id) && self.sees_business(&c.caller, id) {
            Ok(())
        } else {
            Err(no_such_object(c.request.method.as_str(), id))
        }
    }

    pub(crate) fn read_business(&self, c: &Context<'_>) -> Outcome {
        self.check_business(c)?;
        let business = self.businesses.get(&c.route.id).ok_or_else(|| no_such_object("GET", &c.route.id))?;
        let mut asked = fields::parse(&c.request.text("fields").unwrap_or_default())?;
        if asked.is_empty() {
            asked.push(Field::plain("name"));
        }
        let node = fields::project(&asked, &business.id, |field| match field.name.as_str() {
            "name" => Ok(Some(json!(business.name))),
            "verification_status" => Ok(Some(json!(business.verification))),
            "timezone_id" => Ok(Some(json!(0))),
            name => Err(nonexisting_field(name, "Business")),
        })?;
        Ok(Done::Body(Value::Object(node)))
    }

    /// Facts §1.2: heals a lost token while the app is still installed; the proof is mandatory.
    pub(crate) fn fetch_business_token(&mut self, c: &Context<'_>) -> Outcome {
        let Caller::Partner { app_id, .. } = &c.caller else {
            return Err(numbered(403, 200, "Permissions error"));
        };
        let text = c.request.token().unwrap_or_default();
        let secret = self.apps.get(app_id).map(|a| a.secret.clone()).unwrap_or_default();
        check_proof(c.request, &text, &secret, true)?;
        if !c.request.flag("fetch_only") {
            return Err(invalid_parameter("Param fetch_only must be true."));
        }
        if !self.businesses.contains_key(&c.route.id) {
            return Err(no_such_object("POST", &c.route.id));
        }
        if self.install(app_id, &c.route.id).is_none_or(|i| i.wabas.is_empty()) {
            return Err(numbered(403, 200, "Permissions error"));
        }
        let living = self.tokens.iter().find(|(_, t)| {
            t.kind == TokenKind::Business
                && t.app_id == *app_id
                && t.business_id == c.route.id
                && t.dead(c.now).is_none()
        });
        let token = match living.map(|(text, _)| text.clone()) {
            Some(token) => token,
            None => self.issue(TokenKind::Business, app_id, &c.route.id, None, c.now),
        };
        Ok(Done::Body(json!({ "access_token": token })))
    }

    /// Owned: the portfolio's own WABAs. Client: those other portfolios shared with this partner.
    pub(crate) fn list_wabas(&self, c: &Context<'_>, owned: bool) -> Outcome {
        self.check_business(c)?;
        let is_partner = self.apps.get(c.caller.app_id()).is_some_and(|a| a.partner_business_id == c.route.id);
        let mut found: Vec<_> = self
            .wabas
            .values()
            .filter(|w| if owned { w.business_id == c.route.id } else { is_partner && w.business_id != c.route.id })
            .filter(|w| self.sees_waba(&c.caller, &w.id))
            .map(|w| (w.created_at, w.id.clone()))
            .collect();
        found.sort();
        if c.request.text("sort").as_deref() != Some("creation_time_ascending") {
            found.reverse();
        }
        let ids: Vec<String> = found.into_iter().map(|(_, id)| id).collect();
        let asked = fields::parse(&c.request.text("fields").unwrap_or_default())?;
        let edge = if owned { "owned_whatsapp_business_accounts" } else { "client_whatsapp_business_accounts" };
        let path = format!("/{}/{edge}", c.route.id);
        let link = Link { request: c.request, version: c.route.version, path, fields: None };
        let page = page(&ids, &Page::read(|name| c.request.text(name))?, &link, |id| match self.wabas.get(id) {
            Some(waba) => self.waba_node(c, waba, &asked),
            None => Ok(Value::Null),
        })?;
        Ok(Done::Body(page))
    }
}
