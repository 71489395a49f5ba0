//! Numbers at Meta, by `phone_number_id`: the sealed PIN, the hold, the facts learnt. What is here
//! outlives the channel. Beside: [`mod@attempts`] (the ledger) and [`mod@changes`] (evidence).

use domain::channel::Channel;
use domain::ids::PhoneNumberId;
use domain::registration::History;
use domain::registration::ledger::Ledger;
use jiff::Timestamp;
use secrecy::SecretString;

use super::row::{At, maybe_micros, micros};
use super::{Error, Tx};

pub mod attempts;
pub mod changes;
mod facts;
mod standing;

pub use attempts::{RecordedAttempt, assume_attempt, attempt, attempts, open_attempt, settle_attempt, unsettled};
pub use changes::{changes, note_changes};
pub use facts::NumberFacts;
pub use standing::{KeptAccount, KeptSending};

statements! {
    /// Touches the row so that on PostgreSQL the transaction holds it until its end.
    ENSURE = "insert into number (phone_number_id, facts, updated_at) values ($1, '{}', 0)
        on conflict (phone_number_id) do update set phone_number_id = excluded.phone_number_id";
    SELECT = "select pin, pin_set_at, pin_confirmed_at, held_until, facts from number where phone_number_id = $1";
    SET_PIN = "update number set pin = $2, pin_set_at = $3, pin_confirmed_at = null, updated_at = $3
        where phone_number_id = $1";
    CONFIRM_PIN = "update number set pin_confirmed_at = $2, updated_at = $2
        where phone_number_id = $1 and pin is not null";
    FORGET_PIN = "update number set pin = null, pin_set_at = null, pin_confirmed_at = null, updated_at = $2
        where phone_number_id = $1";
    HOLD = "update number set held_until = $2 where phone_number_id = $1";
    SET_FACTS = "update number set facts = $2, updated_at = $3 where phone_number_id = $1";
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
struct Row {
    pin: Option<Vec<u8>>,
    pin_set_at: Option<i64>,
    pin_confirmed_at: Option<i64>,
    held_until: Option<i64>,
    facts: String,
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
    ensure(tx, id).await?;
    run!(tx, SET_PIN, id.as_str(), sealed.as_slice(), micros(now))?;
    Ok(())
}

/// Notes that Meta accepted the stored PIN.
pub async fn pin_confirmed(tx: &mut Tx, id: &PhoneNumberId, now: Timestamp) -> Result<(), Error> {
    run!(tx, CONFIRM_PIN, id.as_str(), micros(now))?;
    Ok(())
}

/// Forgets the PIN: it was handed over, or proved wrong.
pub async fn forget_pin(tx: &mut Tx, id: &PhoneNumberId, now: Timestamp) -> Result<(), Error> {
    run!(tx, FORGET_PIN, id.as_str(), micros(now))?;
    Ok(())
}

/// Nobody calls before `until`; `None` ends the hold.
pub async fn hold(tx: &mut Tx, id: &PhoneNumberId, until: Option<Timestamp>) -> Result<(), Error> {
    ensure(tx, id).await?;
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

/// Writes down what was learnt.
pub async fn set_facts(tx: &mut Tx, id: &PhoneNumberId, facts: &NumberFacts, now: Timestamp) -> Result<(), Error> {
    let text = serde_json::to_string(facts).map_err(Error::corrupt("number", id, "facts"))?;
    ensure(tx, id).await?;
    run!(tx, SET_FACTS, id.as_str(), text, micros(now))?;
    Ok(())
}

/// Everything on record that a decision about the number needs.
pub async fn history(tx: &mut Tx, channel: &Channel) -> Result<History, Error> {
    let id = &channel.phone_number_id;
    let row = select(tx, id).await?;
    let facts = row.as_ref().map_or_else(|| Ok(NumberFacts::default()), |row| read_facts(id, &row.facts))?;
    let held_until = row.as_ref().and_then(|row| row.held_until);
    let attempts = attempts::all_of(tx, id).await?;
    Ok(History {
        onboarding: channel.onboarding,
        channel_created_at: channel.created_at,
        last_onboarded_time: facts.last_onboarded_time,
        ledger: Ledger {
            attempts: attempts.into_iter().map(|recorded| recorded.attempt).collect(),
            held_until: At { table: "number", id }.maybe_time("held_until", held_until)?,
            imported_at: facts.imported_at,
        },
        changes: changes(tx, id).await?,
        has_pin: row.as_ref().is_some_and(|row| row.pin.is_some()),
        pin_set_at: At { table: "number", id }
            .maybe_time("pin_set_at", row.as_ref().filter(|row| row.pin.is_some()).and_then(|row| row.pin_set_at))?,
        was_registered: facts.was_registered,
        provisioned_at: facts.provisioned_at,
        dropped_seen_at: facts.dropped_seen_at,
        coexistence_misses: facts.coexistence_misses,
        failed_reads: facts.failed_reads,
        previous_read_at: facts.previous_read_at,
    })
}

/// Makes the row where there is none, and holds it until the transaction ends.
pub(crate) async fn ensure(tx: &mut Tx, id: &PhoneNumberId) -> Result<(), Error> {
    run!(tx, ENSURE, id.as_str())?;
    Ok(())
}

async fn select(tx: &mut Tx, id: &PhoneNumberId) -> Result<Option<Row>, Error> {
    one!(tx, SELECT, id.as_str())
}

fn read_facts(id: &PhoneNumberId, text: &str) -> Result<NumberFacts, Error> {
    serde_json::from_str(text).map_err(Error::corrupt("number", id, "facts"))
}
