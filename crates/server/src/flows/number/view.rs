//! Everything known of a number's health, for an answer of the API, a page or a command.

use domain::channel::{Channel, callback_url};
use domain::health::{HealthReport, assess};
use domain::meta::failure::Failure;
use domain::meta::reading::{NumberReading, Provisioned, WabaReading};
use domain::registration::Caller;
use jiff::Timestamp;

use super::context;
use super::record::{RegistrationState, registration_state};
use crate::App;
use crate::flows::FlowError;
use crate::store::channels::Webhook;

/// Everything known of a number's health, for an answer or a page.
#[derive(Debug, Clone)]
pub struct View {
    /// The number.
    pub channel: Channel,
    /// Meta's facts about it.
    pub reading: NumberReading,
    /// Meta's facts about its account.
    pub waba: WabaReading,
    /// When they were read.
    pub checked_at: Option<Timestamp>,
    /// The failure of a read after that.
    pub error: Option<Failure>,
    /// When it failed.
    pub error_at: Option<Timestamp>,
    /// The judgement.
    pub report: HealthReport,
    /// What is known of its callbacks.
    pub webhook: Webhook,
    /// Where its registration stands.
    pub registration: RegistrationState,
    /// The origin's member: somebody should look at it (E8).
    pub reauthorization_required: bool,
    /// The callback we want set.
    pub expected_webhook_url: String,
}

/// From the store alone.
pub async fn view(app: &App, channel: &Channel) -> Result<View, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let known = context::load(app, &mut tx, channel, now).await?;
    drop(tx);
    let registration = registration_state(app, channel, Caller::Planner).await?;
    let report = assess(&known.snapshot, &known.context, now);
    let token_gone = known.error.as_ref().is_some_and(Failure::is_access) || known.token_dead;
    Ok(View {
        reauthorization_required: token_gone || known.snapshot.reading.provisioned() == Provisioned::No,
        channel: channel.clone(),
        reading: known.snapshot.reading,
        waba: known.snapshot.waba,
        checked_at: known.snapshot.checked_at,
        error: known.error,
        error_at: known.error_at,
        report,
        webhook: known.webhook,
        registration,
        expected_webhook_url: callback_url(&app.config.public_url, &channel.phone_number),
    })
}
