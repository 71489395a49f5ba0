//! The record of a number: everything stored about it and its channel, in one statement for one number or
//! for a whole page of numbers. What follows from a record is decided by the callers.

use domain::channel::Channel;
use domain::ids::{ChannelId, PhoneNumberId};
use domain::registration::Changes;
use jiff::Timestamp;

use super::attempts::{self, RecordedAttempt};
use super::changes;
use super::channels::assessment::{self, StoredAssessment};
use super::channels::credentials::{self, Credentials, TokenState};
use super::channels::webhook::{self, Webhook};
use super::channels::{self as channel_rows};
use super::facts::NumberFacts;
use super::number::read_facts;
use super::snapshots::{self, StoredSnapshot};
use crate::engine::columns::At;
use crate::{Error, Tx};

/// The row of a channel with everything that hangs on it one to one. Columns that two tables share are renamed.
macro_rules! record {
    ($attempts:literal, $changes:literal, $condition:expr) => {
        concat!(
            "select channel.id, channel.account_id, channel.name, channel.phone_number, channel.phone_number_id,
            channel.waba_id, channel.business_id, channel.onboarding, channel.created_at, channel.access_token,
            channel.token_expires_at, channel.token_dead_since, channel.token_renewed_at, channel.verify_token,
            channel.level, channel.level_until, channel.last_assessment,
            channel_webhook.subscribed_at, channel_webhook.override_level, channel_webhook.override_url,
            channel_webhook.override_error, channel_webhook.verified_at, channel_webhook.last_seen_at,
            channel_webhook.first_seen_at, channel_webhook.longest_gap, channel_webhook.error,
            channel_webhook.checked_at as webhook_checked_at, channel_webhook.repairs,
            number.pin is not null as has_pin, number.pin_set_at, number.held_until, number.facts,
            snapshot.channel_id as snapshot_of, snapshot.reading, snapshot.waba, snapshot.checked_at,
            snapshot.failure, snapshot.failed_at,
            (select plain from setting where name = 'app_callback') as app_callback,
            (select plain from setting where name = 'waba_owner:' || channel.waba_id) as waba_owner,
            (select ",
            $attempts,
            " from number_attempt it
             where it.phone_number_id = channel.phone_number_id) as attempts,
            (select ",
            $changes,
            " from number_change it
             where it.phone_number_id = channel.phone_number_id) as changes
            from channel left join channel_webhook on channel_webhook.channel_id = channel.id
            left join number on number.phone_number_id = channel.phone_number_id
            left join snapshot on snapshot.channel_id = channel.id where ",
            $condition
        )
    };
}

macro_rules! sqlite {
    ($condition:literal) => {
        record!(
            "json_group_array(json_array(lower(hex(it.id)), it.kind, it.basis, it.reason, it.started_at,
             it.settled_at, it.succeeded, it.failure, it.is_assumed))",
            "json_group_array(json_array(it.kind, it.at, it.source))",
            $condition
        )
    };
}

macro_rules! postgres {
    ($condition:literal) => {
        record!(
            "coalesce(json_agg(json_build_array(it.id, it.kind, it.basis, it.reason, it.started_at,
             it.settled_at, it.succeeded, it.failure, it.is_assumed)), '[]')::text",
            "coalesce(json_agg(json_build_array(it.kind, it.at, it.source)), '[]')::text",
            $condition
        )
    };
}

statements! {
    FIND = sqlite!("channel.id = $1"), postgres: postgres!("channel.id = $1");
    MANY = sqlite!("channel.id in (select value from json_each($1)) order by channel.id"),
        postgres: postgres!("channel.id in (select value::bigint from json_array_elements_text($1::json))
        order by channel.id");
}

/// Everything stored about a number and its channel.
#[derive(Debug, Clone)]
pub struct NumberRow {
    pub channel: Channel,
    pub credentials: Credentials,
    pub token: TokenState,
    pub facts: NumberFacts,
    /// Every register and deregister call, oldest first.
    pub attempts: Vec<RecordedAttempt>,
    /// The newest change of each kind.
    pub changes: Changes,
    /// No call is made before this; `None` when no hold was ever set.
    pub held_until: Option<Timestamp>,
    pub has_pin: bool,
    /// When the stored PIN was generated or entered; `None` when no PIN is stored.
    pub pin_set_at: Option<Timestamp>,
    /// `None` until a read was tried.
    pub snapshot: Option<StoredSnapshot>,
    pub webhook: Webhook,
    pub assessment: StoredAssessment,
    pub app_callback: Option<String>,
    /// The setting [`settings::waba_owner`](crate::settings::waba_owner) of the channel's WABA.
    pub waba_owner: Option<String>,
}

/// Loads the record of a channel in one statement; `None` when the channel is gone.
pub async fn load(tx: &mut Tx, id: ChannelId) -> Result<Option<NumberRow>, Error> {
    let row: Option<Row> = one!(tx, FIND, id.0)?;
    row.map(|row| row.read(tx)).transpose()
}

/// Loads the records of these channels in one statement, in the order of their ids. Channels that are gone
/// are left out.
pub async fn load_many(tx: &mut Tx, ids: &[ChannelId]) -> Result<Vec<NumberRow>, Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<Row> = all!(tx, MANY, serde_json::Value::from(ids).to_string())?;
    tx.readable(rows.into_iter().map(|row| row.read(tx)))
}

