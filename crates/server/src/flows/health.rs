//! Health: read Meta's facts, keep them, judge them, remember the judgement and announce what changed.
//!
//! Facts are stored, judgements computed. Pages read the store; [`fresh`] and [`refresh`] ask Meta;
//! the jobs read whole accounts at one call per hundred numbers.

use domain::channel::{Channel, callback_url};
use domain::health::{HealthReport, assess};
use domain::ids::{ChannelId, WabaId};
use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::{NumberReading, Provisioned, SubscribedApp, WabaReading};
use domain::registration::ChangeKind;
use jiff::{SignedDuration, Timestamp};

use super::facts::{self, Loaded};
use super::{FlowError, Next, Refusal, registration};
use crate::App;
use crate::flows::queue::{Job, enqueue, enqueue_if_absent};
use crate::store::channels::Webhook;
use crate::store::{channels, snapshots};

mod context;
mod judge;
mod remembered;

pub use judge::{as_json, judge};

/// A stored reading older than this is asked for again (H1).
pub const FRESH_FOR: SignedDuration = SignedDuration::from_secs(60);

/// A whole account is read no more often than this.
fn fleet_pace(app: &App) -> SignedDuration {
    let seconds = app.config.limits.account_pace_seconds;
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// What lists do not say (`health_status`) is read number by number, this often.
const SINGLE_PACE: SignedDuration = SignedDuration::from_hours(6);

/// Numbers that were connected together are not all read in one minute.
fn spread(id: ChannelId) -> SignedDuration {
    SignedDuration::from_secs(id.0.wrapping_mul(2_654_435_761).rem_euclid(3_600))
}

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
    pub registration: registration::State,
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
    let registration = registration::state(app, channel, domain::registration::Caller::Planner).await?;
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

/// H1: asks Meta when the stored reading is older than a minute. Fails only where nothing was ever
/// read; else the old reading comes with the error beside it.
pub async fn fresh(app: &App, channel: &Channel) -> Result<View, FlowError> {
    let stored = view(app, channel).await?;
    let now = app.clock.now();
    if stored.checked_at.is_some_and(|at| now < at + FRESH_FOR) {
        return Ok(stored);
    }
    refresh(app, channel).await
}

/// Asks Meta now, one flight per number.
pub async fn refresh(app: &App, channel: &Channel) -> Result<View, FlowError> {
    let asked_at = app.clock.now();
    let flight = app.reads.lock_of(channel.id);
    let waiting = flight.try_lock().is_err();
    let _landed = flight.lock().await;
    let mut tx = app.store.read().await?;
    let stored = snapshots::latest(&mut tx, channel.id).await?;
    drop(tx);
    let read_meanwhile = waiting && stored.and_then(|s| s.checked_at).is_some_and(|at| at >= asked_at);
    if !read_meanwhile {
        read_one(app, channel.id).await?;
    }
    let view = view(app, channel).await?;
    match (&view.checked_at, &view.error) {
        (None, Some(failure)) => {
            let text = &failure.message;
            tracing::error!(channel = channel.id.0, "[WHATSAPP HEALTH] Error fetching health data: {text}");
            Err(FlowError::Meta(failure.clone()))
        }
        _ => Ok(view),
    }
}

/// The job for one number: what the account's list does not say.
pub async fn check(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let mut tx = app.store.read().await?;
    let exists = channels::find(&mut tx, id).await?.is_some();
    drop(tx);
    if exists {
        read_one(app, id).await?;
    }
    Ok(Next::Done)
}

/// The job of a level that time alone moved.
pub async fn judge_again(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let mut tx = app.store.read().await?;
    let channel = channels::find(&mut tx, id).await?;
    drop(tx);
    let Some(channel) = channel else { return Ok(Next::Done) };
    let report = judge(app, &channel).await?;
    Ok(report.level_until.map_or(Next::Done, Next::At))
}

/// Reads number, account and subscription side by side; keeps and judges them.
async fn read_one(app: &App, id: ChannelId) -> Result<(), FlowError> {
    let mut loaded =
        facts::load(app, id).await?.ok_or_else(|| FlowError::refused(Refusal::NotFound, "The inbox does not exist"))?;
    let account = app.graph.on(&loaded.channel.waba_id, &loaded.credentials.access_token);
    let (number, waba, apps) =
        tokio::join!(account.number(&loaded.channel.phone_number_id), account.waba(), account.subscribed_apps());
    // the account is enrichment: its failure never discards what was read of the number
    let waba = waba.ok().map(|waba| WabaReading { subscribed_apps: apps.ok(), ..waba });
    keep(app, &mut loaded, &number, waba.as_ref()).await?;
    judge(app, &loaded.channel).await?;
    Ok(())
}

/// Keeps a reading and wakes what it concerns.
async fn keep(
    app: &App,
    loaded: &mut Loaded,
    number: &Result<NumberReading, Failure>,
    waba: Option<&WabaReading>,
) -> Result<(), FlowError> {
    let now = app.clock.now();
    let id = loaded.channel.id;
    let mut tx = app.store.write().await?;
    let news = facts::keep(&mut tx, loaded, number, waba, now).await?;
    match number {
        Ok(reading) if reading.provisioned() == Provisioned::Yes => {}
        // what the planner waits for was found before its own look: it need not wait on
        Ok(_) if news.iter().any(|kind| unblocks(*kind)) => enqueue(&mut tx, &Job::Register(id), now).await?,
        Ok(_) => enqueue_if_absent(&mut tx, &Job::Register(id), now).await?,
        Err(failure) if failure.is_access() => enqueue(&mut tx, &Job::Token(id), now).await?,
        Err(_) => {}
    }
    let unsubscribed = waba.and_then(|w| w.subscribed_apps.as_ref()).is_some_and(|apps| !has_ours(app, apps));
    let overridden = number.as_ref().is_ok_and(|reading| callback_is_foreign(app, &loaded.channel, reading));
    if unsubscribed || overridden {
        enqueue(&mut tx, &Job::Subscribe(id), now).await?;
    }
    tx.commit().await?;
    app.notifier.notify_jobs();
    Ok(())
}

/// Changes that may let a registration go on, by whichever read they are found.
fn unblocks(kind: ChangeKind) -> bool {
    use ChangeKind as C;
    matches!(kind, C::NameGood | C::NameBad | C::TwoStepOff | C::CodeVerified | C::ReadsAgain | C::Unlocked)
}

fn has_ours(app: &App, apps: &[SubscribedApp]) -> bool {
    apps.iter().any(|subscribed| subscribed.app_id == app.app_id())
}

fn callback_is_foreign(app: &App, channel: &Channel, reading: &NumberReading) -> bool {
    use domain::health::Override;
    let expected = callback_url(&app.config.public_url, &channel.phone_number);
    matches!(Override::read(&expected, reading.webhook_configuration.as_ref()), Override::Foreign(_))
}

/// The job for a whole account: one call per hundred numbers, each kept and judged.
pub async fn check_fleet(app: &App, waba: &WabaId) -> Result<Next, FlowError> {
    let mut tx = app.store.read().await?;
    let members = channels::list_by_waba(&mut tx, waba).await?;
    drop(tx);
    let Some(first) = members.first() else { return Ok(Next::Done) };
    let Some(loaded) = facts::load(app, first.id).await? else { return Ok(Next::At(app.clock.now())) };
    let fleet = app.graph.on(waba, &loaded.credentials.access_token).fleet().await;
    let now = app.clock.now();
    let fleet = match fleet {
        Ok(fleet) => fleet,
        Err(failure) => return fleet_unread(app, &members, &failure).await,
    };
    let mut next_look = now + SINGLE_PACE;
    for member in &members {
        let row = fleet.numbers.iter().find(|row| row.id.as_ref() == Some(&member.phone_number_id));
        let report = match row {
            Some(row) => keep_row(app, member, row, &fleet.waba).await?,
            // not in the list: the number itself says what became of it
            None => {
                read_one(app, member.id).await?;
                judge(app, member).await?
            }
        };
        next_look = next_look.min(report.next_look);
    }
    Ok(Next::At(next_look.max(now + fleet_pace(app))))
}

async fn keep_row(
    app: &App,
    member: &Channel,
    row: &NumberReading,
    waba: &WabaReading,
) -> Result<HealthReport, FlowError> {
    let Some(mut loaded) = facts::load(app, member.id).await? else { return judge(app, member).await };
    let mut tx = app.store.read().await?;
    let known = snapshots::latest(&mut tx, member.id).await?;
    drop(tx);
    let number = known.map_or_else(|| row.clone(), |known| known.reading.merged_with(row));
    keep(app, &mut loaded, &Ok(number), Some(waba)).await?;
    if row.health_status.is_none() {
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        enqueue_if_absent(&mut tx, &Job::Health(member.id), now + SINGLE_PACE + spread(member.id)).await?;
        tx.commit().await?;
    }
    judge(app, member).await
}

/// A dead token or lost access concerns every member; anything else passes.
async fn fleet_unread(app: &App, members: &[Channel], failure: &Failure) -> Result<Next, FlowError> {
    let now = app.clock.now();
    for member in members {
        if let Some(mut loaded) = facts::load(app, member.id).await? {
            keep(app, &mut loaded, &Err(failure.clone()), None).await?;
            judge(app, member).await?;
        }
    }
    let throttled = failure.kind == FailureKind::Throttled;
    let wait = failure.wait.filter(|_| throttled).unwrap_or(SignedDuration::from_mins(10));
    tracing::warn!(waba = %members.first().map_or("", |m| m.waba_id.as_str()), "account not read: {}", failure.message);
    Ok(Next::At(now + wait.max(fleet_pace(app))))
}
