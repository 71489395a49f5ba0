//! What is known of a channel's callbacks. Subscribed, overridden, verified and heard from are four
//! separate facts; whether that is well is not judged here.

use domain::callbacks::Repairs;
use domain::ids::ChannelId;
use jiff::{SignedDuration, Timestamp};

use crate::engine::columns::{At, maybe_micros, micros};
use crate::numbers::{repairs_from_json, repairs_to_json};
use crate::{Error, Tx};

/// The gap that ends takes a 32nd of itself off the longest so far, and may be the longest itself.
macro_rules! record_last_seen {
    ($channels:literal, $greater:literal) => {
        concat!(
            "insert into channel_webhook (channel_id, override_level, last_seen_at, first_seen_at, longest_gap)
            select id, 'none', $2, $2, 0 from channel where ",
            $channels,
            " on conflict (channel_id) do update set last_seen_at = excluded.last_seen_at,
            first_seen_at = coalesce(channel_webhook.first_seen_at, excluded.first_seen_at),
            longest_gap = ",
            $greater,
            "(excluded.last_seen_at - coalesce(channel_webhook.last_seen_at, excluded.last_seen_at),
            coalesce(channel_webhook.longest_gap, 0)
            - (excluded.last_seen_at - coalesce(channel_webhook.last_seen_at, excluded.last_seen_at)) / 32)
            where channel_webhook.last_seen_at is null or channel_webhook.last_seen_at < excluded.last_seen_at"
        )
    };
}

statements! {
    SELECT = "select subscribed_at, override_level, override_url, override_error, verified_at, last_seen_at, first_seen_at,
        longest_gap, error, checked_at, repairs from channel_webhook where channel_id = $1";
    SET = "insert into channel_webhook
        (channel_id, subscribed_at, override_level, override_url, override_error, verified_at, last_seen_at, error,
         checked_at, repairs)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        on conflict (channel_id) do update set
        subscribed_at = excluded.subscribed_at, override_level = excluded.override_level,
        override_url = excluded.override_url, override_error = excluded.override_error,
        verified_at = coalesce(excluded.verified_at, channel_webhook.verified_at),
        last_seen_at = coalesce(channel_webhook.last_seen_at, excluded.last_seen_at),
        error = excluded.error, checked_at = excluded.checked_at, repairs = excluded.repairs";
    OUTDATED = "select channel_id from channel_webhook where override_url is not null
        and substr(override_url, 1, length($1)) <> $1 order by channel_id limit $2";
    RECORD_LAST_SEEN = record_last_seen!("id in (select value from json_each($1))", "max"),
        postgres: record_last_seen!("id in (select value::bigint from json_array_elements_text($1::json)) order by id", "greatest");
    RECORD_VERIFIED = "insert into channel_webhook (channel_id, override_level, verified_at) values ($1, 'none', $2)
        on conflict (channel_id) do update set verified_at = excluded.verified_at";
}

/// On which level Meta was told to send this channel's messages to its own callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OverrideLevel {
    /// On none: the app's callback is used.
    #[default]
    None,
    Waba,
    Number,
}

impl OverrideLevel {
    /// The word kept in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Waba => "waba",
            Self::Number => "number",
        }
    }

    /// Reads the word back.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Waba, Self::Number].into_iter().find(|level| level.as_str() == word)
    }
}

/// What is known of a channel's callbacks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Webhook {
    /// Since when our app is known subscribed to its WABA.
    pub subscribed_at: Option<Timestamp>,
    /// Where the override was set.
    pub override_level: OverrideLevel,
    pub override_url: Option<String>,
    /// Why it could not be set.
    pub override_error: Option<String>,
    /// When Meta's handshake for the callback was last answered.
    pub verified_at: Option<Timestamp>,
    /// When Meta last sent something about the number.
    pub last_seen_at: Option<Timestamp>,
    /// Since when it is heard of.
    pub first_seen_at: Option<Timestamp>,
    /// The longest time between two of what Meta sent; older ones fade.
    pub longest_gap: Option<SignedDuration>,
    pub error: Option<String>,
    /// When it was last looked at.
    pub checked_at: Option<Timestamp>,
    /// What was repaired without a person, and what a person was asked about.
    pub repairs: Repairs,
}

