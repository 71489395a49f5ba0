//! The stored record of one number, loaded once per step of a flow and handed on.

use domain::channel::Channel;
use domain::ids::ChannelId;
use domain::registration::ledger::Spent;
use domain::registration::{Caller, Decision, History, decide};
use domain::signup::missing_for_setup;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::reading;
use crate::App;
use crate::flows::{FlowError, Refusal};
use crate::store::channels::Credentials;
use crate::store::numbers::RecordedAttempt;
use crate::store::{self, channels, numbers, snapshots};

/// A channel with what is needed to act for it.
#[derive(Debug, Clone)]
pub struct NumberRecord {
    pub(crate) channel: Channel,
    pub(crate) credentials: Credentials,
    pub(crate) history: History,
}

impl NumberRecord {
    /// Loads a channel, its credentials and its history; `None` when the channel is gone.
    pub(crate) async fn load(app: &App, id: ChannelId) -> Result<Option<Self>, store::Error> {
        let mut tx = app.store.read().await?;
        let Some(channel) = channels::find(&mut tx, id).await? else { return Ok(None) };
        let Some(credentials) = channels::credentials(&mut tx, id).await? else { return Ok(None) };
        let history = numbers::history(&mut tx, &channel).await?;
        Ok(Some(Self { channel, credentials, history }))
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

/// Where a number's registration stands.
#[derive(Debug, Clone)]
pub struct RegistrationState {
    /// The decision for the caller it was asked for.
    pub decision: Decision,
    /// Calls that count on Meta's budget now.
    pub spent: Spent,
    /// Meta accepts no call before this instant; `None` when it is over.
    pub held_until: Option<Timestamp>,
    /// The calls, newest first, at most 100.
    pub attempts: Vec<RecordedAttempt>,
    pub has_pin: bool,
    /// When the stored reading was made.
    pub reading_checked_at: Option<Timestamp>,
}

/// Decides for this caller over the stored facts; nothing is read at Meta or called.
pub async fn registration_state(app: &App, channel: &Channel, caller: Caller) -> Result<RegistrationState, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let history = numbers::history(&mut tx, channel).await?;
    let attempts = numbers::attempts(&mut tx, &channel.phone_number_id, 100).await?;
    let snapshot = snapshots::latest(&mut tx, channel.id).await?;
    drop(tx);
    let reads = reading::stored_reads(snapshot.as_ref());
    Ok(RegistrationState {
        decision: decide(caller, &reads, &history, now),
        spent: history.ledger.spent(now),
        held_until: history.ledger.held_until.filter(|until| *until > now),
        attempts,
        has_pin: history.has_pin,
        reading_checked_at: snapshot.and_then(|stored| stored.checked_at),
    })
}
