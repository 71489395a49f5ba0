//! Verification of an endpoint that was written for Meta: the subscription handshake with a challenge.

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use outbound::exchange::Request;
use secrecy::{ExposeSecret as _, SecretString};

use super::invalid;
use crate::App;
use crate::flows::FlowError;
use crate::runtime::clock::random_token;
use crate::store::endpoints::Settings;

/// Sends a challenge as Meta does and expects it back in a 200.
pub(super) async fn verify_subscription(
    app: &App,
    settings: &Settings,
    verify_token: &SecretString,
) -> Result<(), FlowError> {
    let challenge = random_token(16);
    let request = Request {
        url: &settings.url,
        headers: settings.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        body: bytes::Bytes::new(),
        deadline: Duration::from_secs(app.config.delivery.deadline_seconds),
    };
    let query = [
        ("hub.mode", "subscribe"),
        ("hub.challenge", challenge.expose_secret()),
        ("hub.verify_token", verify_token.expose_secret()),
    ];
    let reply = app.outbound.get(request, &query).await;
    let reply = reply.map_err(|error| failed(&format!("it gave no answer: {error}")))?;
    if reply.status != 200 {
        return Err(failed(&format!("it answered {} instead of 200", reply.status)));
    }
    let answer = reply.body_start.trim();
    if verify_slices_are_equal(answer.as_bytes(), challenge.expose_secret().as_bytes()).is_err() {
        return Err(failed("it answered 200, and not with the challenge it was sent"));
    }
    Ok(())
}

fn failed(why: &str) -> FlowError {
    invalid(format!(
        "The handshake failed: {why}. The endpoint was asked with hub.mode, hub.challenge and hub.verify_token, as Meta \
         asks; is the verify token the one it expects?"
    ))
}
