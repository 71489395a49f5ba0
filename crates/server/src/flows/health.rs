//! Health: read Meta's facts, keep them, judge them, remember the judgement and announce what changed.
//!
//! Facts are stored, judgements computed. Pages read the store; [`fresh`] and [`refresh`] ask Meta;
//! the jobs read whole accounts at one call per hundred numbers.

use domain::channel::{Channel, callback_url};
use domain::health::HealthReport;
use domain::ids::{ChannelId, WabaId};
use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::{NumberReading, Provisioned, SubscribedApp, WabaReading};
use domain::registration::ChangeKind;
use jiff::SignedDuration;

pub use super::number::assessment::as_json;
use super::number::assessment::assess_and_announce;
use super::number::reading::apply_reading;
use super::number::record::NumberRecord;
pub use super::number::view::{View, view};
use super::{FlowError, Next, Refusal};
use crate::App;
use crate::flows::queue::{Job, enqueue, enqueue_if_absent};
use crate::store::{channels, snapshots};

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
pub async fn reassess(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let mut tx = app.store.read().await?;
    let channel = channels::find(&mut tx, id).await?;
    drop(tx);
    let Some(channel) = channel else { return Ok(Next::Done) };
    let report = assess_and_announce(app, &channel).await?;
    Ok(report.level_until.map_or(Next::Done, Next::At))
}

/// Reads number, account and subscription side by side; keeps and judges them.
async fn read_one(app: &App, id: ChannelId) -> Result<(), FlowError> {
    let mut record = NumberRecord::load(app, id)
        .await?
        .ok_or_else(|| FlowError::refused(Refusal::NotFound, "The inbox does not exist"))?;
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let (number, waba, apps) =
        tokio::join!(account.number(&record.channel.phone_number_id), account.waba(), account.subscribed_apps());
    // the account is enrichment: its failure never discards what was read of the number
    let waba = waba.ok().map(|waba| WabaReading { subscribed_apps: apps.ok(), ..waba });
    keep(app, &mut record, &number, waba.as_ref()).await?;
    assess_and_announce(app, &record.channel).await?;
    Ok(())
}

/// Keeps a reading and wakes what it concerns.
async fn keep(
    app: &App,
    record: &mut NumberRecord,
    number: &Result<NumberReading, Failure>,
    waba: Option<&WabaReading>,
) -> Result<(), FlowError> {
    let now = app.clock.now();
    let id = record.channel.id;
    let mut tx = app.store.write().await?;
    let changes = apply_reading(&mut tx, record, number, waba, now).await?;
    match number {
        Ok(reading) if reading.provisioned() == Provisioned::Yes => {}
        // what the planner waits for was found before its own look: it need not wait on
        Ok(_) if changes.iter().any(|kind| unblocks(*kind)) => enqueue(&mut tx, &Job::Register(id), now).await?,
        Ok(_) => enqueue_if_absent(&mut tx, &Job::Register(id), now).await?,
        Err(failure) if failure.is_access() => enqueue(&mut tx, &Job::Token(id), now).await?,
        Err(_) => {}
    }
    let unsubscribed = waba.and_then(|w| w.subscribed_apps.as_ref()).is_some_and(|apps| !has_ours(app, apps));
    let overridden = number.as_ref().is_ok_and(|reading| callback_is_foreign(app, &record.channel, reading));
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
    let Some(record) = NumberRecord::load(app, first.id).await? else { return Ok(Next::At(app.clock.now())) };
    let fleet = app.graph.on(waba, &record.credentials.access_token).fleet().await;
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
                assess_and_announce(app, member).await?
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
    let Some(mut record) = NumberRecord::load(app, member.id).await? else {
        return assess_and_announce(app, member).await;
    };
    let mut tx = app.store.read().await?;
    let known = snapshots::latest(&mut tx, member.id).await?;
    drop(tx);
    let number = known.map_or_else(|| row.clone(), |known| known.reading.merged_with(row));
    keep(app, &mut record, &Ok(number), Some(waba)).await?;
    if row.health_status.is_none() {
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        enqueue_if_absent(&mut tx, &Job::Health(member.id), now + SINGLE_PACE + spread(member.id)).await?;
        tx.commit().await?;
    }
    assess_and_announce(app, member).await
}

/// A dead token or lost access concerns every member; anything else passes.
async fn fleet_unread(app: &App, members: &[Channel], failure: &Failure) -> Result<Next, FlowError> {
    let now = app.clock.now();
    for member in members {
        if let Some(mut record) = NumberRecord::load(app, member.id).await? {
            keep(app, &mut record, &Err(failure.clone()), None).await?;
            assess_and_announce(app, member).await?;
        }
    }
    let throttled = failure.kind == FailureKind::Throttled;
    let wait = failure.wait.filter(|_| throttled).unwrap_or(SignedDuration::from_mins(10));
    tracing::warn!(waba = %members.first().map_or("", |m| m.waba_id.as_str()), "account not read: {}", failure.message);
    Ok(Next::At(now + wait.max(fleet_pace(app))))
}