/// What is known of a channel's callbacks; the default when nothing is.
#[cfg(feature = "testing")]
pub async fn webhook(tx: &mut Tx, id: ChannelId) -> Result<Webhook, Error> {
    let row: Option<Row> = one!(tx, SELECT, id.0)?;
    row.map_or_else(|| Ok(Webhook::default()), |row| row.read(id))
}

/// Writes what is known down. What was heard is kept as it is on record (see [`record_last_seen()`]), and `verified_at`
/// where it is not given.
pub async fn set_webhook(tx: &mut Tx, id: ChannelId, facts: &Webhook) -> Result<(), Error> {
    let Webhook {
        subscribed_at,
        override_level,
        override_url,
        override_error,
        verified_at,
        last_seen_at,
        first_seen_at: _,
        longest_gap: _,
        error,
        checked_at,
        repairs,
    } = facts;
    let repairs = Some(repairs_to_json(repairs)).filter(|json| !json.is_null());
    run!(
        tx,
        SET,
        id.0,
        maybe_micros(*subscribed_at),
        override_level.as_str(),
        override_url.as_deref(),
        override_error.as_deref(),
        maybe_micros(*verified_at),
        maybe_micros(*last_seen_at),
        error.as_deref(),
        maybe_micros(*checked_at),
        repairs.map(|json| json.to_string()),
    )?;
    Ok(())
}

/// Channels whose override was set to an address that does not begin like this, in the order of their ids.
pub async fn overrides_elsewhere(tx: &mut Tx, beginning: &str, limit: i64) -> Result<Vec<ChannelId>, Error> {
    let rows: Vec<(i64,)> = all!(tx, OUTDATED, beginning, limit)?;
    Ok(rows.into_iter().map(|(id,)| ChannelId(id)).collect())
}

/// Notes that Meta sent something about these numbers; ids of deleted channels are passed over.
pub async fn record_last_seen(tx: &mut Tx, ids: &[ChannelId], now: Timestamp) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    run!(tx, RECORD_LAST_SEEN, format!("[{}]", ids.join(",")), micros(now))?;
    Ok(())
}

/// Notes that Meta's handshake for the channel's callback was answered.
pub async fn record_verified(tx: &mut Tx, id: ChannelId, now: Timestamp) -> Result<(), Error> {
    run!(tx, RECORD_VERIFIED, id.0, micros(now))?;
    Ok(())
}

row! {
    pub(crate) struct Row {
        pub(in crate::numbers) subscribed_at: Option<i64>,
        pub(in crate::numbers) override_level: String,
        pub(in crate::numbers) override_url: Option<String>,
        pub(in crate::numbers) override_error: Option<String>,
        pub(in crate::numbers) verified_at: Option<i64>,
        pub(in crate::numbers) last_seen_at: Option<i64>,
        pub(in crate::numbers) first_seen_at: Option<i64>,
        pub(in crate::numbers) longest_gap: Option<i64>,
        pub(in crate::numbers) error: Option<String>,
        pub(in crate::numbers) checked_at: Option<i64>,
        pub(in crate::numbers) repairs: Option<String>,
    }
}

impl Row {
    pub(in crate::numbers) fn read(self, id: ChannelId) -> Result<Webhook, Error> {
        let at = At { table: "channel_webhook", id: &id };
        Ok(Webhook {
            subscribed_at: at.maybe_time("subscribed_at", self.subscribed_at)?,
            override_level: at.some("override_level", OverrideLevel::parse(&self.override_level))?,
            override_url: self.override_url,
            override_error: self.override_error,
            verified_at: at.maybe_time("verified_at", self.verified_at)?,
            last_seen_at: at.maybe_time("last_seen_at", self.last_seen_at)?,
            first_seen_at: at.maybe_time("first_seen_at", self.first_seen_at)?,
            longest_gap: self.longest_gap.map(SignedDuration::from_micros),
            error: self.error,
            checked_at: at.maybe_time("checked_at", self.checked_at)?,
            repairs: match self.repairs {
                Some(text) => repairs_from_json(&at.json("repairs", &text)?),
                None => Repairs::default(),
            },
        })
    }
}
