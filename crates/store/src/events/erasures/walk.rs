//! The events an erasure looks at: an account's own, some at a time, with their bodies; and what
//! becomes of them. Which are about the person is not known here.

use domain::ids::AccountId;

use super::Erasure;
use crate::events::{BODY_PLACE, UnreadableEvent, open_body};
use crate::ids::EventId;
use crate::{Error, Tx};

statements! {
    /// Where so many events end, whoever's they are: a walk for an account that has few reads no
    /// further at once than for one that has many.
    END = "select max(id) from (select id from event where id > $1 and id <= $2 order by id limit $3) as next";
    /// An account's own by what was assigned on arrival; else by the channel or the number, from the day
    /// on the account had it: what a number got before belonged to somebody else.
    OWN = "select id, body from event where id > $1 and id <= $2
        and (account_id = $3 or account_id is null and exists (select 1 from channel
            where channel.account_id = $3 and channel.created_at <= event.received_at
            and (channel.id = event.channel_id
                or event.channel_id is null and channel.phone_number_id = event.phone_number_id)))
        order by id";
    UNINTERPRETED = "select count(*) from event where state = 1 and id <= $1";
    REPLACE = "update event set body = $2 where id = $1 and body = $3";
    REMOVE = "delete from event where id = $1";
    /// An endpoint may have answered with what it was sent.
    FORGET_ANSWERS = "update delivery_attempt set answer = null where event_id = $2 and answer is not null
        and endpoint_id in (select id from endpoint where account_id = $1)";
    /// Whoever delivers begins anew, with what is kept by then: it may hold the event. A pending retry is read when it is due.
    WAKE = "update endpoint set generation = generation + 1 where account_id = $1 and cursor_event < $2";
}

/// An event of the account.
pub struct AccountEvent {
    pub id: EventId,
    pub body: Vec<u8>,
    sealed: Vec<u8>,
}

impl std::fmt::Debug for AccountEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccountEvent({})", self.id)
    }
}

/// Some events after another.
#[derive(Debug)]
pub struct Window {
    /// The last event that was looked at, the account's or not; `None` at the end.
    pub until: Option<EventId>,
    /// The account's among them.
    pub own: Vec<AccountEvent>,
    /// Those of the account that cannot be opened: whether they name the person is not known.
    pub unreadable: Vec<UnreadableEvent>,
}

/// The next events of an erasure.
pub async fn window(tx: &mut Tx, it: &Erasure, limit: i64) -> Result<Window, Error> {
    let end: Option<(Option<i64>,)> = one!(tx, END, it.cursor, it.last, limit)?;
    let Some(until) = end.and_then(|(end,)| end).map(EventId) else {
        return Ok(Window { until: None, own: Vec::new(), unreadable: Vec::new() });
    };
    let rows: Vec<(EventId, Vec<u8>)> = all!(tx, OWN, it.cursor, until, it.account_id.0)?;
    let mut window = Window { until: Some(until), own: Vec::with_capacity(rows.len()), unreadable: Vec::new() };
    for (id, sealed) in rows {
        match open_body(tx, id, &sealed) {
            Ok(body) => window.own.push(AccountEvent { id, body, sealed }),
            Err(error) => window.unreadable.push(UnreadableEvent::new(id, &error)),
        }
    }
    Ok(window)
}

/// Whether events up to the erasure's last still wait to be interpreted.
pub async fn has_uninterpreted(tx: &mut Tx, last: EventId) -> Result<bool, Error> {
    let row: Option<(i64,)> = one!(tx, UNINTERPRETED, last)?;
    Ok(row.is_some_and(|(count,)| count > 0))
}

/// Keeps another body instead; what is left of it keeps its place and its attempts. False where it was changed meanwhile, by
/// a key that was replaced.
pub async fn replace(tx: &mut Tx, account: AccountId, kept: &AccountEvent, body: &[u8]) -> Result<bool, Error> {
    let sealed = tx.keyring.seal(BODY_PLACE, body)?;
    run!(tx, FORGET_ANSWERS, account.0, kept.id)?;
    run!(tx, WAKE, account.0, kept.id)?;
    Ok(run!(tx, REPLACE, kept.id, sealed, kept.sealed.as_slice())? == 1)
}

/// Removes an event of the account; the answers that endpoints gave to it are forgotten.
pub async fn remove(tx: &mut Tx, account: AccountId, kept: &AccountEvent) -> Result<(), Error> {
    run!(tx, FORGET_ANSWERS, account.0, kept.id)?;
    run!(tx, WAKE, account.0, kept.id)?;
    run!(tx, REMOVE, kept.id)?;
    Ok(())
}
