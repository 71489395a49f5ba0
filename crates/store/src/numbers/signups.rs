//! Embedded signups from the code's arrival on. The token a code was exchanged for is sealed here, so
//! that a signup that was interrupted or lacks something can go on. A code begins one signup.

use aws_lc_rs::digest;
use domain::channel::Onboarding;
use domain::ids::{AccountId, BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::signup::{SignupRoute, SignupState};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::engine::columns::{At, maybe_micros, micros};
use crate::ids::SignupId;
use crate::random::earliest_uuid_at;
use crate::{Conflict, Error, Tx};

/// The columns of a signup, as [`Row`] reads them.
macro_rules! columns {
    () => {
        "id, account_id, inbox_id, state, route, onboarding, waba_id, phone_number_id, business_id, channel_id, seen, \
         error, created_at, updated_at"
    };
}

statements! {
    INSERT = "insert into signup
        (id, account_id, inbox_id, state, route, onboarding, waba_id, phone_number_id, business_id, code_hash, created_at,
         updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) on conflict do nothing";
    FIND = concat!("select ", columns!(), " from signup where id = $1");
    FIND_IN_ACCOUNT = concat!("select ", columns!(), " from signup where account_id = $1 and id = $2");
    FIND_BY_CODE = concat!("select ", columns!(), " from signup where code_hash = $1");
    LIST = concat!("select ", columns!(), " from signup where account_id = $1 and id < $2 order by id desc limit $3");
    LIST_IN_STATE = concat!("select ", columns!(),
        " from signup where account_id = $1 and state = $4 and id < $2 order by id desc limit $3");
    SINCE = concat!("select ", columns!(), " from signup where id >= $1 order by id");
    OPEN = concat!("select ", columns!(),
        " from signup where state not in ('done', 'failed') and id > $1 order by id limit $2");
    WAITING = concat!("select ", columns!(),
        " from signup where waba_id = $1 and channel_id is null and state <> 'failed' order by id");
    UPDATE = "update signup set state = $2, onboarding = $3, waba_id = $4, phone_number_id = $5, business_id = $6,
        channel_id = $7, error = $8, updated_at = $9, inbox_id = $10, route = $11, seen = $12 where id = $1";
    CLAIM = "update signup set updated_at = $4 where id = $1 and state = $2 and updated_at = $3";
    TOKEN = "select access_token, token_expires_at from signup where id = $1";
    SET_TOKEN = "update signup set access_token = $2, token_expires_at = $3, updated_at = $4 where id = $1";
    DROP_TOKEN = "update signup set access_token = null where id = $1";
}

/// A signup to be kept.
#[derive(Debug, Clone)]
pub struct NewSignup {
    pub account_id: AccountId,
    /// Which inbox is to be re-authorised; `None` makes a new one.
    pub inbox_id: Option<ChannelId>,
    pub route: SignupRoute,
    /// How the number comes.
    pub onboarding: Onboarding,
    /// The account the browser named.
    pub waba_id: Option<WabaId>,
    /// The number it named.
    pub phone_number_id: Option<PhoneNumberId>,
    /// The portfolio it named.
    pub business_id: Option<BusinessId>,
    /// The code; only its hash is kept.
    pub code: SecretString,
}

/// A number that a signup saw in an account at Meta and did not choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotChosenNumber {
    pub waba_id: WabaId,
    pub phone_number_id: PhoneNumberId,
    /// In Meta's writing; empty if it was not read.
    pub phone_number: String,
    /// The display name; empty if it was not read.
    pub name: String,
}

/// A signup as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signup {
    /// Ours; shown as `sgn_…`.
    pub id: SignupId,
    pub account_id: AccountId,
    /// Which inbox is to be re-authorised; `None` makes a new one.
    pub inbox_id: Option<ChannelId>,
    pub state: SignupState,
    pub route: SignupRoute,
    /// How the number comes.
    pub onboarding: Onboarding,
    /// The account at Meta: the browser's claim until Meta confirmed it.
    pub waba_id: Option<WabaId>,
    pub phone_number_id: Option<PhoneNumberId>,
    pub business_id: Option<BusinessId>,
    /// What became of it.
    pub channel_id: Option<ChannelId>,
    /// The numbers that it saw and did not choose.
    pub seen: Vec<NotChosenNumber>,
    /// Why it failed; the flow's own shape.
    pub error: Option<Value>,
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
}

