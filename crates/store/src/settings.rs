//! What the installation knows of itself: its verify token, the state of the app-level callback at Meta, the owners of
//! WABAs, how far long jobs are. Secrets go through the functions that say so and are sealed.

use domain::ids::WabaId;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::columns::micros;
use crate::{Error, Tx};

statements! {
    GET = "select plain from setting where name = $1";
    SET = "insert into setting (name, plain, updated_at) values ($1, $2, $3)
        on conflict (name) do update set plain = excluded.plain, updated_at = excluded.updated_at";
    GET_SECRET = "select sealed from setting where name = $1";
    OFFER_SECRET = "insert into setting (name, sealed, updated_at) values ($1, $2, $3)
        on conflict (name) do update set sealed = coalesce(setting.sealed, excluded.sealed)";
    REMOVE = "delete from setting where name = $1";
}

/// The state of the app-level callback at Meta; JSON.
pub const APP_CALLBACK: &str = "app_callback";

/// The owner of a WABA as Meta's webhook named it; loaded with every record of a number.
pub fn waba_owner(waba: &WabaId) -> String {
    format!("waba_owner:{waba}")
}

/// The verify token that the installation's own callback answers Meta's handshake with; a secret.
pub const VERIFY_TOKEN: &str = "verify_token";

/// A value kept in the open.
pub async fn get(tx: &mut Tx, name: &str) -> Result<Option<String>, Error> {
    let row: Option<(Option<String>,)> = one!(tx, GET, name)?;
    Ok(row.and_then(|(plain,)| plain))
}

/// Keeps a value in the open.
pub async fn set(tx: &mut Tx, name: &str, value: &str, now: Timestamp) -> Result<(), Error> {
    run!(tx, SET, name, value, micros(now))?;
    Ok(())
}

/// A value kept as JSON.
pub async fn get_json<T: DeserializeOwned>(tx: &mut Tx, name: &str) -> Result<Option<T>, Error> {
    let Some(text) = get(tx, name).await? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(Error::corrupt("setting", name, "plain"))
}

/// Keeps a value as JSON.
pub async fn set_json<T: Serialize + Sync>(tx: &mut Tx, name: &str, value: &T, now: Timestamp) -> Result<(), Error> {
    let text = serde_json::to_string(value).map_err(Error::corrupt("setting", name, "plain"))?;
    set(tx, name, &text, now).await
}

/// Reads a sealed setting and opens it; `None` where it was never set.
pub async fn get_secret(tx: &mut Tx, name: &str) -> Result<Option<SecretString>, Error> {
    let row: Option<(Option<Vec<u8>>,)> = one!(tx, GET_SECRET, name)?;
    let Some(blob) = row.and_then(|(sealed,)| sealed) else { return Ok(None) };
    let secret = tx.keyring.open_secret(&place(name), &blob);
    secret.map(Some).map_err(Error::corrupt("setting", name, "sealed"))
}

/// Keeps a secret unless there is one, and gives the one that counts: replicas that start together
/// agree.
pub async fn secret_or(tx: &mut Tx, name: &str, fresh: &SecretString, now: Timestamp) -> Result<SecretString, Error> {
    let sealed = tx.keyring.seal_secret(&place(name), fresh)?;
    run!(tx, OFFER_SECRET, name, sealed.as_slice(), micros(now))?;
    get_secret(tx, name).await?.ok_or_else(crate::engine::error::nothing_returned)
}

/// Forgets a value or a secret.
pub(crate) async fn remove(tx: &mut Tx, name: &str) -> Result<bool, Error> {
    Ok(run!(tx, REMOVE, name)? == 1)
}

/// The place a secret is sealed for.
pub(crate) fn place(name: &str) -> String {
    format!("setting/sealed/{name}")
}
