//! The portfolio node and its edges (facts §1.2, §1.16). Must not know numbers.

use serde_json::{Value, json};

use crate::world::graph::context::{CallResult, Context, Response};
use crate::world::graph::error::{GraphError, invalid_parameter, no_such_object, nonexisting_field, numbered};
use crate::world::graph::fields::{self, Field};
use crate::world::graph::paging::{Link, Page, page};
use crate::world::oauth::access::check_proof;
use crate::world::oauth::token::{Caller, TokenKind};
use crate::world::state::World;

impl World {
    /// Whether the caller may access a portfolio: a customer its own, the partner its own and its customers'.
    fn can_access_business(&self, caller: &Caller, id: &str) -> bool {
        match caller {
            Caller::App { .. } => false,
            Caller::Customer { business_id, .. } => business_id == id,
            Caller::Partner { app_id, business_id, .. } => business_id == id || self.install(app_id, id).is_some(),
        }
    }

    fn check_business(&self, c: &Context<'_>) -> Result<(), GraphError> {
        let id = &c.route.id;
        if self.businesses.contains_key(id) && self.can_access_business(&c.caller, id) {
            Ok(())
        } else {
            Err(no_such_object(c.request.method.into_str(), id))
        }
    }

    pub(crate) fn read_business(&self, c: &Context<'_>) -> CallResult {
        self.check_business(c)?;
        let business = self.businesses.get(&c.route.id).ok_or_else(|| no_such_object("GET", &c.route.id))?;
        let mut requested = fields::parse(&c.request.text("fields").unwrap_or_default())?;
        if requested.is_empty() {
            requested.push(Field::plain("name"));
        }
        let node = fields::project(&requested, &business.id, |field| match field.name.as_str() {
            "name" => Ok(Some(json!(business.name))),
            "verification_status" => Ok(Some(json!(business.verification))),
            "timezone_id" => Ok(Some(json!(0))),
            name => Err(nonexisting_field(name, "Business")),
        })?;
        Ok(Response::Body(Value::Object(node)))
    }

    /// Returns the business token again while the app is still installed; `appsecret_proof` is mandatory (facts §1.2).
    pub(crate) fn fetch_business_token(&mut self, c: &Context<'_>) -> CallResult {
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
        let valid = self.tokens.iter().find(|(_, t)| {
            t.kind == TokenKind::Business
                && t.app_id == *app_id
                && t.business_id == c.route.id
                && t.death(c.now).is_none()
        });
        let token = match valid.map(|(text, _)| text.clone()) {
            Some(token) => token,
            None => self.issue(TokenKind::Business, app_id, &c.route.id, None, c.now),
        };
        Ok(Response::Body(json!({ "access_token": token })))
    }

    /// Lists WABAs: those the portfolio owns, or those that other portfolios shared with it as partner.
    pub(crate) fn list_wabas(&self, c: &Context<'_>, owned: bool) -> CallResult {
        self.check_business(c)?;
        let is_partner = self.apps.get(c.caller.app_id()).is_some_and(|a| a.partner_business_id == c.route.id);
        let mut found: Vec<_> = self
            .wabas
            .values()
            .filter(|w| if owned { w.business_id == c.route.id } else { is_partner && w.business_id != c.route.id })
            .filter(|w| self.can_access_waba(&c.caller, &w.id))
            .map(|w| (w.created_at, w.id.clone()))
            .collect();
        found.sort();
        if c.request.text("sort").as_deref() != Some("creation_time_ascending") {
            found.reverse();
        }
        let ids: Vec<String> = found.into_iter().map(|(_, id)| id).collect();
        let requested = fields::parse(&c.request.text("fields").unwrap_or_default())?;
        let edge = if owned { "owned_whatsapp_business_accounts" } else { "client_whatsapp_business_accounts" };
        let path = format!("/{}/{edge}", c.route.id);
        let link = Link { request: c.request, version: c.route.version, path, fields: None };
        let page = page(&ids, &Page::read(|name| c.request.text(name))?, &link, |id| match self.wabas.get(id) {
            Some(waba) => self.waba_node(c, waba, &requested),
            None => Ok(Value::Null),
        })?;
        Ok(Response::Body(page))
    }
}
