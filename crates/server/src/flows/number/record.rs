//! The stored record of one number: everything a decision or an assessment needs, loaded in one go.
//!
//! A flow loads it once before Meta is read, and once more under the number's row lock in the
//! transaction that stores what follows. In between it is handed on, never loaded again.

use domain::callbacks::AppRecord;
use domain::channel::Channel;
use domain::health::LastAssessment;
use domain::ids::{BusinessId, ChannelId};
use domain::meta::failure::FailureKind;
use domain::registration::ledger::{Ledger, Spent};
use domain::registration::{Caller, Changes, Decision, History, Reads, can_leave_app, decide};
use domain::signup::missing_for_setup;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::{app_callback_json, last_assessment, owner};
use crate::App;
use crate::flows::{FlowError, Refusal};
use crate::store::channels::{Credentials, TokenState, Webhook};
use crate::store::numbers::{NumberFacts, NumberRow, RecordedAttempt};
use crate::store::snapshots::StoredSnapshot;
use crate::store::{self, Tx, numbers};

/// Calls that a [`RegistrationState`] lists; the ledger itself counts every call.
const LISTED_ATTEMPTS: usize = 100;

/// What is stored about one number and its channel.
#[derive(Debug, Clone)]
pub struct NumberRecord {
    pub channel: Channel,
    pub(crate) credentials: Credentials,
    pub(crate) token: TokenState,
    pub(crate) facts: NumberFacts,
    /// Whether `facts` differ from what is stored.
    is_changed: bool,
    /// Every register and deregister call, oldest first.
    pub(crate) attempts: Vec<RecordedAttempt>,
    pub(crate) changes: Changes,
    pub(crate) held_until: Option<Timestamp>,
    /// When the stored PIN was generated or entered; `None` when no PIN is stored.
    pub(crate) pin_set_at: Option<Timestamp>,
    pub snapshot: StoredSnapshot,
    pub(crate) webhook: Webhook,
    pub(crate) last_assessment: Option<LastAssessment>,
    /// The owner of the WABA as Meta's webhook named it.
    pub(crate) named_owner: Option<BusinessId>,
    /// The installation's app-level callback.
    pub(crate) app_callback: AppRecord,
}

impl NumberRecord {
    /// Loads the record of a channel; `None` when the channel is gone.
    pub async fn load(app: &App, id: ChannelId) -> Result<Option<Self>, store::Error> {
        Self::load_in(&mut app.store.read().await?, id).await
    }

    /// Loads the record of a channel for a request that names it; a missing channel is a refusal.
    pub async fn load_or_refuse(app: &App, id: ChannelId) -> Result<Self, FlowError> {
        Self::load(app, id).await?.ok_or_else(not_found)
    }

    /// Locks the number's row until the transaction ends, then loads the record. Transactions that decide
    /// about one number therefore run one after the other, on every replica.
    pub(crate) async fn load_for_update(tx: &mut Tx, channel: &Channel) -> Result<Option<Self>, store::Error> {
        // a statement of its own: a snapshot taken before the lock would not show what the holder wrote
        numbers::lock(tx, &channel.phone_number_id).await?;
        Self::load_in(tx, channel.id).await
    }

    /// Loads the records of these channels in one statement; channels that are gone are left out.
    pub async fn load_many(app: &App, ids: &[ChannelId]) -> Result<Vec<Self>, store::Error> {
        let rows = numbers::record::load_many(&mut app.store.read().await?, ids).await?;
        Ok(rows.into_iter().map(Self::from).collect())
    }

    async fn load_in(tx: &mut Tx, id: ChannelId) -> Result<Option<Self>, store::Error> {
        Ok(numbers::record::load(tx, id).await?.map(Self::from))
    }

    /// Replaces the facts; [`Self::save`] stores them.
    pub(crate) fn set_facts(&mut self, facts: NumberFacts) {
        self.is_changed |= facts != self.facts;
        self.facts = facts;
    }

    /// Stores the facts where they changed, and a new PIN, in the transaction that loaded the record. Every flow
    /// comes here before it commits: by the step it writes, or by its assessment.
    pub(crate) async fn save(
        &mut self,
        tx: &mut Tx,
        new_pin: Option<&SecretString>,
        now: Timestamp,
    ) -> Result<(), store::Error> {
        if self.is_changed || new_pin.is_some() {
            numbers::save(tx, &self.channel.phone_number_id, &self.facts, new_pin, now).await?;
            self.is_changed = false;
        }
        Ok(())
    }

