//! Endpoints as their owners manage them: create, patch, enable, disable, delete, rotate the secret, send a test.
//! The caller has authorised the request. What is sent when is decided in `forwarding::worker`.

use std::collections::BTreeMap;

use domain::delivery::{DisabledReason, Format};
use domain::ids::{AccountId, ChannelId};
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::json;

use super::attempt::send_attempt;
use super::payload::Payload;
use crate::App;
use crate::flows::{FlowError, Refusal, retention};
use crate::store::deliveries::attempts::Attempt;
use crate::store::endpoints::{self, Endpoint, NewEndpoint};
use crate::store::ids::{DeliveryKey, EndpointId, EventId, ItemId};
use crate::store::{self, channels};

pub mod replay;
mod secrets;
mod settings;
mod verify;
pub mod view;

use secrets::check_or_generate;
use settings::{apply_patch, check_resolved};
use verify::verify_subscription;

/// How long requests carry the signature of the previous secret too, after a rotation.
pub const PREVIOUS_SECRET_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The most endpoints of an account.
const MAX_ENDPOINTS: usize = 50;

/// Changes to the settings of an endpoint. A `None` keeps the current value, or the default of a new endpoint.
#[derive(Debug, Clone, Default)]
pub struct EndpointPatch {
    /// The default is the host of the address.
    pub name: Option<String>,
    pub url: Option<SecretString>,
    /// The words of the kinds it wants.
    pub kinds: Option<Vec<String>>,
    /// Headers sent with every request.
    pub headers: Option<BTreeMap<String, SecretString>>,
    /// The most requests a second; 0 removes the limit.
    pub per_second: Option<u32>,
    /// Verifies the address with Meta's handshake before the change. Not stored.
    pub verify_token: Option<SecretString>,
}

/// The request to create an endpoint.
#[derive(Debug, Clone)]
pub struct CreateEndpoint {
    pub account: AccountId,
    /// Limits the endpoint to the events of one inbox.
    pub inbox: Option<ChannelId>,
    pub format: Format,
    /// The signing secret; generated when it is `None`.
    pub secret: Option<SecretString>,
    pub settings: EndpointPatch,
}

/// Creates an endpoint and returns it with its signing secret, which is shown only this once.
pub async fn create(app: &App, new: CreateEndpoint) -> Result<(Endpoint, SecretString), FlowError> {
    let mut patch = new.settings;
    let verify_token = patch.verify_token.take();
    let settings = apply_patch(app, new.format, None, patch)?;
    check_resolved(app, &settings).await?;
    let secret = check_or_generate(new.format, new.secret)?;
    if let Some(token) = &verify_token {
        verify_subscription(app, &settings, token).await?;
    }
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if let Some(inbox) = new.inbox
        && channels::find_in_account(&mut tx, new.account, inbox).await?.is_none()
    {
        return Err(FlowError::refused(Refusal::NotFound, "The inbox does not exist"));
    }
    if endpoints::list(&mut tx, new.account, None).await?.len() >= MAX_ENDPOINTS {
        return Err(invalid(format!("An account may have {MAX_ENDPOINTS} endpoints; delete one first")));
    }
    let row = NewEndpoint {
        account_id: new.account,
        channel_id: new.inbox,
        format: new.format,
        secret: secret.clone(),
        settings,
    };
    let id = endpoints::insert(&mut tx, &row, now).await?;
    let created = endpoints::find(&mut tx, id).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    Ok((created, secret))
}

/// Changes the settings of an endpoint, after a handshake when a verify token is given. When it returns, this process
/// sends by the new settings; other processes do so within seconds.
pub async fn patch(app: &App, endpoint: &Endpoint, mut patch: EndpointPatch) -> Result<Endpoint, FlowError> {
    let verify_token = patch.verify_token.take();
    let wanted = apply_patch(app, endpoint.format, Some(&endpoint.settings), patch.clone())?;
    check_resolved(app, &wanted).await?;
    if let Some(token) = &verify_token {
        verify_subscription(app, &wanted, token).await?;
    }
    let mut tx = app.store.write().await?;
    // the settings may have changed during the handshake: the patch is applied to the current ones
    let current = endpoints::find(&mut tx, endpoint.id).await?.ok_or_else(not_found)?;
    let settings = apply_patch(app, endpoint.format, Some(&current.settings), patch)?;
    endpoints::update_settings(&mut tx, endpoint.id, &settings, app.clock.now()).await?;
    commit_and_apply(app, tx, endpoint.id).await
}

