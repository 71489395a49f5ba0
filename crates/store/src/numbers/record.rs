//! The record of a number: what a decision about it needs, read from several tables.

use domain::channel::Channel;
use domain::registration::History;
use domain::registration::ledger::Ledger;

use super::attempts;
use super::changes::changes;
use super::facts::NumberFacts;
use super::number::{read_facts, select};
use crate::engine::columns::At;
use crate::{Error, Tx};

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