    /// The record in the words of `decide`.
    pub(crate) fn history(&self) -> History {
        let facts = &self.facts;
        History {
            onboarding: self.channel.onboarding,
            channel_created_at: self.channel.created_at,
            last_onboarded_time: facts.last_onboarded_time,
            ledger: Ledger {
                attempts: self.attempts.iter().map(|recorded| recorded.attempt.clone()).collect(),
                held_until: self.held_until,
                imported_at: facts.imported_at,
            },
            changes: self.changes.clone(),
            has_pin: self.pin_set_at.is_some(),
            pin_set_at: self.pin_set_at,
            was_registered: facts.was_registered,
            provisioned_at: facts.provisioned_at,
            not_provisioned_at: facts.not_provisioned_at,
            registration_lost_at: facts.dropped_seen_at,
            coexistence_misses: facts.coexistence_misses,
            failed_reads: facts.failed_reads,
            previous_read_at: self.snapshot.checked_at,
        }
    }

    /// The stored reading in the words of `decide`; a reading whose token died since is a failed read.
    pub(crate) fn stored_reads(&self) -> Reads {
        let stored = &self.snapshot;
        Reads::single(match &stored.error {
            Some(failure) if failure.is_access_failure() => Err(failure.kind),
            _ if stored.checked_at.is_some() => Ok(stored.reading.clone()),
            failure => Err(failure.as_ref().map_or(FailureKind::Transient, |failure| failure.kind)),
        })
    }

    /// The decision for this caller over the stored facts; nothing is read at Meta or called.
    pub fn registration_state(&self, caller: Caller, now: Timestamp) -> RegistrationState {
        let history = self.history();
        RegistrationState {
            decision: decide(caller, &self.stored_reads(), &history, now),
            can_leave_app: can_leave_app(&self.stored_reads(), &history, now),
            spent: history.ledger.spent(now),
            held_until: self.held_until.filter(|until| *until > now),
            attempts: self.attempts.iter().rev().take(LISTED_ATTEMPTS).cloned().collect(),
            has_pin: history.has_pin,
            reading_checked_at: self.snapshot.checked_at,
        }
    }

    /// The owner of the number's WABA, by the best source there is.
    pub(crate) fn owner(&self) -> Option<BusinessId> {
        owner::of_channel(&self.channel, self.snapshot.waba.as_ref(), self.named_owner.as_ref())
    }

    /// W9: refuses set-up of an incomplete channel before any call, in the origin's words.
    pub(crate) fn check_complete(record: Option<&Self>) -> Result<(), FlowError> {
        let (waba, token) = record.map_or(("", ""), |record| {
            (record.channel.waba_id.as_str(), record.credentials.access_token.expose_secret())
        });
        match missing_for_setup(record.is_some(), waba, token) {
            Some(text) => Err(FlowError::refused(Refusal::MissingParameter, text)),
            None => Ok(()),
        }
    }
}

impl From<NumberRow> for NumberRecord {
    fn from(row: NumberRow) -> Self {
        Self {
            channel: row.channel,
            credentials: row.credentials,
            token: row.token,
            facts: row.facts,
            is_changed: false,
            attempts: row.attempts,
            changes: row.changes,
            held_until: row.held_until,
            pin_set_at: row.pin_set_at.filter(|_| row.has_pin),
            snapshot: row.snapshot.unwrap_or_default(),
            webhook: row.webhook,
            last_assessment: last_assessment::from_json(&row.assessment.last),
            named_owner: row.waba_owner.map(BusinessId),
            app_callback: app_callback_json::parse(row.app_callback.as_deref()),
        }
    }
}

/// The refusal of a request about a channel that does not exist.
pub(crate) fn not_found() -> FlowError {
    FlowError::refused(Refusal::NotFound, "The inbox does not exist")
}

/// Where a number's registration stands.
#[derive(Debug, Clone)]
pub struct RegistrationState {
    /// The decision for the caller it was asked for.
    pub decision: Decision,
    /// The owner may decide to register the number here, which takes it out of the WhatsApp Business app.
    pub can_leave_app: bool,
    /// Calls that count on Meta's budget now.
    pub spent: Spent,
    /// Meta accepts no call before this instant; `None` when no hold is in force.
    pub held_until: Option<Timestamp>,
    /// The newest calls, newest first, at most 100.
    pub attempts: Vec<RecordedAttempt>,
    pub has_pin: bool,
    /// When the stored reading was made.
    pub reading_checked_at: Option<Timestamp>,
}
