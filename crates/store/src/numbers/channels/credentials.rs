//! A channel's tokens, sealed, and what is known of the access token's life.

use domain::channel::Onboarding;
use domain::ids::{BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use jiff::Timestamp;
use secrecy::SecretString;

use crate::engine::columns::{At, maybe_micros, micros};
use crate::{Conflict, Error, Tx};

statements! {
    SELECT = "select phone_number, access_token, token_expires_at, verify_token from channel where id = $1";
    VERIFY_TOKEN = "select id, verify_token from channel where phone_number = $1";
    STATE = "select token_expires_at, token_dead_since, token_renewed_at from channel where id = $1";
    PHONE = "select phone_number from channel where id = $1";
    NUMBER_TAKEN = "select id from channel where phone_number_id = $1 and id <> $2";
    REAUTHORIZE = "update channel set access_token = $2, token_expires_at = $3, waba_id = $4, phone_number_id = $5,
        business_id = coalesce($6, business_id), onboarding = $7, token_dead_since = null, token_renewed_at = $8,
        updated_at = $8 where id = $1";
    RENEW = "update channel set access_token = $2, token_expires_at = $3, token_dead_since = null,
        token_renewed_at = $4, updated_at = $4 where id = $1";
    DEAD = "update channel set token_dead_since = $2 where id = $1 and token_dead_since is null";
    ALIVE = "update channel set token_dead_since = null, token_expires_at = $2 where id = $1";
    UNWATCHED = "select id from channel where not exists (select 1 from job
        where job.kind = 'token' and job.dedup_key = cast(channel.id as text)) order by id limit $1";
}

/// What Meta is asked with and what Meta's handshake must carry.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub access_token: SecretString,
    /// When it ends; `None` when it does not.
    pub token_expires_at: Option<Timestamp>,
    /// The verify token of the channel's callback.
    pub verify_token: SecretString,
}

/// What is known of an access token's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenState {
    /// When it ends; `None` when it does not.
    pub expires_at: Option<Timestamp>,
    /// Since when Meta refuses it.
    pub dead_since: Option<Timestamp>,
    /// When it last took another's place.
    pub renewed_at: Option<Timestamp>,
}

/// What a re-authorisation brings; the verify token and the name stay (W12, A3).
#[derive(Debug, Clone)]
pub struct Reauthorization {
    pub access_token: SecretString,
    pub token_expires_at: Option<Timestamp>,
    /// The account that holds the number now.
    pub waba_id: WabaId,
    /// Meta's id of the number now.
    pub phone_number_id: PhoneNumberId,
    /// The portfolio; `None` keeps what is known.
    pub business_id: Option<BusinessId>,
    /// How it came this time.
    pub onboarding: Onboarding,
}

row! {
    pub(crate) struct Row {
        pub(in crate::numbers) phone_number: String,
        pub(in crate::numbers) access_token: Vec<u8>,
        pub(in crate::numbers) token_expires_at: Option<i64>,
        pub(in crate::numbers) verify_token: Vec<u8>,
    }
}

/// The place an access token is sealed for; a channel's phone number never changes.
pub(crate) fn access_place(phone: &E164) -> String {
    format!("channel/access_token/{phone}")
}

/// The place a verify token is sealed for.
pub(crate) fn verify_place(phone: &E164) -> String {
    format!("channel/verify_token/{phone}")
}

/// A channel's secrets, opened.
#[cfg(feature = "testing")]
pub async fn credentials(tx: &mut Tx, id: ChannelId) -> Result<Option<Credentials>, Error> {
    let row: Option<Row> = one!(tx, SELECT, id.0)?;
    row.map(|row| row.open(tx, id)).transpose()
}

impl Row {
    pub(in crate::numbers) fn open(self, tx: &Tx, id: ChannelId) -> Result<Credentials, Error> {
        let phone = parse_phone(id, &self.phone_number)?;
        let open = |column, place: String, blob: &[u8]| {
            tx.keyring.open_secret(&place, blob).map_err(Error::corrupt("channel", id, column))
        };
        Ok(Credentials {
            access_token: open("access_token", access_place(&phone), &self.access_token)?,
            token_expires_at: At { table: "channel", id: &id }.maybe_time("token_expires_at", self.token_expires_at)?,
            verify_token: open("verify_token", verify_place(&phone), &self.verify_token)?,
        })
    }
}

