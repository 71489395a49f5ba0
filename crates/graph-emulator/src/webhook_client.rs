//! Meta's outgoing requests: webhook POSTs and challenge GETs. Must not decide what is sent or retried.

use std::time::Duration;

use crate::world::{Challenge, Handshake, OutgoingWebhook};

/// An HTTP client that behaves like Meta's: no redirects, a time limit, the same user agent.
#[derive(Debug)]
pub(crate) struct WebhookClient {
    client: reqwest::Client,
}

impl WebhookClient {
    pub(crate) fn new(timeout: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("facebookexternalua")
            .build()?;
        Ok(Self { client })
    }

    /// Posts one webhook and returns the status; `None` without an answer.
    pub(crate) async fn post(&self, outgoing: &OutgoingWebhook) -> Option<u16> {
        let answer = self
            .client
            .post(&outgoing.callback_url)
            .header("content-type", "application/json")
            .header("x-hub-signature-256", &outgoing.signature)
            .body(outgoing.body.clone())
            .send()
            .await;
        match answer {
            Ok(answer) => Some(answer.status().as_u16()),
            Err(error) => {
                tracing::debug!(callback = %outgoing.callback_url, %error, "webhook not delivered");
                None
            }
        }
    }

    /// Sends a challenge to a callback (facts §3.1).
    pub(crate) async fn handshake(&self, challenge: &Challenge) -> (Handshake, Option<u16>) {
        let answer = self
            .client
            .get(&challenge.callback_url)
            .query(&[
                ("hub.mode", "subscribe"),
                ("hub.challenge", &challenge.challenge),
                ("hub.verify_token", &challenge.verify_token),
            ])
            .send()
            .await;
        let Ok(answer) = answer else { return (Handshake::Unreachable, None) };
        let status = answer.status().as_u16();
        let echoed = answer.text().await.is_ok_and(|body| body.trim() == challenge.challenge);
        let outcome = if status == 200 && echoed { Handshake::Echoed } else { Handshake::Refused(status) };
        (outcome, Some(status))
    }
}
