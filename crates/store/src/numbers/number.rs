//! The row of a number, by `phone_number_id`: the sealed PIN, the hold, the facts derived from readings.

use domain::ids::PhoneNumberId;
use jiff::Timestamp;
use secrecy::SecretString;

use super::facts::NumberFacts;
use crate::engine::columns::{At, maybe_micros, micros};
use crate::{Error, Tx};

statements! {
    /// Touches the row so that on PostgreSQL the transaction holds it until its end.
    ENSURE = "insert into number (phone_number_id, facts, updated_at) values ($1, '{}', 0)
        on conflict (phone_number_id) do update set phone_number_id = excluded.phone_number_id";
    SELECT = "select pin, pin_set_at, pin_confirmed_at, held_until, facts from number where phone_number_id = $1";
    SET_PIN = "insert into number (phone_number_id, pin, pin_set_at, facts, updated_at) values ($1, $2, $3, '{}', $3)
        on conflict (phone_number_id) do update set pin = excluded.pin, pin_set_at = excluded.pin_set_at,
        pin_confirmed_at = null, updated_at = excluded.updated_at";
    CONFIRM_PIN = "update number set pin_confirmed_at = $2, updated_at = $2
        where phone_number_id = $1 and pin is not null";
    HOLD = "insert into number (phone_number_id, held_until, facts, updated_at) values ($1, $2, '{}', 0)
        on conflict (phone_number_id) do update set held_until = excluded.held_until";
    SET_FACTS = "insert into number (phone_number_id, facts, updated_at) values ($1, $2, $3)
        on conflict (phone_number_id) do update set facts = excluded.facts, updated_at = excluded.updated_at";
}

/// What is known of a stored PIN besides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinState {
    /// When it was stored.
    pub set_at: Option<Timestamp>,
    /// When Meta accepted it; `None` while that is open.
    pub confirmed_at: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    pub(super) pin: Option<Vec<u8>>,
    pub(super) pin_set_at: Option<i64>,
    pin_confirmed_at: Option<i64>,
    pub(super) held_until: Option<i64>,
    pub(super) facts: String,
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

/// What is known of the stored PIN; `None` when none is stored.
pub async fn pin_state(tx: &mut Tx, id: &PhoneNumberId) -> Result<Option<PinState>, Error> {
    let Some(row) = select(tx, id).await?.filter(|row| row.pin.is_some()) else { return Ok(None) };
    let at = At { table: "number", id };
    Ok(Some(PinState {
        set_at: at.maybe_time("pin_set_at", row.pin_set_at)?,
        confirmed_at: at.maybe_time("pin_confirmed_at", row.pin_confirmed_at)?,
    }))
}

/// Seals and stores a PIN; committed before it is sent to Meta (D2).
pub async fn set_pin(tx: &mut Tx, id: &PhoneNumberId, pin: &SecretString, now: Timestamp) -> Result<(), Error> {
    let sealed = tx.keyring.seal_secret(&pin_place(id.as_str()), pin)?;
    run!(tx, SET_PIN, id.as_str(), sealed.as_slice(), micros(now))?;
    Ok(())
}

/// Notes that Meta accepted the stored PIN.
pub async fn confirm_pin(tx: &mut Tx, id: &PhoneNumberId, now: Timestamp) -> Result<(), Error> {
    run!(tx, CONFIRM_PIN, id.as_str(), micros(now))?;
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

/// Stores the facts of a number.
pub async fn set_facts(tx: &mut Tx, id: &PhoneNumberId, facts: &NumberFacts, now: Timestamp) -> Result<(), Error> {
    let text = serde_json::to_string(facts).map_err(Error::corrupt("number", id, "facts"))?;
    run!(tx, SET_FACTS, id.as_str(), text, micros(now))?;
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
