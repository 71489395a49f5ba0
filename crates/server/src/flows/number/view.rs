//! Everything known of a number's health, for an answer of the API, a page or a command.

use domain::channel::{Channel, callback_url};
use domain::health::{Card, HealthReport, WebhookFacts, assess, cards};
use domain::ids::ChannelId;
use domain::meta::failure::Failure;
use domain::meta::reading::{NumberReading, Provisioned, WabaReading};
use domain::registration::Caller;
use jiff::Timestamp;

use super::context::AssessmentInput;
use super::record::{NumberRecord, RegistrationState};
use crate::App;
use crate::flows::FlowError;
use crate::store::channels::Webhook;

/// The health of a number over the stored facts. Report and cards are made from the same facts, so that they
/// cannot contradict each other.
#[derive(Debug, Clone)]
pub struct View {
    pub channel: Channel,
    pub reading: NumberReading,
    pub waba: WabaReading,
    /// When the number was last read with success; `None` when it never was.
    pub checked_at: Option<Timestamp>,
    /// The failure of a read after that.
    pub error: Option<Failure>,
    pub error_at: Option<Timestamp>,
    pub report: HealthReport,
    /// The Account Health cards, in the page's order.
    pub cards: Vec<Card>,
    /// The webhook facts the report and the cards are made from.
    pub webhook_facts: WebhookFacts,
    /// What is stored about the callbacks: dates, addresses and Meta's refusals.
    pub webhook: Webhook,
    /// The state for the planner as the caller.
    pub registration: RegistrationState,
    /// E8, the origin's member: the token is gone or the number is not registered.
    pub reauthorization_required: bool,
    /// The callback this installation wants set at Meta.
    pub expected_webhook_url: String,
}

/// Loads a number and assesses it for showing.
pub async fn load(app: &App, id: ChannelId) -> Result<View, FlowError> {
    let record = NumberRecord::load_or_refuse(app, id).await?;
    Ok(view(app, &record, app.clock.now()))
}

/// Loads several numbers in one statement and assesses them for showing; numbers that are gone are left out.
pub async fn load_many(app: &App, ids: &[ChannelId]) -> Result<Vec<View>, FlowError> {
    let records = NumberRecord::load_many(app, ids).await?;
    let now = app.clock.now();
    Ok(records.iter().map(|record| view(app, record, now)).collect())
}

/// Assesses a record for showing. Reads nothing at Meta and stores nothing.
pub fn view(app: &App, record: &NumberRecord, now: Timestamp) -> View {
    let AssessmentInput { snapshot, context } = AssessmentInput::new(app, record, now);
    let stored = &record.snapshot;
    let token_is_gone =
        stored.error.as_ref().is_some_and(Failure::is_access_failure) || record.token.dead_since.is_some();
    View {
        report: assess(&snapshot, &context, now),
        cards: cards(&snapshot, &context, now),
        reauthorization_required: token_is_gone || snapshot.reading.provisioned() == Provisioned::No,
        channel: record.channel.clone(),
        reading: snapshot.reading,
        waba: snapshot.waba,
        checked_at: stored.checked_at,
        error: stored.error.clone(),
        error_at: stored.error_at,
        webhook_facts: context.webhooks,
        webhook: record.webhook.clone(),
        registration: record.registration_state(Caller::Planner, now),
        expected_webhook_url: callback_url(&app.config.public_url, &record.channel.phone_number),
    }
}
