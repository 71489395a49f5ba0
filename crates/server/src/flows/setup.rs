//! Set-up of a channel at Meta: register where due and subscribe the webhooks, side by side
//! (rows W1 to W13). Called by signup and re-authorisation.

use domain::channel::{Channel, Onboarding};
use domain::ids::ChannelId;
use domain::meta::failure::Failure;
use domain::meta::reading::{CodeVerification, NumberReading, Provisioned, SubscribedApp};
use domain::registration::ledger::Outcome;
use domain::registration::{Caller, decide};
use domain::signup::missing_for_setup;
use graph_api::SyncKind;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::facts::{self, Loaded};
use super::{FlowError, Next, Refusal, health, registration, subscription};
use crate::App;
use crate::flows::queue::{Job, enqueue};

/// Contacts and history can be asked for within a day of onboarding, each once (facts §1.15).
const SYNC_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// What was read before set-up begins.
#[derive(Debug, Clone)]
pub(super) struct Before {
    /// `fields=code_verification_status`.
    pub(super) verification: Result<Option<CodeVerification>, Failure>,
    /// The field tier.
    pub(super) health: Result<NumberReading, Failure>,
    /// The account's subscriptions; `None` where they could not be read yet.
    pub(super) apps: Option<Vec<SubscribedApp>>,
}

/// What set-up came to.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// W8: why the webhooks are not set up.
    pub webhook_error: Option<String>,
}

/// The whole operation for a channel that exists, its two reads included.
pub async fn again(app: &App, channel_id: Option<ChannelId>) -> Result<SetUp, FlowError> {
    let loaded = load(app, channel_id).await?;
    let (verification, health) = facts::read_both(app, &loaded).await;
    run(app, channel_id, Before { verification, health, apps: None }).await
}

/// Registers and subscribes side by side, then reads the number again (E8, E9).
pub(super) async fn run(app: &App, channel_id: Option<ChannelId>, before: Before) -> Result<SetUp, FlowError> {
    let mut loaded = load(app, channel_id).await?;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    facts::keep(&mut tx, &mut loaded, &before.health, None, now).await?;
    tx.commit().await?;
    let reads = facts::as_reads(&before.verification, &before.health);
    if let Err(failure) = &before.verification {
        tracing::warn!("[WHATSAPP] Phone verification status check failed: {}", failure.message);
    }
    // one chain: what the number says after the call; the webhooks are the other (five round trips in all)
    let register = async {
        let decision = decide(Caller::SetUp, &reads, &loaded.history, now);
        tracing::info!(channel = loaded.channel.id.0, why = ?decision.why(), "set-up decided about registering");
        let did = registration::act(app, &loaded, &reads, Caller::SetUp, &decision).await?;
        let asked_at = app.clock.now();
        Ok::<_, FlowError>((did, facts::read(app, &loaded).await, asked_at))
    };
    let (registered, subscribed) = tokio::join!(register, subscription::ensure(app, &loaded, before.apps));
    let (did, read, asked_at) = registered?;
    let webhook_error = match subscribed {
        Ok(_) => None,
        Err(FlowError::Meta(failure)) => Some(subscription::setup_failed(&FlowError::Meta(failure)).to_string()),
        Err(error) => return Err(error),
    };
    keep_again(app, &mut loaded, &read, asked_at).await?;
    wake(app, &loaded.channel, webhook_error.is_some(), did.outcome.as_ref()).await?;
    Ok(SetUp { webhook_error })
}

async fn load(app: &App, channel_id: Option<ChannelId>) -> Result<Loaded, FlowError> {
    let loaded = match channel_id {
        Some(id) => facts::load(app, id).await?,
        None => None,
    };
    check(loaded.as_ref())?;
    loaded.ok_or_else(|| FlowError::refused(Refusal::MissingParameter, "Channel is required"))
}

/// W9: refused before any call, in the origin's words.
pub(super) fn check(loaded: Option<&Loaded>) -> Result<(), FlowError> {
    let (waba, token) = loaded
        .map_or(("", ""), |loaded| (loaded.channel.waba_id.as_str(), loaded.credentials.access_token.expose_secret()));
    match missing_for_setup(loaded.is_some(), waba, token) {
        Some(text) => Err(FlowError::refused(Refusal::MissingParameter, text)),
        None => Ok(()),
    }
}

/// The re-read: what the number says now is what counts. Its failure never fails set-up (E9). It is dated
/// when it was asked for: it may not show a callback that was set meanwhile.
async fn keep_again(
    app: &App,
    loaded: &mut Loaded,
    read: &Result<NumberReading, Failure>,
    asked_at: Timestamp,
) -> Result<(), FlowError> {
    let phone = loaded.channel.phone_number.clone();
    match read {
        Ok(reading) if reading.provisioned() == Provisioned::No => {
            tracing::info!(channel = loaded.channel.id.0, "[WHATSAPP] Channel {phone} is still pending at Meta");
        }
        Ok(_) => tracing::info!("[WHATSAPP] Channel {phone} health check passed"),
        Err(failure) => {
            tracing::warn!("[WHATSAPP] Health check failed for channel {phone}: {}", failure.message);
        }
    }
    let mut tx = app.store.write().await?;
    facts::keep(&mut tx, loaded, read, None, asked_at).await?;
    tx.commit().await?;
    health::judge(app, &loaded.channel).await?;
    Ok(())
}

/// Hands over to the jobs: the planner, the subscription where it failed, health, coexistence.
async fn wake(app: &App, channel: &Channel, webhook_failed: bool, outcome: Option<&Outcome>) -> Result<(), FlowError> {
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

/// Coexistence: contacts, then history, each once within a day of onboarding.
pub async fn sync_coexistence(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(loaded) = facts::load(app, id).await? else { return Ok(Next::Done) };
    let channel = &loaded.channel;
    let now = app.clock.now();
    if now > channel.created_at + SYNC_WINDOW {
        return Ok(Next::Done);
    }
    let account = app.graph.on(&channel.waba_id, &loaded.credentials.access_token);
    for (kind, topic) in [(SyncKind::Contacts, "sync.contacts"), (SyncKind::History, "sync.history")] {
        let key = format!("{topic}:{}", channel.phone_number_id);
        let mut tx = app.store.read().await?;
        let done = crate::store::settings::get(&mut tx, &key).await?.is_some();
        drop(tx);
        if done {
            continue;
        }
        match account.sync_coexistence(&channel.phone_number_id, kind).await {
            Ok(request_id) => {
                let mut tx = app.store.write().await?;
                crate::store::settings::set(&mut tx, &key, &request_id, now).await?;
                tx.commit().await?;
            }
            Err(failure) if failure.is_uncertain() => return Err(failure.into()),
            // asked before, or too late: it is not asked for again
            Err(failure) => {
                tracing::warn!(channel = id.0, "coexistence sync refused: {}", failure.message);
                let mut tx = app.store.write().await?;
                crate::store::settings::set(&mut tx, &key, &format!("refused: {}", failure.message), now).await?;
                tx.commit().await?;
            }
        }
    }
    Ok(Next::Done)
}
