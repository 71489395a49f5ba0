//! Reads Meta's facts about one number and stores them with the changes they prove. Decides nothing.

use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::{
    CodeVerification, EntityType, NumberReading, NumberStatus, PlatformType, Provisioned, WabaReading,
};
use domain::registration::{AppLink, ChangeKind, History, Reads, Source, changes_between, note_changes, proves_access};
use jiff::Timestamp;

use super::record::NumberRecord;
use crate::App;
use crate::store::numbers::NumberFacts;
use crate::store::snapshots::StoredSnapshot;
use crate::store::{self, Tx, numbers, snapshots};

/// `health_status` code of a number that is not registered.
const NOT_REGISTERED: i64 = 141_000;

/// The planner's one read of a number.
pub(crate) async fn read_number(app: &App, record: &NumberRecord) -> Result<NumberReading, Failure> {
    let channel = &record.channel;
    app.graph.on(&channel.waba_id, &record.credentials.access_token).number(&channel.phone_number_id).await
}

/// The two reads of set-up, each of which may fail by itself (W5, W6): `fields=code_verification_status`, and
/// the field tier.
#[derive(Debug, Clone)]
pub(crate) struct SetupReads {
    pub(crate) verification: Result<Option<CodeVerification>, Failure>,
    pub(crate) health: Result<NumberReading, Failure>,
}

impl SetupReads {
    /// Makes both reads at the same time.
    pub(crate) async fn read(app: &App, record: &NumberRecord) -> Self {
        let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
        let number = &record.channel.phone_number_id;
        let (verification, health) = tokio::join!(account.code_verification(number), account.number(number));
        Self { verification, health }
    }

    /// Both reads in the words of `decide`, the second as it was applied.
    pub(crate) fn for_decision(&self, health: Result<NumberReading, FailureKind>) -> Reads {
        Reads { verification: self.verification.clone().map_err(|failure| failure.kind), health }
    }
}

/// What storing a reading came to.
pub(crate) struct AppliedReading {
    /// Changes that were not known before.
    pub(crate) changes: Vec<ChangeKind>,
    /// The history a decision about this reading is made from: the record as it was before the reading
    /// (rules 1 and 4 count reads), with the changes the reading proves.
    pub(crate) history: History,
    /// What a decision is made from: the reading, or the one on record where that was asked for later.
    pub(crate) health: Result<NumberReading, FailureKind>,
}

/// Stores a reading or its failure: the snapshot and the changes it proves. The record must have been loaded in
/// this transaction, under the row lock. It is brought up to date; its facts are stored by [`NumberRecord::save`].
///
/// A reading is dated when it was asked for: an answer that was slow shows the number as it was before later ones.
pub(crate) async fn apply_reading(
    tx: &mut Tx,
    record: &mut NumberRecord,
    health: &Result<NumberReading, Failure>,
    waba: Option<&WabaReading>,
    asked_at: Timestamp,
) -> Result<AppliedReading, store::Error> {
    let now = asked_at;
    let NumberRecord { channel, facts, snapshot, .. } = &*record;
    let (channel_id, number) = (channel.id, channel.phone_number_id.clone());
    let mut history = record.history();
    let mut changes = Vec::new();
    if snapshot.checked_at.max(snapshot.error_at) > Some(asked_at) {
        return Ok(AppliedReading { changes, history, health: record.stored_reads().health });
    }
    let mut new_facts = facts.clone();
    match health {
        Err(failure) => {
            if snapshots::save_failure(tx, channel_id, failure, now).await? {
                record.snapshot.error = Some(failure.clone());
                record.snapshot.error_at = Some(now);
            }
            new_facts.failed_reads = new_facts.failed_reads.saturating_add(1);
        }
        Ok(reading) => {
            let previous = snapshot.checked_at.map(|_| &snapshot.reading);
            let mut kinds = changes_between(previous, reading);
            if proves_access(snapshot.error.as_ref().map(|failure| failure.kind)) {
                kinds.push(ChangeKind::AccessRestored);
            }
            changes = note_changes(&mut record.changes, &kinds, now, Source::Reading);
            numbers::store_changes(tx, &number, &changes, now, Source::Reading).await?;
            history.changes = record.changes.clone();
            if snapshots::save(tx, channel_id, reading, waba, now).await? {
                replace_reading(&mut record.snapshot, reading, waba, now);
            }
            derive_facts(&mut new_facts, reading, record.history().app_link(), now);
        }
    }
    record.set_facts(new_facts);
    let health = health.clone().map_err(|failure| failure.kind);
    Ok(AppliedReading { changes, history, health })
}

/// The snapshot as [`snapshots::save`] leaves it: the WABA's reading stays where none is given, and so does a
/// failure that is newer than the reading.
fn replace_reading(snapshot: &mut StoredSnapshot, reading: &NumberReading, waba: Option<&WabaReading>, now: Timestamp) {
    snapshot.reading = reading.clone();
    snapshot.checked_at = Some(now);
    if let Some(waba) = waba {
        snapshot.waba = Some(waba.clone());
    }
    if snapshot.error_at.is_none_or(|at| at <= now) {
        (snapshot.error, snapshot.error_at) = (None, None);
    }
}

/// Derives what later decisions need from a successful reading: when the number was provisioned, whether it
/// dropped out, how many reads in a row were incomplete.
fn derive_facts(facts: &mut NumberFacts, reading: &NumberReading, app_link: AppLink, now: Timestamp) {
    let needed_unread =
        reading.platform_type.is_none() || reading.throughput.is_none() || reading.code_verification.is_none();
    facts.failed_reads = if needed_unread { facts.failed_reads.saturating_add(1) } else { 0 };
    facts.last_onboarded_time = reading.last_onboarded_time.or(facts.last_onboarded_time);
    facts.new_name_approved_at = match &reading.new_name_status {
        Some(status) if status.is_good() => facts.new_name_approved_at.or(Some(now)),
        Some(_) => None,
        None => facts.new_name_approved_at,
    };
    let provisioned = reading.provisioned() == Provisioned::Yes;
    match reading.provisioned() {
        Provisioned::Yes => facts.provisioned_at = Some(now),
        Provisioned::No => facts.not_provisioned_at = Some(now),
        Provisioned::Unknown => {}
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
    let is_in_app = app_link == AppLink::Linked || reading.is_on_biz_app == Some(true);
    let coexistence_missed = is_in_app && reading.platform_type == Some(PlatformType::NotApplicable);
    facts.coexistence_misses = if coexistence_missed { facts.coexistence_misses.saturating_add(1) } else { 0 };
}