/// Keeps a new signup; [`Conflict::SignupCode`] when its code was handed over before.
pub async fn insert(tx: &mut Tx, new: &NewSignup, now: Timestamp) -> Result<SignupId, Error> {
    let NewSignup { account_id, inbox_id, route, onboarding, waba_id, phone_number_id, business_id, code } = new;
    let id = SignupId::fresh(now);
    let written = run!(
        tx,
        INSERT,
        id,
        account_id.0,
        inbox_id.map(|id| id.0),
        SignupState::New.into_str(),
        route.into_str(),
        onboarding.into_str(),
        waba_id.as_ref().map(WabaId::as_str),
        phone_number_id.as_ref().map(PhoneNumberId::as_str),
        business_id.as_ref().map(BusinessId::as_str),
        code_hash(code),
        micros(now),
    )?;
    if written == 1 { Ok(id) } else { Err(Error::Conflict(Conflict::SignupCode)) }
}

/// Finds a signup. For what starts from outside use [`find_in_account`].
pub async fn find(tx: &mut Tx, id: SignupId) -> Result<Option<Signup>, Error> {
    maybe(one!(tx, FIND, id)?)
}

/// Finds a signup of an account; a foreign one is not found.
pub async fn find_in_account(tx: &mut Tx, account: AccountId, id: SignupId) -> Result<Option<Signup>, Error> {
    maybe(one!(tx, FIND_IN_ACCOUNT, account.0, id)?)
}

/// Finds the signup that a code began.
pub async fn find_by_code(tx: &mut Tx, code: &SecretString) -> Result<Option<Signup>, Error> {
    maybe(one!(tx, FIND_BY_CODE, code_hash(code))?)
}

/// Signups of an account, newest first, before a given one.
pub async fn list(tx: &mut Tx, account: AccountId, before: Option<SignupId>, limit: i64) -> Result<Vec<Signup>, Error> {
    let rows = all!(tx, LIST, account.0, before.unwrap_or(SignupId(Uuid::max())), limit)?;
    many(tx, rows)
}

/// Signups of an account in one state, newest first, before a given one.
pub async fn list_in_state(
    tx: &mut Tx,
    account: AccountId,
    state: SignupState,
    before: Option<SignupId>,
    limit: i64,
) -> Result<Vec<Signup>, Error> {
    let rows = all!(tx, LIST_IN_STATE, account.0, before.unwrap_or(SignupId(Uuid::max())), limit, state.into_str())?;
    many(tx, rows)
}

/// Signups of every account that began at an instant or later, oldest first.
pub async fn since(tx: &mut Tx, began: Timestamp) -> Result<Vec<Signup>, Error> {
    let rows = all!(tx, SINCE, SignupId(earliest_uuid_at(began)))?;
    many(tx, rows)
}

/// Signups that have not ended, of every account, in the order of their ids, after a given one.
pub async fn open(tx: &mut Tx, after: Option<SignupId>, limit: i64) -> Result<Vec<Signup>, Error> {
    let rows = all!(tx, OPEN, after.unwrap_or(SignupId(Uuid::nil())), limit)?;
    many(tx, rows)
}

/// Signups for a WABA that neither have a channel nor failed, oldest first.
pub async fn waiting(tx: &mut Tx, waba: &WabaId) -> Result<Vec<Signup>, Error> {
    let rows = all!(tx, WAITING, waba.as_str())?;
    many(tx, rows)
}

/// Dates a signup anew if nobody changed it since it was read: of several callers one goes on with it.
pub async fn claim(tx: &mut Tx, read: &Signup, now: Timestamp) -> Result<bool, Error> {
    Ok(run!(tx, CLAIM, read.id, read.state.into_str(), micros(read.updated_at), micros(now))? == 1)
}

/// Stores the progress of a signup; account and times of the value are not written.
pub async fn update(tx: &mut Tx, signup: &Signup, now: Timestamp) -> Result<bool, Error> {
    let touched = run!(
        tx,
        UPDATE,
        signup.id,
        signup.state.into_str(),
        signup.onboarding.into_str(),
        signup.waba_id.as_ref().map(WabaId::as_str),
        signup.phone_number_id.as_ref().map(PhoneNumberId::as_str),
        signup.business_id.as_ref().map(BusinessId::as_str),
        signup.channel_id.map(|id| id.0),
        signup.error.as_ref().map(Value::to_string),
        micros(now),
        signup.inbox_id.map(|id| id.0),
        signup.route.into_str(),
        seen_to_json(&signup.seen),
    )?;
    Ok(touched == 1)
}

