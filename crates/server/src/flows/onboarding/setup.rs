//! Set-up of a channel at Meta: registers where due and subscribes the webhooks, at the same time
//! (rows W1 to W13). Called by signup and re-authorisation.

use domain::channel::Onboarding;
use domain::ids::ChannelId;
use domain::meta::failure::Failure;
use domain::meta::reading::{NumberReading, Provisioned, SubscribedApp};
use domain::registration::ledger::AttemptOutcome;
use domain::registration::{Caller, decide};
use jiff::{SignedDuration, Timestamp};

use crate::App;
use crate::flows::number::assessment::assess_and_announce;
use crate::flows::number::reading::{SetupReads, apply_reading, read_number};
use crate::flows::number::record::{NumberRecord, not_found};
use crate::flows::queue::{Job, enqueue};
use crate::flows::registration::{Step, execute, write_step};
use crate::flows::{FlowError, Refusal, subscription, token};

/// What was read of a channel before its set-up begins.
#[derive(Debug, Clone)]
pub(super) struct InitialReads {
    /// When Meta was asked.
    pub(super) asked_at: Timestamp,
    pub(super) number: SetupReads,
    /// The WABA's subscriptions; `None` where they were not read.
    pub(super) apps: Option<Vec<SubscribedApp>>,
}

/// What set-up came to; a registration that failed is retried and never fails it.
#[derive(Debug, Clone)]
pub struct SetupResult {
    /// W8: why the webhooks are not set up.
    pub webhook_error: Option<String>,
}

/// Sets up a channel that exists, its two reads included.
pub async fn set_up(app: &App, channel_id: Option<ChannelId>) -> Result<SetupResult, FlowError> {
    let record = match channel_id {
        Some(id) => NumberRecord::load(app, id).await?,
        None => None,
    };
    NumberRecord::check_complete(record.as_ref())?;
    let record = record.ok_or_else(|| FlowError::refused(Refusal::MissingParameter, "Channel is required"))?;
    let asked_at = app.clock.now();
    let number = SetupReads::read(app, &record).await;
    run(app, record, InitialReads { asked_at, number, apps: None }).await
}

/// Registers and subscribes at the same time, then reads the number again (E8, E9).
pub(super) async fn run(app: &App, record: NumberRecord, initial: InitialReads) -> Result<SetupResult, FlowError> {
    NumberRecord::check_complete(Some(&record))?;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let mut record = NumberRecord::load_for_update(&mut tx, &record.channel).await?.ok_or_else(not_found)?;
    let applied = apply_reading(&mut tx, &mut record, &initial.number.health, None, initial.asked_at).await?;
    if let Err(failure) = &initial.number.verification {
        tracing::warn!("[WHATSAPP] Phone verification status check failed: {}", failure.message);
    }
    let reads = initial.number.for_decision(applied.health);
    let decision = decide(Caller::SetUp, &reads, &applied.history, now);
    tracing::info!(channel = record.channel.id.0, why = ?decision.reason(), "set-up decided about registering");
    let step = write_step(&mut tx, &mut record, &decision, now).await?;
    tx.commit().await?;
    // one chain registers and reads again, the other subscribes: five round trips in all
    let register = async {
        let outcome = match &step {
            Step::Call(intent) => execute(app, &record, intent).await?,
            Step::Settled | Step::Nothing => None,
        };
        let asked_at = app.clock.now();
        Ok::<_, FlowError>((outcome, read_number(app, &record).await, asked_at))
    };
    let configuration = initial.number.health.as_ref().ok().and_then(|reading| reading.webhook_configuration.as_ref());
    let (registered, changed) =
        tokio::join!(register, subscription::change(app, &record, configuration, initial.apps.clone()));
    let (outcome, reading, asked_at) = registered?;
    log_second_reading(&record, &reading);
    let mut tx = app.store.write().await?;
    let mut record = NumberRecord::load_for_update(&mut tx, &record.channel).await?.ok_or_else(not_found)?;
    let route = subscription::store_change(app, &mut tx, &mut record, &changed, None, None).await?;
    let webhook_error =
        subscription::failure_of(&changed, &route).map(|cause| subscription::setup_failed(&cause).to_string());
    // what the number says now counts. The reading is dated when it was asked for: it does not show a callback
    // that was set meanwhile, which the follow-up reads
    apply_reading(&mut tx, &mut record, &reading, None, asked_at).await?;
    let now = app.clock.now();
    for (job, run_at) in follow_ups(&record, webhook_error.is_some(), outcome.as_ref(), now) {
        enqueue(&mut tx, &job, run_at);
    }
    assess_and_announce(app, &mut tx, &mut record, now).await?;
    tx.commit().await?;
    Ok(SetupResult { webhook_error })
}

/// The second reading in the origin's log lines; its failure never fails set-up (E9).
fn log_second_reading(record: &NumberRecord, reading: &Result<NumberReading, Failure>) {
    let phone = &record.channel.phone_number;
    match reading {
        Ok(reading) if reading.provisioned() == Provisioned::No => {
            tracing::info!(channel = record.channel.id.0, "[WHATSAPP] Channel {phone} is still pending at Meta");
        }
        Ok(_) => tracing::info!("[WHATSAPP] Channel {phone} health check passed"),
        Err(failure) => {
            tracing::warn!("[WHATSAPP] Health check failed for channel {phone}: {}", failure.message);
        }
    }
}

/// The jobs that continue after set-up: the planner, health, the subscription where it failed, coexistence.
fn follow_ups(
    record: &NumberRecord,
    webhook_failed: bool,
    outcome: Option<&AttemptOutcome>,
    now: Timestamp,
) -> Vec<(Job, Timestamp)> {
    let id = record.channel.id;
    let soon = now + SignedDuration::from_secs(30);
    let register_at =
        if matches!(outcome, Some(AttemptOutcome::Success)) { now + SignedDuration::from_secs(5) } else { now };
    let mut jobs = vec![(Job::Register(id), register_at), (Job::Health(id), soon)];
    jobs.push((Job::Token(id), now + token::WATCH_INTERVAL));
    if webhook_failed {
        jobs.push((Job::Subscribe(id), soon));
    }
    if record.channel.onboarding == Onboarding::Coexistence {
        jobs.push((Job::Coexistence(id), now));
    }
    jobs
}
