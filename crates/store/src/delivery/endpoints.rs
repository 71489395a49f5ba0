//! Customers' addresses that events are forwarded to. Address, headers and secrets are sealed: people put
//! tokens into all of them. An account's id stands in every query that starts from outside.
//!
//! Beside: [`mod@lease`] (which process delivers, and how far it is).
//!
//! A new column is named in the migrations of both engines, in `columns!`, in `Row` and its `open`, in `INSERT` and
//! `SET` where an owner chooses it, and in `sealing::reseal` where it is sealed.

use std::collections::BTreeMap;

use domain::delivery::{CircuitBreaker, DisabledReason, EventKind, Format};
use domain::ids::{AccountId, ChannelId};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::engine::columns::{At, maybe_micros, micros};
use crate::ids::{EndpointId, EventId};
use crate::{Error, Tx};

pub mod lease;

/// The columns of an endpoint, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "id, account_id, channel_id, name, host, url, format, kinds, headers, secret, previous_secret, \
         previous_secret_until, per_second, disabled_at, disabled_reason, cursor_event, failures, failing_since, \
         blocked_until, last_delivered_at, generation, created_at, updated_at"
    };
}

statements! {
    INSERT = "insert into endpoint (id, account_id, channel_id, name, host, url, format, kinds, headers, secret,
        per_second, cursor_event, failures, generation, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
        (select coalesce(max(id), 0) from event), 0, 0, $12, $12)";
    FIND = concat!("select ", columns!(), " from endpoint where id = $1");
    FIND_IN_ACCOUNT = concat!("select ", columns!(), " from endpoint where account_id = $1 and id = $2");
    ACCOUNT_OF = "select account_id from endpoint where id = $1";
    IDS = "select id from endpoint order by id";
    LIST = concat!("select ", columns!(), " from endpoint where account_id = $1 order by id");
    /// Those of one inbox, and those of its whole account.
    LIST_OF_CHANNEL = concat!("select ", columns!(), " from endpoint
        where account_id = $1 and (channel_id is null or channel_id = $2) order by id");
    SET = "update endpoint set name = $2, host = $3, url = $4, kinds = $5, headers = $6, per_second = $7,
        generation = generation + 1, updated_at = $8 where id = $1";
    ROTATE = "update endpoint set previous_secret = secret, previous_secret_until = $3, secret = $2,
        generation = generation + 1, updated_at = $4 where id = $1";
    DISABLE = "update endpoint set disabled_at = $2, disabled_reason = $3, generation = generation + 1, updated_at = $2
        where id = $1 and disabled_at is null";
    ENABLE = "update endpoint set disabled_at = null, disabled_reason = null, failures = 0, failing_since = null,
        blocked_until = null, generation = generation + 1, updated_at = $2 where id = $1 and disabled_at is not null";
    SKIP_TO_NOW = "update endpoint set cursor_event = (select coalesce(max(id), 0) from event) where id = $1";
    DELETE = "delete from endpoint where account_id = $1 and id = $2";
}

/// What its owner chose.
#[derive(Debug, Clone)]
pub struct Settings {
    pub name: String,
    pub url: SecretString,
    /// The part of it that may be shown in a log.
    pub host: String,
    pub kinds: Vec<EventKind>,
    /// Headers it gets with every post.
    pub headers: BTreeMap<String, SecretString>,
    /// Posts per second, at most.
    pub per_second: Option<u32>,
}

/// An endpoint to be made.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    pub account_id: AccountId,
    /// Of one inbox; `None` is the whole account.
    pub channel_id: Option<ChannelId>,
    /// How events are written.
    pub format: Format,
    /// What posts are signed with.
    pub secret: SecretString,
    /// What its owner chose.
    pub settings: Settings,
}

/// An endpoint as kept.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Ours; shown as `end_…`.
    pub id: EndpointId,
    pub account_id: AccountId,
    /// Of one inbox; `None` is the whole account.
    pub channel_id: Option<ChannelId>,
    /// How events are written.
    pub format: Format,
    /// What posts are signed with.
    pub secret: SecretString,
    /// What they were signed with before, while that is still honoured.
    pub previous_secret: Option<(SecretString, Timestamp)>,
    /// What its owner chose.
    pub settings: Settings,
    /// Since when nothing is sent to it, and why.
    pub disabled: Option<(Timestamp, DisabledReason)>,
    /// The cursor: every event up to this one was delivered or is a pending delivery.
    pub cursor: EventId,
    /// How it answered lately.
    pub breaker: CircuitBreaker,
    /// When it last took something.
    pub last_delivered_at: Option<Timestamp>,
    /// Raised by every change of its settings.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The place a column is sealed for.