row! {
    struct Row {
        id: i64,
        account_id: i64,
        name: String,
        phone_number: String,
        phone_number_id: String,
        waba_id: String,
        business_id: Option<String>,
        onboarding: String,
        created_at: i64,
        access_token: Vec<u8>,
        token_expires_at: Option<i64>,
        token_dead_since: Option<i64>,
        token_renewed_at: Option<i64>,
        verify_token: Vec<u8>,
        level: Option<String>,
        level_until: Option<i64>,
        last_assessment: Option<String>,
        subscribed_at: Option<i64>,
        override_level: Option<String>,
        override_url: Option<String>,
        override_error: Option<String>,
        verified_at: Option<i64>,
        last_seen_at: Option<i64>,
        first_seen_at: Option<i64>,
        longest_gap: Option<i64>,
        error: Option<String>,
        webhook_checked_at: Option<i64>,
        repairs: Option<String>,
        has_pin: bool,
        pin_set_at: Option<i64>,
        held_until: Option<i64>,
        facts: Option<String>,
        snapshot_of: Option<i64>,
        reading: Option<String>,
        waba: Option<String>,
        checked_at: Option<i64>,
        failure: Option<String>,
        failed_at: Option<i64>,
        app_callback: Option<String>,
        waba_owner: Option<String>,
        attempts: String,
        changes: String,
    }
}

impl Row {
    #[expect(clippy::too_many_lines, reason = "one line per column, read as a table")]
    fn read(self, tx: &Tx) -> Result<NumberRow, Error> {
        let id = ChannelId(self.id);
        let number = PhoneNumberId(self.phone_number_id.clone());
        let at = At { table: "number", id: &number };
        let changes: Vec<(String, i64, String)> =
            serde_json::from_str(&self.changes).map_err(Error::corrupt("number_change", &number, "kind"))?;
        let webhook = match self.override_level {
            None => Webhook::default(),
            Some(override_level) => webhook::Row {
                subscribed_at: self.subscribed_at,
                override_level,
                override_url: self.override_url,
                override_error: self.override_error,
                verified_at: self.verified_at,
                last_seen_at: self.last_seen_at,
                first_seen_at: self.first_seen_at,
                longest_gap: self.longest_gap,
                error: self.error,
                checked_at: self.webhook_checked_at,
                repairs: self.repairs,
            }
            .read(id)?,
        };
        let snapshot = snapshots::Row {
            reading: self.reading,
            waba: self.waba,
            checked_at: self.checked_at,
            failure: self.failure,
            failed_at: self.failed_at,
        };
        let credentials = credentials::Row {
            phone_number: self.phone_number.clone(),
            access_token: self.access_token,
            token_expires_at: self.token_expires_at,
            verify_token: self.verify_token,
        };
        let token = (self.token_expires_at, self.token_dead_since, self.token_renewed_at);
        let channel = channel_rows::Row {
            id: self.id,
            account_id: self.account_id,
            name: self.name,
            phone_number: self.phone_number,
            phone_number_id: self.phone_number_id,
            waba_id: self.waba_id,
            business_id: self.business_id,
            onboarding: self.onboarding,
            created_at: self.created_at,
        };
        Ok(NumberRow {
            channel: Channel::try_from(channel)?,
            credentials: credentials.open(tx, id)?,
            token: credentials::read_state(id, token)?,
            facts: self.facts.map_or_else(|| Ok(NumberFacts::default()), |text| read_facts(&number, &text))?,
            attempts: attempts::from_json(&number, &self.attempts)?,
            changes: changes::read(&number, changes)?,
            held_until: at.maybe_time("held_until", self.held_until)?,
            has_pin: self.has_pin,
            pin_set_at: at.maybe_time("pin_set_at", self.pin_set_at.filter(|_| self.has_pin))?,
            snapshot: self.snapshot_of.is_some().then(|| snapshot.read(id)).transpose()?,
            webhook,
            assessment: assessment::read(id, (self.level, self.level_until, self.last_assessment))?,
            app_callback: self.app_callback,
            waba_owner: self.waba_owner,
        })
    }
}
