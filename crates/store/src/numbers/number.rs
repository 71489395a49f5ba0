//! The row of a number, by `phone_number_id`: the sealed PIN, the hold, the facts derived from readings.

use domain::ids::PhoneNumberId;
use jiff::Timestamp;
use secrecy::SecretString;

use super::facts::NumberFacts;
use crate::engine::columns::{maybe_micros, micros};
use crate::{Error, Tx};

statements! {
    /// Touches the row so that on PostgreSQL the transaction holds it until its end.
    ENSURE = "insert into number (phone_number_id, facts, updated_at) values ($1, '{}', 0)
        on conflict (phone_number_id) do update set phone_number_id = excluded.phone_number_id";
    SELECT = "select pin, facts from number where phone_number_id = $1";
    SET_PIN = "insert into number (phone_number_id, pin, pin_set_at, facts, updated_at) values ($1, $2, $3, '{}', $3)
        on conflict (phone_number_id) do update set pin = excluded.pin, pin_set_at = excluded.pin_set_at,
        updated_at = excluded.updated_at";
    HOLD = "insert into number (phone_number_id, held_until, facts, updated_at) values ($1, $2, '{}', 0)
        on conflict (phone_number_id) do update set held_until = excluded.held_until";
    SAVE = "insert into number (phone_number_id, facts, pin, pin_set_at, updated_at) values ($1, $2, $3, $4, $5)
        on conflict (phone_number_id) do update set facts = excluded.facts,
        pin = coalesce(excluded.pin, number.pin), pin_set_at = coalesce(excluded.pin_set_at, number.pin_set_at),
        updated_at = excluded.updated_at";
}

row! {
    pub(super) struct Row {
        pin: Option<Vec<u8>>,
        facts: String,
    }
}

/// The place a PIN is sealed for.
pub(crate) fn pin_place(id: &str) -> String {
    format!("number/pin/{id}")
}

/// The stored PIN, opened.
pub async fn pin(tx: &mut Tx, id: &PhoneNumberId) -> Result<Option<SecretString>, Error> {
    let Some(blob) = select(tx, id).await?.and_then(|row| row.pin) else { return Ok(None) };
    let pin = tx.keyring.open_secret(&pin_place(id.as_str()), &blob);
    pin.map(Some).map_err(Error::corrupt("number", id, "pin"))
}

/// Seals and stores a PIN; committed before it is sent to Meta (D2).
pub async fn set_pin(tx: &mut Tx, id: &PhoneNumberId, pin: &SecretString, now: Timestamp) -> Result<(), Error> {
    let sealed = tx.keyring.seal_secret(&pin_place(id.as_str()), pin)?;
    run!(tx, SET_PIN, id.as_str(), sealed.as_slice(), micros(now))?;
    Ok(())
}

/// Nobody calls before `until`; `None` ends the hold.
pub async fn set_hold(tx: &mut Tx, id: &PhoneNumberId, until: Option<Timestamp>) -> Result<(), Error> {
    run!(tx, HOLD, id.as_str(), maybe_micros(until))?;
    Ok(())
}

/// What was learnt of a number; the default when nothing was.
pub async fn facts(tx: &mut Tx, id: &PhoneNumberId) -> Result<NumberFacts, Error> {
    match select(tx, id).await? {
        Some(row) => read_facts(id, &row.facts),
        None => Ok(NumberFacts::default()),
    }
}

/// What was learnt of a number, held until the transaction ends, to be changed and written back.
pub async fn facts_for_update(tx: &mut Tx, id: &PhoneNumberId) -> Result<NumberFacts, Error> {
    ensure(tx, id).await?;
    facts(tx, id).await
}

/// Stores the facts of a number, and a new PIN where there is one; without one the stored PIN stays.
pub async fn save(
    tx: &mut Tx,
    id: &PhoneNumberId,
    facts: &NumberFacts,
    new_pin: Option<&SecretString>,
    now: Timestamp,
) -> Result<(), Error> {
    let text = serde_json::to_string(facts).map_err(Error::corrupt("number", id, "facts"))?;
    let sealed = new_pin.map(|pin| tx.keyring.seal_secret(&pin_place(id.as_str()), pin)).transpose()?;
    let set_at = new_pin.map(|_| micros(now));
    run!(tx, SAVE, id.as_str(), text, sealed.as_deref(), set_at, micros(now))?;
    Ok(())
}

/// Locks a number's row until the transaction ends, and makes the row where there is none.
pub async fn lock(tx: &mut Tx, id: &PhoneNumberId) -> Result<(), Error> {
    ensure(tx, id).await
}

/// Makes the row where there is none, and holds it until the transaction ends.
pub(crate) async fn ensure(tx: &mut Tx, id: &PhoneNumberId) -> Result<(), Error> {
    run!(tx, ENSURE, id.as_str())?;
    Ok(())
}

pub(super) async fn select(tx: &mut Tx, id: &PhoneNumberId) -> Result<Option<Row>, Error> {
    one!(tx, SELECT, id.as_str())
}

pub(super) fn read_facts(id: &PhoneNumberId, text: &str) -> Result<NumberFacts, Error> {
    serde_json::from_str(text).map_err(Error::corrupt("number", id, "facts"))
}
