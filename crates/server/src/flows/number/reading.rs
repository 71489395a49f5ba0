//! Reading Meta's facts about one number and writing them down, with the changes they prove.
//! What follows from them is decided elsewhere.

use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::{EntityType, NumberReading, NumberStatus, PlatformType, Provisioned, WabaReading};
use domain::registration::{ChangeKind, Reads, Source, changes_between, note_changes, proves_access};
use jiff::Timestamp;

use super::record::NumberRecord;
use crate::App;
use crate::store::snapshots::StoredSnapshot;
use crate::store::{self, Tx, numbers, snapshots};

/// The planner's one read of a number.
pub(crate) async fn read_number(app: &App, record: &NumberRecord) -> Result<NumberReading, Failure> {
    let channel = &record.channel;
    app.graph.on(&channel.waba_id, &record.credentials.access_token).number(&channel.phone_number_id).await
}

/// Set-up's two reads, side by side (W5, W6).
pub(crate) async fn read_for_setup(
    app: &App,
    record: &NumberRecord,
) -> (Result<Option<domain::meta::reading::CodeVerification>, Failure>, Result<NumberReading, Failure>) {
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let number = &record.channel.phone_number_id;
    tokio::join!(account.code_verification(number), account.number(number))
}

/// Both reads in the words `decide` takes.
pub(crate) fn as_reads(
    verification: &Result<Option<domain::meta::reading::CodeVerification>, Failure>,
    health: &Result<NumberReading, Failure>,
) -> Reads {
    Reads {
        verification: verification.clone().map_err(|failure| failure.kind),
        health: health.clone().map_err(|failure| failure.kind),
    }
}

/// What is stored, in the words `decide` takes: a token that died since is no reading.
pub(crate) fn stored_reads(stored: Option<&StoredSnapshot>) -> Reads {
    let error = stored.and_then(|it| it.error.as_ref());
    Reads::single(match (stored, error) {
        (_, Some(failure)) if failure.is_access() => Err(failure.kind),
        (Some(it), _) if it.checked_at.is_some() => Ok(it.reading.clone()),
        (_, error) => Err(error.map_or(FailureKind::Transient, |failure| failure.kind)),
    })
}

/// Writes a read down: the snapshot, what changed, what it says of the number's past; answers with what
/// was news. The history in hand learns the changes, and keeps what was true before this read (rules 1
/// and 4 count reads).
pub(crate) async fn apply_reading(
    tx: &mut Tx,
    record: &mut NumberRecord,
    health: &Result<NumberReading, Failure>,
    waba: Option<&WabaReading>,
    now: Timestamp,
) -> Result<Vec<ChangeKind>, store::Error> {
    let channel = &record.channel;
    let mut news = Vec::new();
    let before = snapshots::latest(tx, channel.id).await?;
    let mut facts = numbers::facts_for_update(tx, &channel.phone_number_id).await?;
    match health {
        Err(failure) => {
            snapshots::save_failure(tx, channel.id, failure, now).await?;
            facts.failed_reads = facts.failed_reads.saturating_add(1);
        }
        Ok(reading) => {
            let previous = before.as_ref().filter(|b| b.checked_at.is_some()).map(|b| &b.reading);
            let mut kinds = changes_between(previous, reading);
            let last_failure: Option<FailureKind> = before.as_ref().and_then(|b| b.error.as_ref()).map(|e| e.kind);
            if proves_access(last_failure) {
                kinds.push(ChangeKind::ReadsAgain);
            }
            news = numbers::note_changes(tx, &channel.phone_number_id, &kinds, now, Source::Reading).await?;
            note_changes(&mut record.history.changes, &kinds, now, Source::Reading);
            snapshots::save(tx, channel.id, reading, waba, now).await?;
            derive_facts(&mut facts, reading, record.history.onboarding, now);
        }
    }
    numbers::set_facts(tx, &channel.phone_number_id, &facts, now).await?;
    Ok(news)
}

fn derive_facts(
    facts: &mut numbers::NumberFacts,
    reading: &NumberReading,
    onboarding: domain::channel::Onboarding,
    now: Timestamp,
) {
    let needed_unread =
        reading.platform_type.is_none() || reading.throughput.is_none() || reading.code_verification.is_none();
    facts.failed_reads = if needed_unread { facts.failed_reads.saturating_add(1) } else { 0 };
    facts.previous_read_at = Some(now);
    facts.last_onboarded_time = reading.last_onboarded_time.or(facts.last_onboarded_time);
    facts.new_name_approved_at = match &reading.new_name_status {
        Some(status) if status.is_good() => facts.new_name_approved_at.or(Some(now)),
        Some(_) => None,
        None => facts.new_name_approved_at,
    };
    let provisioned = reading.provisioned() == Provisioned::Yes;
    if provisioned {
        facts.provisioned_at = Some(now);
    }
    if provisioned || reading.status == Some(NumberStatus::Disconnected) {
        facts.was_registered = true;
    }
    let says_unregistered = reading.has_entity_error(&EntityType::PhoneNumber, NOT_REGISTERED);
    let dropped = provisioned && says_unregistered && reading.status != Some(NumberStatus::Pending);
    if dropped {
        facts.dropped_seen_at = facts.dropped_seen_at.or(Some(now));
    } else if reading.health_status.is_some() && provisioned {
        facts.dropped_seen_at = None;
    }
    let coexistence_missed = onboarding == domain::channel::Onboarding::Coexistence
        && reading.platform_type == Some(PlatformType::NotApplicable);
    facts.coexistence_misses = if coexistence_missed { facts.coexistence_misses.saturating_add(1) } else { 0 };
}

/// `health_status` code of a number that is not registered.
const NOT_REGISTERED: i64 = 141_000;