/// Replaces the signing secret by the given or a generated one. Requests carry both signatures for
/// [`PREVIOUS_SECRET_LIFETIME`].
pub async fn rotate_secret(
    app: &App,
    endpoint: &Endpoint,
    secret: Option<SecretString>,
) -> Result<(Endpoint, SecretString), FlowError> {
    let secret = check_or_generate(endpoint.format, secret)?;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    endpoints::rotate_secret(&mut tx, endpoint.id, &secret, now + PREVIOUS_SECRET_LIFETIME, now).await?;
    Ok((commit_and_apply(app, tx, endpoint.id).await?, secret))
}

/// Enables a disabled endpoint. With `from_now` its cursor skips the events that arrived meanwhile. An endpoint that is
/// enabled already keeps its cursor.
pub async fn enable(app: &App, endpoint: &Endpoint, from_now: bool) -> Result<Endpoint, FlowError> {
    let mut tx = app.store.write().await?;
    if endpoints::enable(&mut tx, endpoint.id, app.clock.now()).await? && from_now {
        endpoints::skip_to_now(&mut tx, endpoint.id).await?;
    }
    commit_and_apply(app, tx, endpoint.id).await
}

/// Deletes an endpoint with its pending deliveries and its attempts. They may be millions of rows and go in batches, since
/// no webhook is stored during one transaction with SQLite.
pub async fn delete(app: &App, endpoint: &Endpoint) -> Result<(), FlowError> {
    disable(app, endpoint).await?;
    retention::purge_deliveries_of(app, endpoint.id, EventId(i64::MAX), usize::MAX).await?;
    let mut tx = app.store.write().await?;
    if !endpoints::delete(&mut tx, endpoint.account_id, endpoint.id).await? {
        return Err(not_found());
    }
    tx.commit().await?;
    Ok(())
}

/// Disables an endpoint until [`enable`].
pub async fn disable(app: &App, endpoint: &Endpoint) -> Result<Endpoint, FlowError> {
    let mut tx = app.store.write().await?;
    endpoints::disable(&mut tx, endpoint.id, DisabledReason::SwitchedOff, app.clock.now()).await?;
    commit_and_apply(app, tx, endpoint.id).await
}

/// Sends a made-up message and returns the attempt. Nothing is stored.
pub async fn send_test(app: &App, endpoint: &Endpoint) -> Attempt {
    let now = app.clock.now();
    let message = json!({ "from": "15550199999", "id": "wamid.TEST", "timestamp": now.as_second().to_string(),
        "type": "text", "text": { "body": "A test from Linekeeper" } });
    let metadata = json!({ "display_phone_number": "15550100000", "phone_number_id": "0" });
    let contact = json!({ "profile": { "name": "Test" }, "wa_id": "15550199999" });
    let body = match endpoint.format {
        Format::Meta => {
            let value = json!({ "messaging_product": "whatsapp", "metadata": metadata, "contacts": [contact],
                "messages": [message] });
            json!({ "object": "whatsapp_business_account",
                "entry": [{ "id": "0", "changes": [{ "field": "messages", "value": value }] }] })
        }
        Format::Standard => json!({ "type": "linekeeper.test", "timestamp": now.to_string(),
            "data": { "account_id": endpoint.account_id.0, "message": message } }),
    };
    let id = format!("evt_test_{}", now.as_microsecond());
    let payload = Payload { id, body: body.to_string().into() };
    let key = DeliveryKey { event: EventId(0), item: ItemId::WHOLE };
    send_attempt(app, endpoint, key, &payload, 1).await.1
}

/// Commits a change and waits until this process has applied it.
async fn commit_and_apply(app: &App, mut tx: store::Tx, id: EndpointId) -> Result<Endpoint, FlowError> {
    let changed = endpoints::find(&mut tx, id).await?.ok_or_else(not_found)?;
    tx.commit().await?;
    app.notifier.apply_endpoint_changes().await;
    Ok(changed)
}

fn not_found() -> FlowError {
    FlowError::refused(Refusal::NotFound, "The endpoint does not exist")
}

fn invalid(text: impl Into<String>) -> FlowError {
    FlowError::refused(Refusal::InvalidParameter, text)
}