/// The channel of a phone number, in whichever account, with the verify token of its callback.
pub async fn verify_token(tx: &mut Tx, phone: &E164) -> Result<Option<(ChannelId, SecretString)>, Error> {
    let row: Option<(i64, Vec<u8>)> = one!(tx, VERIFY_TOKEN, phone.as_str())?;
    let Some((id, sealed)) = row else { return Ok(None) };
    let opened = tx.keyring.open_secret(&verify_place(phone), &sealed);
    opened.map(|token| Some((ChannelId(id), token))).map_err(Error::corrupt("channel", id, "verify_token"))
}

/// What is known of the access token's life.
#[cfg(feature = "testing")]
pub async fn token_state(tx: &mut Tx, id: ChannelId) -> Result<Option<TokenState>, Error> {
    let row: Option<StateRow> = one!(tx, STATE, id.0)?;
    row.map(|row| read_state(id, row)).transpose()
}

/// The columns of a [`TokenState`]: `token_expires_at`, `token_dead_since`, `token_renewed_at`.
type StateRow = (Option<i64>, Option<i64>, Option<i64>);

pub(in crate::numbers) fn read_state(id: ChannelId, row: StateRow) -> Result<TokenState, Error> {
    let (expires_at, dead_since, renewed_at) = row;
    let at = At { table: "channel", id: &id };
    Ok(TokenState {
        expires_at: at.maybe_time("token_expires_at", expires_at)?,
        dead_since: at.maybe_time("token_dead_since", dead_since)?,
        renewed_at: at.maybe_time("token_renewed_at", renewed_at)?,
    })
}

/// Stores what a re-authorisation brought; false when the channel is gone,
/// [`Conflict::PhoneNumberId`] when another channel has that id.
pub async fn reauthorize(tx: &mut Tx, id: ChannelId, new: &Reauthorization, now: Timestamp) -> Result<bool, Error> {
    let Reauthorization { access_token, token_expires_at, waba_id, phone_number_id, business_id, onboarding } = new;
    let taken: Option<(i64,)> = one!(tx, NUMBER_TAKEN, phone_number_id.as_str(), id.0)?;
    if taken.is_some() {
        return Err(Error::Conflict(Conflict::PhoneNumberId));
    }
    let Some(sealed) = seal_access(tx, id, access_token).await? else { return Ok(false) };
    let touched = run!(
        tx,
        REAUTHORIZE,
        id.0,
        sealed.as_slice(),
        maybe_micros(*token_expires_at),
        waba_id.as_str(),
        phone_number_id.as_str(),
        business_id.as_ref().map(BusinessId::as_str),
        onboarding.into_str(),
        micros(now),
    )?;
    Ok(touched == 1)
}

/// Stores a new access token for the same number; false when the channel is gone.
pub async fn renew_token(
    tx: &mut Tx,
    id: ChannelId,
    token: &SecretString,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, Error> {
    let Some(sealed) = seal_access(tx, id, token).await? else { return Ok(false) };
    Ok(run!(tx, RENEW, id.0, sealed.as_slice(), maybe_micros(expires_at), micros(now))? == 1)
}

/// Notes that Meta refuses the token; true the first time, so that it is told once.
pub async fn token_dead(tx: &mut Tx, id: ChannelId, since: Timestamp) -> Result<bool, Error> {
    Ok(run!(tx, DEAD, id.0, micros(since))? == 1)
}

/// Notes that the token works, and when it expires (`None`: never).
pub async fn token_alive(tx: &mut Tx, id: ChannelId, expires_at: Option<Timestamp>) -> Result<(), Error> {
    run!(tx, ALIVE, id.0, maybe_micros(expires_at))?;
    Ok(())
}

/// Channels whose token no job watches, at most `limit`.
pub async fn without_token_watch(tx: &mut Tx, limit: i64) -> Result<Vec<ChannelId>, Error> {
    let rows: Vec<(i64,)> = all!(tx, UNWATCHED, limit)?;
    Ok(rows.into_iter().map(|(id,)| ChannelId(id)).collect())
}

async fn seal_access(tx: &mut Tx, id: ChannelId, token: &SecretString) -> Result<Option<Vec<u8>>, Error> {
    let Some(phone) = phone(tx, id).await? else { return Ok(None) };
    Ok(Some(tx.keyring.seal_secret(&access_place(&phone), token)?))
}

async fn phone(tx: &mut Tx, id: ChannelId) -> Result<Option<E164>, Error> {
    let row: Option<(String,)> = one!(tx, PHONE, id.0)?;
    row.map(|(phone,)| parse_phone(id, &phone)).transpose()
}

fn parse_phone(id: ChannelId, phone: &str) -> Result<E164, Error> {
    E164::parse(phone).map_err(Error::corrupt("channel", id, "phone_number"))
}
