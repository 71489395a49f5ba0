//! Calls that change something at Meta, on one account. Each is sent once and never repeated here: a flow that got no
//! answer reads first (policy, decision rule 4).

use domain::ids::PhoneNumberId;
use domain::meta::failure::Failure;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Account;
use crate::client::call::Call;
use crate::wire::text;
use crate::{CodeMethod, SyncKind};

impl Account<'_> {
    /// Registers the number for messaging (facts §1.7). One of ten calls in 72 h.
    pub async fn register(&self, id: &PhoneNumberId, pin: &SecretString) -> Result<(), Failure> {
        let body = json!({ "messaging_product": "whatsapp", "pin": pin.expose_secret() });
        let call = Call::post("/{phone}/register", id.as_str()).json(body);
        self.change(call, &[pin]).await
    }

    /// Takes the number off the Cloud API (facts §1.8). Assumed to count as a register call.
    pub async fn deregister(&self, id: &PhoneNumberId) -> Result<(), Failure> {
        self.change(Call::post("/{phone}/deregister", id.as_str()), &[]).await
    }

    /// Has Meta send a verification code (facts §1.10); `language` such as `en_US`.
    pub async fn request_code(&self, id: &PhoneNumberId, method: CodeMethod, language: &str) -> Result<(), Failure> {
        let form = vec![("code_method", method.into_str()), ("language", language)];
        self.change(Call::post("/{phone}/request_code", id.as_str()).form(form), &[]).await
    }

    /// Hands Meta the code its owner received (facts §1.10).
    pub async fn verify_code(&self, id: &PhoneNumberId, code: &SecretString) -> Result<(), Failure> {
        let form = vec![("code", code.expose_secret())];
        self.change(Call::post("/{phone}/verify_code", id.as_str()).form(form), &[code]).await
    }

    /// Sets the two-step PIN without the old one (facts §1.9; before registration unproven, D3).
    pub async fn set_pin(&self, id: &PhoneNumberId, pin: &SecretString) -> Result<(), Failure> {
        let body = json!({ "pin": pin.expose_secret() });
        self.change(Call::post("/{phone}", id.as_str()).json(body), &[pin]).await
    }

    /// Subscribes our app to the account's webhooks. **Erases an account override**: read first
    /// (facts §1.11).
    pub async fn subscribe(&self) -> Result<(), Failure> {
        self.change(Call::post("/{waba}/subscribed_apps", self.waba.as_str()), &[]).await
    }

    /// Sets the account override; Meta checks the callback at once, and our app must be subscribed
    /// before (facts §1.11).
    pub async fn subscribe_with_override(&self, url: &str, verify_token: &SecretString) -> Result<(), Failure> {
        let body = callback(url, verify_token);
        self.change(Call::post("/{waba}/subscribed_apps", self.waba.as_str()).json(body), &[verify_token]).await
    }

    /// Removes our app's subscription and override (facts §1.11).
    pub async fn unsubscribe(&self) -> Result<(), Failure> {
        self.change(Call::delete("/{waba}/subscribed_apps", self.waba.as_str()), &[]).await
    }

    /// Sets the number's own override, which wins over the account's (facts §1.9).
    pub async fn set_number_override(
        &self,
        id: &PhoneNumberId,
        url: &str,
        verify_token: &SecretString,
    ) -> Result<(), Failure> {
        let body = json!({ "webhook_configuration": callback(url, verify_token) });
        self.change(Call::post("/{phone}", id.as_str()).json(body), &[verify_token]).await
    }

    /// Removes the number's own override (facts §1.9).
    pub async fn clear_number_override(&self, id: &PhoneNumberId) -> Result<(), Failure> {
        let body = json!({ "webhook_configuration": { "override_callback_uri": "" } });
        self.change(Call::post("/{phone}", id.as_str()).json(body), &[]).await
    }

    /// Asks for what the phone's app holds (facts §1.15): contacts, then history, each once within
    /// 24 h. Answers Meta's request id.
    pub async fn sync_coexistence(&self, id: &PhoneNumberId, kind: SyncKind) -> Result<String, Failure> {
        let body = json!({ "messaging_product": "whatsapp", "sync_type": kind.into_str() });
        let call = self.here(Call::post("/{phone}/smb_app_data", id.as_str()).json(body));
        let answer = self.client.send(call).await?;
        text(&answer.body, "request_id").ok_or_else(|| answer.unexpected("request_id"))
    }

    async fn change<'b>(&'b self, call: Call<'b>, secrets: &[&'b SecretString]) -> Result<(), Failure> {
        let call = secrets.iter().fold(self.here(call), |call, secret| call.secret(secret.expose_secret()));
        self.client.send(call).await?.success()
    }
}

fn callback(url: &str, verify_token: &SecretString) -> Value {
    json!({ "override_callback_uri": url, "verify_token": verify_token.expose_secret() })
}
