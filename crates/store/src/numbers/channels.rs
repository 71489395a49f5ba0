//! Connected numbers. An account's id stands in every query that starts from outside.
//!
//! Beside: [`mod@credentials`] (sealed tokens and their state), [`mod@webhook`] (what is known of the callbacks),
//! [`mod@assessment`] (the last level, to announce a change once). The ledger is not here: it belongs to
//! the number and outlives the channel.

use domain::channel::{Channel, Onboarding};
use domain::ids::{AccountId, BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::engine::columns::{At, maybe_micros, micros};
use crate::{Conflict, Error, Tx};

pub mod assessment;
pub mod credentials;
pub mod webhook;

pub use assessment::{
    StoredAssessment, assessment, assessments_due, count_by_level, list_assessed, list_by_level, set_assessment,
};
pub use credentials::{
    Credentials, Reauthorization, TokenState, reauthorize, renew_token, token_alive, token_dead, verify_token,
    without_token_watch,
};
#[cfg(feature = "testing")]
pub use credentials::{credentials, token_state};
#[cfg(feature = "testing")]
pub use webhook::webhook;
pub use webhook::{OverrideLevel, Webhook, overrides_elsewhere, record_last_seen, record_verified, set_webhook};

/// The columns of a channel, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "id, account_id, name, phone_number, phone_number_id, waba_id, business_id, onboarding, created_at"
    };
}
pub(crate) use columns;

