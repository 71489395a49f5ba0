//! Events that came before their number was connected: they are nobody's until its channel takes them over. The number and
//! its WABA at Meta are compared; nothing else is decided here.

use domain::channel::Channel;
use jiff::Timestamp;

use super::insert::lock_log;
use crate::engine::columns::micros;
use crate::ids::{EventId, ItemId};
use crate::{Error, Tx};

/// The first $3 events of one number ($1) in one WABA ($2) that are nobody's.
macro_rules! batch {
    () => {
        "(select id from event where phone_number_id = $1 and channel_id is null and account_id is null
         and waba_id = $2 order by id limit $3)"
    };
}

statements! {
    ASSIGN = concat!("update event set account_id = $4, channel_id = $5 where id in ", batch!(), " returning id");
    /// A pending delivery each, since the cursors of the account's endpoints may have passed them. An endpoint gets what
    /// arrived since it was created, as always.
    DELIVER = "insert into delivery (endpoint_id, event_id, item, state, attempts, due_at)
        select endpoint.id, event.id, $3, 0, 0, $4 from event join endpoint on endpoint.account_id = event.account_id
        and (endpoint.channel_id is null or endpoint.channel_id = $1) and endpoint.created_at <= event.received_at
        where event.channel_id = $1 and event.id in (select value from json_each($2))
        on conflict do nothing",
        postgres: "insert into delivery (endpoint_id, event_id, item, state, attempts, due_at)
        select endpoint.id, event.id, $3, 0, 0, $4 from event join endpoint on endpoint.account_id = event.account_id
        and (endpoint.channel_id is null or endpoint.channel_id = $1) and endpoint.created_at <= event.received_at
        where event.channel_id = $1 and event.id in (select value::bigint from json_array_elements_text($2::json))
        on conflict do nothing";
    WAKE = "update endpoint set generation = generation + 1 where account_id = $1";
}

/// Assigns up to `limit` events to the channel of their number, and has the account's endpoints get them in their place.
/// Returns how many they were.
pub async fn assign_earlier(tx: &mut Tx, channel: &Channel, now: Timestamp, limit: usize) -> Result<usize, Error> {
    // an insert that did not see the channel yet ends first
    lock_log(tx).await?;
    let (number, waba) = (channel.phone_number_id.as_str(), channel.waba_id.as_str());
    let (account, id) = (channel.account_id.0, channel.id.0);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let assigned: Vec<(EventId,)> = all!(tx, ASSIGN, number, waba, limit, account, id)?;
    if assigned.is_empty() {
        return Ok(0);
    }
    let ids: Vec<String> = assigned.iter().map(|(event,)| event.0.to_string()).collect();
    if run!(tx, DELIVER, id, format!("[{}]", ids.join(",")), ItemId::WHOLE, micros(now))? > 0 {
        tx.pending.endpoints = true;
        run!(tx, WAKE, account)?;
    }
    Ok(assigned.len())
}