pub(crate) fn place(column: &str, id: EndpointId) -> String {
    format!("endpoint/{column}/{id}")
}

/// Makes an endpoint; it gets what arrives from now on.
pub async fn insert(tx: &mut Tx, new: &NewEndpoint, now: Timestamp) -> Result<EndpointId, Error> {
    tx.pending.endpoints = true;
    let id = EndpointId::fresh(now);
    let Settings { name, url, host, kinds, headers, per_second } = &new.settings;
    let url = tx.keyring.seal_secret(&place("url", id), url)?;
    let secret = tx.keyring.seal_secret(&place("secret", id), &new.secret)?;
    let headers = tx.keyring.seal(&place("headers", id), &headers_as_json(headers))?;
    run!(
        tx,
        INSERT,
        id,
        new.account_id.0,
        new.channel_id.map(|id| id.0),
        name.as_str(),
        host.as_str(),
        url,
        new.format.into_str(),
        kinds_as_text(kinds),
        headers,
        secret,
        per_second.map(i64::from),
        micros(now),
    )?;
    Ok(id)
}

/// Finds an endpoint. For what starts from outside use [`find_in_account`].
pub async fn find(tx: &mut Tx, id: EndpointId) -> Result<Option<Endpoint>, Error> {
    let row: Option<Row> = one!(tx, FIND, id)?;
    row.map(|row| row.open(tx)).transpose()
}

/// Finds an endpoint of an account; a foreign one is not found.
pub async fn find_in_account(tx: &mut Tx, account: AccountId, id: EndpointId) -> Result<Option<Endpoint>, Error> {
    let row: Option<Row> = one!(tx, FIND_IN_ACCOUNT, account.0, id)?;
    row.map(|row| row.open(tx)).transpose()
}

/// Whose an endpoint is.
pub async fn account_of(tx: &mut Tx, id: EndpointId) -> Result<Option<AccountId>, Error> {
    let row: Option<(i64,)> = one!(tx, ACCOUNT_OF, id)?;
    Ok(row.map(|(account,)| AccountId(account)))
}

