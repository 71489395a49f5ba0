//! Health: reads Meta's facts, stores them, assesses them and announces what changed.
//!
//! Facts are stored, assessments are computed. Pages use the store; [`fresh`] and [`refresh`] ask Meta; the
//! jobs read whole WABAs at one call per hundred numbers.

use domain::channel::Channel;
use domain::health::{HealthReport, REFRESH_AFTER};
use domain::ids::{ChannelId, WabaId};
use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::{NumberReading, Provisioned, WabaReading};
use domain::registration::ChangeKind;
use graph_api::Fleet;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

use super::number::assessment::assess_and_announce;
use super::number::callbacks;
use super::number::reading::apply_reading;
use super::number::record::NumberRecord;
use super::number::view::{View, view};
use super::{FlowError, Next};
use crate::App;
use crate::flows::queue::{Job, enqueue, enqueue_if_absent};
use crate::store::{self, Tx, channels};

/// The shortest time between two reads of a whole WABA.
fn fleet_pace(app: &App) -> SignedDuration {
    let seconds = app.config.limits.account_check_interval_seconds;
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// How often `health_status`, which lists do not say, is read number by number.
const SINGLE_PACE: SignedDuration = SignedDuration::from_hours(6);

/// How long after a failed read a WABA is read again, unless Meta names a time.
const RETRY_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// A delay of up to an hour by channel, so that numbers connected together are not all read in one minute.
fn spread(id: ChannelId) -> SignedDuration {
    SignedDuration::from_secs(id.0.wrapping_mul(2_654_435_761).rem_euclid(3_600))
}

/// H1: asks Meta when the stored reading is older than a minute. Fails only where nothing was ever read; else
/// the stored reading is shown with the error beside it.
pub async fn fresh(app: &App, channel: &Channel) -> Result<View, FlowError> {
    let record = NumberRecord::load_or_refuse(app, channel.id).await?;
    let now = app.clock.now();
    if record.snapshot.checked_at.is_some_and(|at| now < at + REFRESH_AFTER) {
        return Ok(view(app, &record, now));
    }
    refresh_record(app, record).await
}

/// Asks Meta now. One caller per number reads; the others wait and use what it read.
pub async fn refresh(app: &App, channel: &Channel) -> Result<View, FlowError> {
    refresh_record(app, NumberRecord::load_or_refuse(app, channel.id).await?).await
}

async fn refresh_record(app: &App, mut record: NumberRecord) -> Result<View, FlowError> {
    let id = record.channel.id;
    let before = record.snapshot.checked_at;
    let lock = app.reads.lock_of(id);
    let has_waited = lock.try_lock().is_err();
    let _guard = lock.lock().await;
    if has_waited {
        record = NumberRecord::load_or_refuse(app, id).await?;
    }
    let was_read_meanwhile = has_waited && record.snapshot.checked_at > before;
    if !was_read_meanwhile {
        read_and_assess(app, &mut record).await?;
    }
    let view = view(app, &record, app.clock.now());
    match (&view.checked_at, &view.error) {
        (None, Some(failure)) => {
            let text = &failure.message;
            tracing::error!(channel = id.0, "[WHATSAPP HEALTH] Error fetching health data: {text}");
            Err(FlowError::Meta(failure.clone()))
        }
        _ => Ok(view),
    }
}

/// The job for one number: reads what the WABA's list does not say.
pub async fn check(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    if let Some(mut record) = NumberRecord::load(app, id).await? {
        read_and_assess(app, &mut record).await?;
    }
    Ok(Next::Done)
}

/// The job for a level that time alone moved: assesses the stored facts again.
pub async fn reassess(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let mut tx = app.store.write().await?;
    let Some(mut record) = NumberRecord::load_for_update(&mut tx, &record.channel).await? else {
        return Ok(Next::Done);
    };
    let report = assess_and_announce(app, &mut tx, &mut record, app.clock.now()).await?;
    tx.commit().await?;
    Ok(report.level_until.map_or(Next::Done, Next::At))
}

/// Reads number, WABA and subscriptions at the same time, then stores and assesses them. `None` when the
/// channel was deleted meanwhile.
async fn read_and_assess(app: &App, record: &mut NumberRecord) -> Result<Option<HealthReport>, FlowError> {
    let asked_at = app.clock.now();
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let (number, waba, apps) =
        tokio::join!(account.number(&record.channel.phone_number_id), account.waba(), account.subscribed_apps());
    // the WABA is enrichment: its failure never discards what was read of the number
    let waba = waba.ok().map(|waba| WabaReading { subscribed_apps: apps.ok(), ..waba });
    let mut tx = app.store.write().await?;
    let Some(fresh) = NumberRecord::load_for_update(&mut tx, &record.channel).await? else { return Ok(None) };
    *record = fresh;
    let report = store_and_assess(app, &mut tx, record, &Read { asked_at, number, waba }).await?;
    tx.commit().await?;
    Ok(Some(report))
}

/// What Meta answered about a number.
struct Read {
    asked_at: Timestamp,
    number: Result<NumberReading, Failure>,
    /// The number's WABA, where it was read.
    waba: Option<WabaReading>,
}

/// Stores a reading, enqueues what it calls for, and assesses the number.
async fn store_and_assess(
    app: &App,
    tx: &mut Tx,
    record: &mut NumberRecord,
    read: &Read,
) -> Result<HealthReport, store::Error> {
    let Read { asked_at, number, waba } = read;
    let now = app.clock.now();
    let id = record.channel.id;
    let changes = apply_reading(tx, record, number, waba.as_ref(), *asked_at).await?.changes;
    match number {
        Ok(reading) if reading.provisioned() == Provisioned::Yes => {}
        // the change the planner waits for was found before its own read: it need not wait longer
        Ok(_) if changes.iter().any(|kind| unblocks(*kind)) => enqueue(tx, &Job::Register(id), now),
        Ok(_) => enqueue_if_absent(tx, &Job::Register(id), now),
        Err(failure) if failure.is_access_failure() => enqueue(tx, &Job::Token(id), now),
        Err(_) => {}
    }
    if number.is_ok()
        && let Some(problem) = callbacks::problem(record, &callbacks::stored(app, record))
        && let Some(due_at) = record.webhook.repairs.decide(problem, now).due_at
    {
        enqueue(tx, &Job::Subscribe(id), due_at.max(now));
    }
    assess_and_announce(app, tx, record, now).await
}

/// Whether a change may let a registration proceed, by whichever read it is found.
fn unblocks(kind: ChangeKind) -> bool {
    use ChangeKind as C;
    matches!(kind, C::NameGood | C::NameDeclined | C::TwoStepOff | C::CodeVerified | C::AccessRestored | C::Unlocked)
}

/// The job for a whole WABA: one call per hundred numbers, each stored and assessed.
///
/// The members' tokens are tried in turn until one reads the WABA. A token that Meta refuses concerns the members that
/// have it and nobody else; a member whose token is known dead takes nothing from another's.
pub async fn check_fleet(app: &App, waba: &WabaId) -> Result<Next, FlowError> {
    let mut tx = app.store.read().await?;
    let members = channels::list_by_waba(&mut tx, waba).await?;
    drop(tx);
    let ids: Vec<ChannelId> = members.iter().map(|member| member.id).collect();
    let mut waiting = NumberRecord::load_many(app, &ids).await?;
    waiting.retain(|record| record.token.dead_since.is_none());
    let mut next_check = app.clock.now() + fleet_pace(app);
    while let Some(first) = waiting.first() {
        let token = first.credentials.access_token.clone();
        let asked_at = app.clock.now();
        match app.graph.on(waba, &token).fleet().await {
            Ok(fleet) => {
                let next_read = apply_fleet(app, &waiting, &fleet, asked_at).await?;
                return Ok(Next::At(next_read.max(next_check)));
            }
            Err(failure) if failure.is_access_failure() => {
                let has_token =
                    |record: &NumberRecord| record.credentials.access_token.expose_secret() == token.expose_secret();
                let (refused, others): (Vec<_>, Vec<_>) = waiting.into_iter().partition(has_token);
                fleet_unread(app, &refused, &failure, asked_at).await?;
                waiting = others;
                next_check = next_check.max(app.clock.now() + RETRY_AFTER);
            }
            Err(failure) => {
                fleet_unread(app, &waiting, &failure, asked_at).await?;
                let is_throttled = failure.kind == FailureKind::Throttled;
                let wait = failure.wait.filter(|_| is_throttled).unwrap_or(RETRY_AFTER);
                let next_read = app.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
                return Ok(Next::At(next_read.max(next_check)));
            }
        }
    }
    Ok(if members.is_empty() { Next::Done } else { Next::At(next_check) })
}

/// Stores and assesses every member; the next read that one of them calls for.
async fn apply_fleet(
    app: &App,
    members: &[NumberRecord],
    fleet: &Fleet,
    asked_at: Timestamp,
) -> Result<Timestamp, FlowError> {
    let mut next_read = asked_at + SINGLE_PACE;
    for record in members {
        let member = &record.channel;
        let row = fleet.numbers.iter().find(|row| row.id.as_ref() == Some(&member.phone_number_id));
        let report = match row {
            Some(row) => apply_row(app, member, row, &fleet.waba, asked_at).await?,
            // not in the list: the number itself says what became of it
            None => match NumberRecord::load(app, member.id).await? {
                Some(mut record) => read_and_assess(app, &mut record).await?,
                None => None,
            },
        };
        next_read = report.map_or(next_read, |report| next_read.min(report.next_check_at));
    }
    Ok(next_read)
}

/// Stores and assesses one number of the WABA's list. The list says less than a single read does; what it does
/// not say is kept from the reading before.
async fn apply_row(
    app: &App,
    member: &Channel,
    row: &NumberReading,
    waba: &WabaReading,
    asked_at: Timestamp,
) -> Result<Option<HealthReport>, FlowError> {
    let mut tx = app.store.write().await?;
    let Some(mut record) = NumberRecord::load_for_update(&mut tx, member).await? else { return Ok(None) };
    let number = record.snapshot.reading.merged_with(row);
    let read = Read { asked_at, number: Ok(number), waba: Some(waba.clone()) };
    let report = store_and_assess(app, &mut tx, &mut record, &read).await?;
    if row.health_status.is_none() {
        let at = app.clock.now() + SINGLE_PACE + spread(member.id);
        enqueue_if_absent(&mut tx, &Job::Health(member.id), at);
    }
    tx.commit().await?;
    Ok(Some(report))
}

/// Stores a failed read of a WABA for the members that it concerns.
async fn fleet_unread(
    app: &App,
    members: &[NumberRecord],
    failure: &Failure,
    asked_at: Timestamp,
) -> Result<(), FlowError> {
    for member in members {
        let mut tx = app.store.write().await?;
        if let Some(mut record) = NumberRecord::load_for_update(&mut tx, &member.channel).await? {
            let read = Read { asked_at, number: Err(failure.clone()), waba: None };
            store_and_assess(app, &mut tx, &mut record, &read).await?;
            tx.commit().await?;
        }
    }
    tracing::warn!(waba = %members.first().map_or("", |m| m.channel.waba_id.as_str()), "WABA not read: {}", failure.message);
    Ok(())
}
