//! Set-up of a channel at Meta: register where due and subscribe the webhooks, side by side
//! (rows W1 to W13). Called by signup and re-authorisation.

use domain::channel::{Channel, Onboarding};
use domain::ids::ChannelId;
use domain::meta::failure::Failure;
use domain::meta::reading::{CodeVerification, NumberReading, Provisioned, SubscribedApp};
use domain::registration::ledger::Outcome;
use domain::registration::{Caller, decide};
use jiff::{SignedDuration, Timestamp};

use crate::App;
use crate::flows::number::assessment::assess_and_announce;
use crate::flows::number::reading::{apply_reading, as_reads, read_for_setup, read_number};
use crate::flows::number::record::NumberRecord;
use crate::flows::queue::{Job, enqueue};
use crate::flows::{FlowError, Refusal, registration, subscription};

/// What was read before set-up begins.
#[derive(Debug, Clone)]
pub(super) struct InitialReads {
    /// `fields=code_verification_status`.
    pub(super) verification: Result<Option<CodeVerification>, Failure>,
    /// The field tier.
    pub(super) health: Result<NumberReading, Failure>,
    /// The account's subscriptions; `None` where they could not be read yet.
    pub(super) apps: Option<Vec<SubscribedApp>>,
}

/// What set-up came to.
#[derive(Debug, Clone)]
pub struct SetupResult {
    /// W8: why the webhooks are not set up.
    pub webhook_error: Option<String>,
}

/// The whole operation for a channel that exists, its two reads included.
pub async fn set_up(app: &App, channel_id: Option<ChannelId>) -> Result<SetupResult, FlowError> {
    let record = load(app, channel_id).await?;
    let (verification, health) = read_for_setup(app, &record).await;
    run(app, channel_id, InitialReads { verification, health, apps: None }).await
}

/// Registers and subscribes side by side, then reads the number again (E8, E9).
pub(super) async fn run(
    app: &App,
    channel_id: Option<ChannelId>,
    before: InitialReads,
) -> Result<SetupResult, FlowError> {
    let mut record = load(app, channel_id).await?;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    apply_reading(&mut tx, &mut record, &before.health, None, now).await?;
    tx.commit().await?;
    let reads = as_reads(&before.verification, &before.health);
    if let Err(failure) = &before.verification {
        tracing::warn!("[WHATSAPP] Phone verification status check failed: {}", failure.message);
    }
    // one chain: what the number says after the call; the webhooks are the other (five round trips in all)
    let register = async {
        let decision = decide(Caller::SetUp, &reads, &record.history, now);
        tracing::info!(channel = record.channel.id.0, why = ?decision.why(), "set-up decided about registering");
        let did = registration::act(app, &record, &reads, Caller::SetUp, &decision).await?;
        let asked_at = app.clock.now();
        Ok::<_, FlowError>((did, read_number(app, &record).await, asked_at))
    };
    let (registered, subscribed) = tokio::join!(register, subscription::subscribe(app, &record, before.apps));
    let (did, read, asked_at) = registered?;
    let webhook_error = match subscribed {
        Ok(_) => None,
        Err(FlowError::Meta(failure)) => Some(subscription::setup_failed(&FlowError::Meta(failure)).to_string()),
        Err(error) => return Err(error),
    };
    apply_second_reading(app, &mut record, &read, asked_at).await?;
    enqueue_follow_ups(app, &record.channel, webhook_error.is_some(), did.outcome.as_ref()).await?;
    Ok(SetupResult { webhook_error })
}

async fn load(app: &App, channel_id: Option<ChannelId>) -> Result<NumberRecord, FlowError> {
    let record = match channel_id {
        Some(id) => NumberRecord::load(app, id).await?,
        None => None,
    };
    NumberRecord::check_complete(record.as_ref())?;
    record.ok_or_else(|| FlowError::refused(Refusal::MissingParameter, "Channel is required"))
}

/// The re-read: what the number says now is what counts. Its failure never fails set-up (E9). It is dated
/// when it was asked for: it may not show a callback that was set meanwhile.
async fn apply_second_reading(
    app: &App,
    record: &mut NumberRecord,
    read: &Result<NumberReading, Failure>,
    asked_at: Timestamp,
) -> Result<(), FlowError> {
    let phone = record.channel.phone_number.clone();
    match read {
        Ok(reading) if reading.provisioned() == Provisioned::No => {
            tracing::info!(channel = record.channel.id.0, "[WHATSAPP] Channel {phone} is still pending at Meta");
        }
        Ok(_) => tracing::info!("[WHATSAPP] Channel {phone} health check passed"),
        Err(failure) => {
            tracing::warn!("[WHATSAPP] Health check failed for channel {phone}: {}", failure.message);
        }
    }
    let mut tx = app.store.write().await?;
    apply_reading(&mut tx, record, read, None, asked_at).await?;
    tx.commit().await?;
    assess_and_announce(app, &record.channel).await?;
    Ok(())
}

/// Hands over to the jobs: the planner, the subscription where it failed, health, coexistence.
async fn enqueue_follow_ups(
    app: &App,
    channel: &Channel,
    webhook_failed: bool,
    outcome: Option<&Outcome>,
) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let register_at = if matches!(outcome, Some(Outcome::Success)) { now + SignedDuration::from_secs(5) } else { now };
    enqueue(&mut tx, &Job::Register(channel.id), register_at).await?;
    enqueue(&mut tx, &Job::Health(channel.id), now + SignedDuration::from_secs(30)).await?;
    if webhook_failed {
        enqueue(&mut tx, &Job::Subscribe(channel.id), now + SignedDuration::from_secs(30)).await?;
    }
    if channel.onboarding == Onboarding::Coexistence {
        enqueue(&mut tx, &Job::Coexistence(channel.id), now).await?;
    }
    tx.commit().await?;
    app.notifier.notify_jobs();
    Ok(())
}