/// Every endpoint of every account.
pub async fn ids(tx: &mut Tx) -> Result<Vec<EndpointId>, Error> {
    let rows: Vec<(EndpointId,)> = all!(tx, IDS)?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Every endpoint of an account, or those that one of its inboxes' events go to; oldest first.
pub async fn list(tx: &mut Tx, account: AccountId, channel: Option<ChannelId>) -> Result<Vec<Endpoint>, Error> {
    let rows: Vec<Row> = match channel {
        Some(channel) => all!(tx, LIST_OF_CHANNEL, account.0, channel.0)?,
        None => all!(tx, LIST, account.0)?,
    };
    tx.readable(rows.into_iter().map(|row| row.open(tx)))
}

/// Changes what its owner chose; false when it is gone.
pub async fn update_settings(tx: &mut Tx, id: EndpointId, settings: &Settings, now: Timestamp) -> Result<bool, Error> {
    tx.pending.endpoints = true;
    let Settings { name, url, host, kinds, headers, per_second } = settings;
    let url = tx.keyring.seal_secret(&place("url", id), url)?;
    let headers = tx.keyring.seal(&place("headers", id), &headers_as_json(headers))?;
    let (kinds, per_second) = (kinds_as_text(kinds), per_second.map(i64::from));
    Ok(run!(tx, SET, id, name.as_str(), host.as_str(), url, kinds, headers, per_second, micros(now))? == 1)
}

/// Signs with another secret from now on; the one before is honoured until `until`. False when it is gone.
pub async fn rotate_secret(
    tx: &mut Tx,
    id: EndpointId,
    secret: &SecretString,
    until: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    tx.pending.endpoints = true;
    // both columns are sealed for the same place, so that the old secret moves as it is
    let sealed = tx.keyring.seal_secret(&place("secret", id), secret)?;
    Ok(run!(tx, ROTATE, id, sealed, micros(until), micros(now))? == 1)
}

/// Sends it nothing more; false when that was so before.
pub async fn disable(tx: &mut Tx, id: EndpointId, reason: DisabledReason, now: Timestamp) -> Result<bool, Error> {
    tx.pending.endpoints = true;
    Ok(run!(tx, DISABLE, id, micros(now), reason.into_str())? == 1)
}

/// Sends to it again, from where it stopped; false when it was not disabled.
pub async fn enable(tx: &mut Tx, id: EndpointId, now: Timestamp) -> Result<bool, Error> {
    tx.pending.endpoints = true;
    Ok(run!(tx, ENABLE, id, micros(now))? == 1)
}

/// Leaves out everything that arrived until now.
pub async fn skip_to_now(tx: &mut Tx, id: EndpointId) -> Result<(), Error> {
    tx.pending.endpoints = true;
    run!(tx, SKIP_TO_NOW, id)?;
    Ok(())
}

/// Forgets an endpoint with everything that waits for it; false when the account has no such.
pub async fn delete(tx: &mut Tx, account: AccountId, id: EndpointId) -> Result<bool, Error> {
    tx.pending.endpoints = true;
    Ok(run!(tx, DELETE, account.0, id)? == 1)
}

fn kinds_as_text(kinds: &[EventKind]) -> String {
    kinds.iter().map(EventKind::into_str).collect::<Vec<_>>().join(",")
}

fn headers_as_json(headers: &BTreeMap<String, SecretString>) -> Vec<u8> {
    let plain: BTreeMap<&str, &str> =
        headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    serde_json::to_vec(&plain).unwrap_or_default()
}

row! {
    struct Row {
        id: EndpointId,
        account_id: i64,
        channel_id: Option<i64>,
        name: String,
        host: String,
        url: Vec<u8>,
        format: String,
        kinds: String,
        headers: Vec<u8>,
        secret: Vec<u8>,
        previous_secret: Option<Vec<u8>>,
        previous_secret_until: Option<i64>,
        per_second: Option<i64>,
        disabled_at: Option<i64>,
        disabled_reason: Option<String>,
        cursor_event: i64,
        failures: i64,
        failing_since: Option<i64>,
        blocked_until: Option<i64>,
        last_delivered_at: Option<i64>,
        generation: i64,
        created_at: i64,
        updated_at: i64,
    }
}

impl Row {
    fn open(self, tx: &Tx) -> Result<Endpoint, Error> {
        let id = self.id;
        let at = At { table: "endpoint", id: &id };
        let open = |column: &'static str, sealed_for: &str, blob: &[u8]| {
            tx.keyring.open_secret(&place(sealed_for, id), blob).map_err(Error::corrupt("endpoint", id, column))
        };
        let headers = tx.keyring.open(&place("headers", id), &self.headers);
        let headers = headers.map_err(Error::corrupt("endpoint", id, "headers"))?;
        let headers: BTreeMap<String, SecretString> =
            serde_json::from_slice(&headers).map_err(Error::corrupt("endpoint", id, "headers"))?;
        let before = match (&self.previous_secret, at.maybe_time("previous_secret_until", self.previous_secret_until)?)
        {
            (Some(blob), Some(until)) => Some((open("previous_secret", "secret", blob)?, until)),
            _ => None,
        };
        let disabled_at = at.maybe_time("disabled_at", self.disabled_at)?;
        let kinds = self.kinds.split(',').filter(|word| !word.is_empty());
        let kinds = kinds.map(|word| at.some("kinds", word.parse::<EventKind>().ok())).collect::<Result<_, _>>()?;
        Ok(Endpoint {
            id,
            account_id: AccountId(self.account_id),
            channel_id: self.channel_id.map(ChannelId),
            format: at.some("format", self.format.parse().ok())?,
            secret: open("secret", "secret", &self.secret)?,
            previous_secret: before,
            settings: Settings {
                url: open("url", "url", &self.url)?,
                name: self.name,
                host: self.host,
                kinds,
                headers,
                per_second: self.per_second.and_then(|limit| u32::try_from(limit).ok()),
            },
            // a word of a later version still means that it is disabled
            disabled: disabled_at.map(|since| {
                let reason = self.disabled_reason.as_deref().and_then(|word| word.parse().ok());
                (since, reason.unwrap_or(DisabledReason::SwitchedOff))
            }),
            cursor: EventId(self.cursor_event),
            breaker: CircuitBreaker {
                failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
                failing_since: at.maybe_time("failing_since", self.failing_since)?,
                blocked_until: at.maybe_time("blocked_until", self.blocked_until)?,
            },
            last_delivered_at: at.maybe_time("last_delivered_at", self.last_delivered_at)?,
            generation: self.generation,
            created_at: at.time("created_at", self.created_at)?,
            updated_at: at.time("updated_at", self.updated_at)?,
        })
    }
}

/// The columns a breaker is kept in.
fn breaker_columns(breaker: &CircuitBreaker) -> (i64, Option<i64>, Option<i64>) {
    (i64::from(breaker.failures), maybe_micros(breaker.failing_since), maybe_micros(breaker.blocked_until))
}