statements! {
    INSERT = "insert into channel
        (account_id, name, phone_number, phone_number_id, waba_id, business_id, onboarding, access_token,
         token_expires_at, verify_token, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
        on conflict do nothing returning id";
    PHONE_TAKEN = "select id from channel where phone_number = $1";
    FIND = concat!("select ", columns!(), " from channel where id = $1");
    FIND_IN_ACCOUNT = concat!("select ", columns!(), " from channel where account_id = $1 and id = $2");
    FIND_BY_PHONE = concat!("select ", columns!(), " from channel where phone_number = $1");
    FIND_BY_NUMBER = concat!("select ", columns!(), " from channel where phone_number_id = $1");
    LIST = concat!("select ", columns!(), " from channel where account_id = $1 and id > $2 order by id limit $3");
    LIST_BY_WABA = concat!("select ", columns!(), " from channel where waba_id = $1 order by id");
    LIST_WABAS = "select distinct waba_id from channel where waba_id > $1 order by waba_id limit $2";
    ALL = concat!("select ", columns!(), " from channel where id > $1 order by id limit $2");
    RENAME = "update channel set name = $3, updated_at = $4 where account_id = $1 and id = $2";
    DELETE = "delete from channel where id = $1";
}

/// A channel to be made.
#[derive(Debug, Clone)]
pub struct NewChannel {
    pub account_id: AccountId,
    pub name: String,
    pub phone_number: E164,
    /// Meta's id of the number.
    pub phone_number_id: PhoneNumberId,
    /// The account at Meta that holds it.
    pub waba_id: WabaId,
    /// The portfolio, where known.
    pub business_id: Option<BusinessId>,
    pub onboarding: Onboarding,
    /// What Meta is asked with.
    pub access_token: SecretString,
    /// When that ends; `None` when it does not.
    pub token_expires_at: Option<Timestamp>,
    /// What Meta's handshake for its callback must carry.
    pub verify_token: SecretString,
    pub created_at: Timestamp,
}

/// Makes a channel; [`Conflict::PhoneNumber`] or [`Conflict::PhoneNumberId`] when it exists (A2),
/// after which the transaction can go on.
pub async fn insert(tx: &mut Tx, new: &NewChannel) -> Result<ChannelId, Error> {
    let NewChannel {
        account_id,
        name,
        phone_number,
        phone_number_id,
        waba_id,
        business_id,
        onboarding,
        access_token,
        token_expires_at,
        verify_token,
        created_at,
    } = new;
    let access_token = tx.keyring.seal_secret(&credentials::access_place(phone_number), access_token)?;
    let verify_token = tx.keyring.seal_secret(&credentials::verify_place(phone_number), verify_token)?;
    let row: Option<(i64,)> = one!(
        tx,
        INSERT,
        account_id.0,
        name.as_str(),
        phone_number.as_str(),
        phone_number_id.as_str(),
        waba_id.as_str(),
        business_id.as_ref().map(BusinessId::as_str),
        onboarding.into_str(),
        access_token.as_slice(),
        maybe_micros(*token_expires_at),
        verify_token.as_slice(),
        micros(*created_at),
    )?;
    if let Some((id,)) = row {
        return Ok(ChannelId(id));
    }
    let taken: Option<(i64,)> = one!(tx, PHONE_TAKEN, phone_number.as_str())?;
    Err(Error::Conflict(if taken.is_some() { Conflict::PhoneNumber } else { Conflict::PhoneNumberId }))
}

/// Finds a channel. For what starts from outside use [`find_in_account`].
pub async fn find(tx: &mut Tx, id: ChannelId) -> Result<Option<Channel>, Error> {
    maybe(one!(tx, FIND, id.0)?)
}

/// Finds a channel of an account; a foreign one is not found.
pub async fn find_in_account(tx: &mut Tx, account: AccountId, id: ChannelId) -> Result<Option<Channel>, Error> {
    maybe(one!(tx, FIND_IN_ACCOUNT, account.0, id.0)?)
}

/// Finds the channel of a phone number, in whichever account.
pub async fn find_by_phone(tx: &mut Tx, phone: &E164) -> Result<Option<Channel>, Error> {
    maybe(one!(tx, FIND_BY_PHONE, phone.as_str())?)
}

/// Finds the channel of Meta's id of a number.
pub async fn find_by_phone_number_id(tx: &mut Tx, id: &PhoneNumberId) -> Result<Option<Channel>, Error> {
    maybe(one!(tx, FIND_BY_NUMBER, id.as_str())?)
}

/// Channels of an account, oldest first, after a given one.
pub async fn list(
    tx: &mut Tx,
    account: AccountId,
    after: Option<ChannelId>,
    limit: i64,
) -> Result<Vec<Channel>, Error> {
    let rows = all!(tx, LIST, account.0, after.map_or(0, |id| id.0), limit)?;
    many(tx, rows)
}

/// Every channel of a WABA, in whichever account.
pub async fn list_by_waba(tx: &mut Tx, waba: &WabaId) -> Result<Vec<Channel>, Error> {
    let rows = all!(tx, LIST_BY_WABA, waba.as_str())?;
    many(tx, rows)
}

/// WABAs that hold a channel, in the order of their ids, after a given one.
pub async fn list_wabas(tx: &mut Tx, after: Option<&WabaId>, limit: i64) -> Result<Vec<WabaId>, Error> {
    let rows: Vec<(String,)> = all!(tx, LIST_WABAS, after.map_or("", WabaId::as_str), limit)?;
    Ok(rows.into_iter().map(|(id,)| WabaId(id)).collect())
}

/// Channels of the whole installation, oldest first, after a given one.
pub async fn all(tx: &mut Tx, after: Option<ChannelId>, limit: i64) -> Result<Vec<Channel>, Error> {
    let rows = all!(tx, ALL, after.map_or(0, |id| id.0), limit)?;
    many(tx, rows)
}

/// Renames an inbox; false when the account has no such one.
pub async fn rename(tx: &mut Tx, account: AccountId, id: ChannelId, name: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(run!(tx, RENAME, account.0, id.0, name, micros(now))? == 1)
}

/// Deletes a channel with what hangs on it; the number's ledger and PIN stay.
pub async fn delete(tx: &mut Tx, id: ChannelId) -> Result<bool, Error> {
    Ok(run!(tx, DELETE, id.0)? == 1)
}

row! {
    /// One row of `channel`.
    pub(crate) struct Row {
        pub(in crate::numbers) id: i64,
        pub(in crate::numbers) account_id: i64,
        pub(in crate::numbers) name: String,
        pub(in crate::numbers) phone_number: String,
        pub(in crate::numbers) phone_number_id: String,
        pub(in crate::numbers) waba_id: String,
        pub(in crate::numbers) business_id: Option<String>,
        pub(in crate::numbers) onboarding: String,
        pub(in crate::numbers) created_at: i64,
    }
}

impl TryFrom<Row> for Channel {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let at = At { table: "channel", id: &row.id };
        Ok(Self {
            id: ChannelId(row.id),
            account_id: AccountId(row.account_id),
            name: row.name,
            phone_number: E164::parse(&row.phone_number).map_err(Error::corrupt("channel", row.id, "phone_number"))?,
            phone_number_id: PhoneNumberId(row.phone_number_id),
            waba_id: WabaId(row.waba_id),
            business_id: row.business_id.map(BusinessId),
            onboarding: row.onboarding.parse().unwrap_or_default(),
            created_at: at.time("created_at", row.created_at)?,
        })
    }
}

fn maybe(row: Option<Row>) -> Result<Option<Channel>, Error> {
    row.map(Channel::try_from).transpose()
}

pub(crate) fn many(tx: &Tx, rows: Vec<Row>) -> Result<Vec<Channel>, Error> {
    tx.readable(rows.into_iter().map(Channel::try_from))
}
