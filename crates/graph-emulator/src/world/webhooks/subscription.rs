//! Webhook subscriptions on three levels: app, WABA and number (facts §1.11, §1.12). Must not send.

use serde_json::{Value, json};

use super::challenge::ChallengeFor;
use crate::world::accounts::account::{AppSubscription, Waba};
use crate::world::graph::context::{CallResult, Context, Response, success};
use crate::world::graph::error::{GraphError, missing, no_such_object, numbered};
use crate::world::numbers::number::Override;
use crate::world::oauth::token::Caller;
use crate::world::state::World;

const OBJECT: &str = "whatsapp_business_account";

impl World {
    pub(crate) fn subscribed_apps(&self, waba: &Waba) -> Value {
        let item = |(id, over): (&String, &Option<Override>)| {
            let name = self.apps.get(id).map(|a| a.name.clone()).unwrap_or_default();
            let mut item = json!({"whatsapp_business_api_data": {"id": id, "name": name,
                "link": format!("https://www.facebook.com/games/?app_id={id}")}});
            if let Some(over) = over {
                item["override_callback_uri"] = json!(over.callback_url);
            }
            item
        };
        json!({"data": waba.subscriptions.iter().map(item).collect::<Vec<_>>()})
    }

    pub(crate) fn list_subscribed_apps(&self, c: &Context<'_>) -> CallResult {
        Ok(Response::Body(self.subscribed_apps(self.visible_waba(c)?)))
    }

    /// Subscribes the app. Without a callback this also **removes** an existing override (facts §1.11).
    pub(crate) fn subscribe_app(&mut self, c: &Context<'_>) -> CallResult {
        let subscribed = self.visible_waba(c)?.subscriptions.contains_key(c.caller.app_id());
        let Some(url) = c.request.text("override_callback_uri").filter(|url| !url.is_empty()) else {
            if let Some(waba) = self.wabas.get_mut(&c.route.id) {
                waba.subscriptions.insert(c.caller.app_id().to_owned(), None);
            }
            return Ok(success());
        };
        if !subscribed {
            return Err(numbered(
                400,
                100,
                "Before override the current callback uri, your app must be subscribed to receive messages for WhatsApp Business Account.",
            ));
        }
        let verify_token = c.request.text("verify_token").unwrap_or_default();
        self.start_challenge(c, &url, &verify_token, ChallengeFor::Waba)
    }

    pub(crate) fn unsubscribe_app(&mut self, c: &Context<'_>) -> CallResult {
        self.visible_waba(c)?;
        if let Some(waba) = self.wabas.get_mut(&c.route.id) {
            waba.subscriptions.remove(c.caller.app_id());
        }
        Ok(success())
    }

    pub(crate) fn read_subscriptions(&self, c: &Context<'_>) -> CallResult {
        let app = self.apps.get(app_of(c)?).ok_or_else(|| no_such_object("GET", &c.route.id))?;
        let version = format!("v{}.0", c.route.version);
        let item = |(object, s): (&String, &AppSubscription)| {
            let fields: Vec<Value> = s.fields.iter().map(|f| json!({"name": f, "version": version})).collect();
            json!({"object": object, "callback_url": s.callback_url, "active": true, "fields": fields})
        };
        Ok(Response::Body(json!({"data": app.subscriptions.iter().map(item).collect::<Vec<_>>()})))
    }

    pub(crate) fn change_subscription(&mut self, c: &Context<'_>) -> CallResult {
        app_of(c)?;
        let object = c.request.text("object").ok_or_else(|| missing("object"))?;
        let url = c.request.text("callback_url").ok_or_else(|| missing("callback_url"))?;
        let verify_token = c.request.text("verify_token").unwrap_or_default();
        let fields = field_list(c.request.value("fields"));
        let include_values = c.request.flag("include_values");
        self.start_challenge(c, &url, &verify_token, ChallengeFor::App { object, fields, include_values })
    }

    pub(crate) fn drop_subscription(&mut self, c: &Context<'_>) -> CallResult {
        let id = app_of(c)?.to_owned();
        let app = self.apps.get_mut(&id).ok_or_else(|| no_such_object("DELETE", &id))?;
        let fields = field_list(c.request.value("fields"));
        match c.request.text("object") {
            None => app.subscriptions.clear(),
            Some(object) if fields.is_empty() => drop(app.subscriptions.remove(&object)),
            Some(object) => {
                if let Some(subscription) = app.subscriptions.get_mut(&object) {
                    subscription.fields.retain(|f| !fields.contains(f));
                }
            }
        }
        Ok(success())
    }

    /// Sets the app-level callback without a handshake, as if it had been set in Meta's dashboard earlier.
    pub fn subscribe_app_level(&mut self, callback_url: &str, verify_token: &str, fields: &[&str]) {
        let id = self.default_app().to_owned();
        if let Some(app) = self.apps.get_mut(&id) {
            let subscription = AppSubscription {
                callback_url: callback_url.to_owned(),
                verify_token: verify_token.to_owned(),
                fields: fields.iter().map(|&f| f.to_owned()).collect(),
                include_values: true,
            };
            app.subscriptions.insert(OBJECT.to_owned(), subscription);
        }
    }

    /// Subscribes the default app to a WABA, with an override if one is given.
    pub fn subscribe_waba(&mut self, waba_id: &str, over: Option<Override>) {
        let id = self.default_app().to_owned();
        if let Some(waba) = self.wabas.get_mut(waba_id) {
            waba.subscriptions.insert(id, over);
        }
    }

    /// Sets or removes the override that the default app has on a number, as another product with the same app might.
    pub(crate) fn override_number(&mut self, number_id: &str, over: Option<Override>) {
        let id = self.default_app().to_owned();
        if let Some(number) = self.numbers.get_mut(number_id) {
            match over {
                Some(over) => drop(number.overrides.insert(id, over)),
                None => drop(number.overrides.remove(&id)),
            }
        }
    }

    /// Removes the callback of the app, as somebody might in Meta's dashboard.
    pub fn drop_app_level(&mut self) {
        let id = self.default_app().to_owned();
        if let Some(app) = self.apps.get_mut(&id) {
            app.subscriptions.clear();
        }
    }

    /// Removes the default app's subscription to a WABA, as another product of the customer might.
    pub fn unsubscribe_waba(&mut self, waba_id: &str) {
        let id = self.default_app().to_owned();
        if let Some(waba) = self.wabas.get_mut(waba_id) {
            waba.subscriptions.remove(&id);
        }
    }
}

/// The app of the call; app routes accept only the app's own token.
fn app_of<'a>(c: &'a Context<'_>) -> Result<&'a str, GraphError> {
    match &c.caller {
        Caller::App { app_id } if *app_id == c.route.id => Ok(app_id),
        Caller::App { .. } => Err(no_such_object(c.request.method.into_str(), &c.route.id)),
        Caller::Partner { .. } | Caller::Customer { .. } => {
            Err(numbered(400, 15, "This method must be called with an app access_token."))
        }
    }
}

/// Parses a list of fields: separated by commas, or an array of names or of `{name}` objects.
fn field_list(value: Option<Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split(',').map(|f| f.trim().to_owned()).filter(|f| !f.is_empty()).collect(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(|i| i.as_str().or_else(|| i["name"].as_str())).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