fn seen_to_json(seen: &[NotChosenNumber]) -> Option<String> {
    let row = |it: &NotChosenNumber| {
        json!({ "waba_id": it.waba_id.as_str(), "phone_number_id": it.phone_number_id.as_str(),
            "phone_number": it.phone_number, "name": it.name })
    };
    (!seen.is_empty()).then(|| Value::Array(seen.iter().map(row).collect()).to_string())
}

fn seen_from_json(rows: &Value) -> Vec<NotChosenNumber> {
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let read = |row: &Value| {
        Some(NotChosenNumber {
            waba_id: WabaId(text(row, "waba_id")?),
            phone_number_id: PhoneNumberId(text(row, "phone_number_id")?),
            phone_number: text(row, "phone_number").unwrap_or_default(),
            name: text(row, "name").unwrap_or_default(),
        })
    };
    rows.as_array().into_iter().flatten().filter_map(read).collect()
}

/// The token the code was exchanged for, opened, and when it ends.
pub async fn token(tx: &mut Tx, id: SignupId) -> Result<Option<(SecretString, Option<Timestamp>)>, Error> {
    let row: Option<(Option<Vec<u8>>, Option<i64>)> = one!(tx, TOKEN, id)?;
    let Some((Some(blob), expires_at)) = row else { return Ok(None) };
    let token = tx.keyring.open_secret(&token_place(id), &blob);
    let token = token.map_err(Error::corrupt("signup", id, "access_token"))?;
    let expires_at = At { table: "signup", id: &id }.maybe_time("token_expires_at", expires_at)?;
    Ok(Some((token, expires_at)))
}

/// Seals and keeps the token the code was exchanged for.
pub async fn set_token(
    tx: &mut Tx,
    id: SignupId,
    token: &SecretString,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, Error> {
    let sealed = tx.keyring.seal_secret(&token_place(id), token)?;
    Ok(run!(tx, SET_TOKEN, id, sealed.as_slice(), maybe_micros(expires_at), micros(now))? == 1)
}

/// Forgets the token: the channel has it, or the signup failed.
pub async fn drop_token(tx: &mut Tx, id: SignupId) -> Result<(), Error> {
    run!(tx, DROP_TOKEN, id)?;
    Ok(())
}

/// The place a signup's token is sealed for.
pub(crate) fn token_place(id: SignupId) -> String {
    format!("signup/access_token/{id}")
}

fn code_hash(code: &SecretString) -> Vec<u8> {
    digest::digest(&digest::SHA256, code.expose_secret().as_bytes()).as_ref().to_vec()
}

row! {
    struct Row {
        id: SignupId,
        account_id: i64,
        inbox_id: Option<i64>,
        state: String,
        route: String,
        onboarding: String,
        waba_id: Option<String>,
        phone_number_id: Option<String>,
        business_id: Option<String>,
        channel_id: Option<i64>,
        seen: Option<String>,
        error: Option<String>,
        created_at: i64,
        updated_at: i64,
    }
}

impl TryFrom<Row> for Signup {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let at = At { table: "signup", id: &row.id };
        Ok(Self {
            id: row.id,
            account_id: AccountId(row.account_id),
            inbox_id: row.inbox_id.map(ChannelId),
            state: at.some("state", row.state.parse().ok())?,
            route: at.some("route", row.route.parse().ok())?,
            onboarding: row.onboarding.parse().unwrap_or_default(),
            waba_id: row.waba_id.map(WabaId),
            phone_number_id: row.phone_number_id.map(PhoneNumberId),
            business_id: row.business_id.map(BusinessId),
            channel_id: row.channel_id.map(ChannelId),
            seen: row
                .seen
                .map(|text| at.json("seen", &text))
                .transpose()?
                .as_ref()
                .map(seen_from_json)
                .unwrap_or_default(),
            error: row.error.map(|text| at.json("error", &text)).transpose()?,
            created_at: at.time("created_at", row.created_at)?,
            updated_at: at.time("updated_at", row.updated_at)?,
        })
    }
}

fn maybe(row: Option<Row>) -> Result<Option<Signup>, Error> {
    row.map(Signup::try_from).transpose()
}

fn many(tx: &Tx, rows: Vec<Row>) -> Result<Vec<Signup>, Error> {
    tx.readable(rows.into_iter().map(Signup::try_from))
}
