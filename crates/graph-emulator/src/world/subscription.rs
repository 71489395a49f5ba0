//! Callbacks on three levels and the handshake each must pass (facts §1.9, §1.11, §1.12, §3.1). Must not send.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::{GraphError, missing, no_such_object, numbered};
use super::number::Override;
use super::request::{Answer, Challenge, Handshake};
use super::token::Caller;
use super::waba::{AppSubscription, Waba};
use super::{Context, Done, Outcome, Request, World, success};

const OBJECT: &str = "whatsapp_business_account";

/// What a passed handshake puts in place.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChallengeFor {
    App { object: String, fields: Vec<String>, include_values: bool },
    Waba,
    Number,
}

/// A call that waits for its callback to answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingChallenge {
    target: ChallengeFor,
    app_id: String,
    node: String,
    callback_url: String,
    verify_token: String,
    /// The call's path, to finish its reply alike.
    path: String,
}

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

    pub(crate) fn list_subscribed_apps(&self, c: &Context<'_>) -> Outcome {
        Ok(Done::Body(self.subscribed_apps(self.waba_of(c)?)))
    }

    /// A bare call subscribes and **erases** an override (facts §1.11).
    pub(crate) fn subscribe_app(&mut self, c: &Context<'_>) -> Outcome {
        let subscribed = self.waba_of(c)?.subscriptions.contains_key(c.caller.app_id());
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
        self.ask_challenge(c, &url, &verify_token, ChallengeFor::Waba)
    }

    pub(crate) fn unsubscribe_app(&mut self, c: &Context<'_>) -> Outcome {
        self.waba_of(c)?;
        if let Some(waba) = self.wabas.get_mut(&c.route.id) {
            waba.subscriptions.remove(c.caller.app_id());
        }
        Ok(success())
    }

    pub(crate) fn read_subscriptions(&self, c: &Context<'_>) -> Outcome {
        let app = self.apps.get(app_of(c)?).ok_or_else(|| no_such_object("GET", &c.route.id))?;
        let version = format!("v{}.0", c.route.version);
        let item = |(object, s): (&String, &AppSubscription)| {
            let fields: Vec<Value> = s.fields.iter().map(|f| json!({"name": f, "version": version})).collect();
            json!({"object": object, "callback_url": s.callback_url, "active": true, "fields": fields})
        };
        Ok(Done::Body(json!({"data": app.subscriptions.iter().map(item).collect::<Vec<_>>()})))
    }

    pub(crate) fn change_subscription(&mut self, c: &Context<'_>) -> Outcome {
        app_of(c)?;
        let object = c.request.text("object").ok_or_else(|| missing("object"))?;
        let url = c.request.text("callback_url").ok_or_else(|| missing("callback_url"))?;
        let verify_token = c.request.text("verify_token").unwrap_or_default();
        let fields = field_list(c.request.value("fields"));
        let include_values = c.request.flag("include_values");
        self.ask_challenge(c, &url, &verify_token, ChallengeFor::App { object, fields, include_values })
    }

    pub(crate) fn drop_subscription(&mut self, c: &Context<'_>) -> Outcome {
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

    /// Starts a handshake; the call answers once it is over.
    pub(crate) fn ask_challenge(
        &mut self,
        c: &Context<'_>,
        url: &str,
        verify_token: &str,
        target: ChallengeFor,
    ) -> Outcome {
        if url.chars().count() > 200 || !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(numbered(400, 100, "override_callback_uri must be a valid URL of at most 200 characters"));
        }
        let id = self.outbox.next_id();
        let challenge = self.ids.digits(10);
        let pending = PendingChallenge {
            target,
            app_id: c.caller.app_id().to_owned(),
            node: c.route.id.clone(),
            callback_url: url.to_owned(),
            verify_token: verify_token.to_owned(),
            path: c.request.path.clone(),
        };
        self.challenges.insert(id, pending);
        Ok(Done::Challenge(Challenge {
            id,
            callback_url: url.to_owned(),
            verify_token: verify_token.to_owned(),
            challenge,
        }))
    }

    /// Ends the call that `id`'s handshake belongs to.
    pub fn challenged(&mut self, id: u64, outcome: &Handshake, now: Timestamp) -> Answer {
        let Some(pending) = self.challenges.remove(&id) else {
            let request = Request::new(super::Method::Post, "/");
            let route = self.route(&request);
            return Answer::Reply(self.reply(&request, &route, Err(GraphError::new(500, 1, "Unknown error")), now));
        };
        let request = Request::new(super::Method::Post, pending.path.clone());
        let route = self.route(&request);
        let outcome = match refusal(outcome) {
            None => {
                self.put_in_place(pending);
                Ok(json!({"success": true}))
            }
            Some(why) => {
                // App level is the known text; the others are not documented (facts D18).
                let code = if matches!(pending.target, ChallengeFor::App { .. }) { 2200 } else { 100 };
                Err(numbered(400, code, &format!("Callback verification failed with the following errors: {why}")))
            }
        };
        Answer::Reply(self.reply(&request, &route, outcome, now))
    }

    fn put_in_place(&mut self, pending: PendingChallenge) {
        let PendingChallenge { target, app_id, node, callback_url, verify_token, path: _ } = pending;
        match target {
            ChallengeFor::App { object, fields, include_values } => {
                if let Some(app) = self.apps.get_mut(&node) {
                    let subscription = AppSubscription { callback_url, verify_token, fields, include_values };
                    app.subscriptions.insert(object, subscription);
                }
            }
            ChallengeFor::Waba => {
                // Unsubscribed meanwhile: there is nothing left to override.
                if let Some(over) = self.wabas.get_mut(&node).and_then(|w| w.subscriptions.get_mut(&app_id)) {
                    *over = Some(Override { callback_url, verify_token });
                }
            }
            ChallengeFor::Number => {
                if let Some(number) = self.numbers.get_mut(&node) {
                    number.overrides.insert(app_id, Override { callback_url, verify_token });
                }
            }
        }
    }

    /// Sets the app-level callback without a handshake, as a dashboard set-up long ago would have.
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

    /// Subscribes the default app to a WABA, with an override where one is given.
    pub fn subscribe_waba(&mut self, waba_id: &str, over: Option<Override>) {
        let id = self.default_app().to_owned();
        if let Some(waba) = self.wabas.get_mut(waba_id) {
            waba.subscriptions.insert(id, over);
        }
    }

    /// Takes the default app's subscription of a WABA away, as another product of the customer might.
    pub fn unsubscribe_waba(&mut self, waba_id: &str) {
        let id = self.default_app().to_owned();
        if let Some(waba) = self.wabas.get_mut(waba_id) {
            waba.subscriptions.remove(&id);
        }
    }
}

fn refusal(outcome: &Handshake) -> Option<String> {
    match outcome {
        Handshake::Echoed => None,
        Handshake::Refused(200) => Some("The response does not match the challenge".to_owned()),
        Handshake::Refused(status) => Some(format!("HTTP Status Code = {status}")),
        Handshake::Unreachable => Some("Couldn't connect to server".to_owned()),
    }
}

/// App routes want the app's own token.
fn app_of<'a>(c: &'a Context<'_>) -> Result<&'a str, GraphError> {
    match &c.caller {
        Caller::App { app_id } if *app_id == c.route.id => Ok(app_id),
        Caller::App { .. } => Err(no_such_object(c.request.method.as_str(), &c.route.id)),
        Caller::Partner { .. } | Caller::Customer { .. } => {
            Err(numbered(400, 15, "This method must be called with an app access_token."))
        }
    }
}

/// A comma list or an array, of names or of `{name}` objects.
fn field_list(value: Option<Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split(',').map(|f| f.trim().to_owned()).filter(|f| !f.is_empty()).collect(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(|i| i.as_str().or_else(|| i["name"].as_str())).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
