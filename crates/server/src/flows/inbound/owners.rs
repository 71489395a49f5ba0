//! Whose an event is that names no number by its id: name, quality, security and account events name
//! digits, or a whole account of Meta's (facts §3.2). Found inside the change, never from the address.

use std::collections::BTreeMap;

use domain::channel::Channel;
use domain::ids::{AccountId, ChannelId};

use crate::store::events::SealedEvent;
use crate::store::{self, Tx, channels};

/// Gives such events to the accounts whose numbers they are about; what concerns several accounts is kept
/// for each. Events that name a number by its id are left to the insert, which looks it up.
pub(super) async fn assign(tx: &mut Tx, events: Vec<SealedEvent>) -> Result<Vec<SealedEvent>, store::Error> {
    if events.iter().all(|sealed| sealed.event.phone_number_id.is_some()) {
        return Ok(events);
    }
    let mut assigned = Vec::with_capacity(events.len() + 1);
    for mut sealed in events {
        let waba = sealed.event.waba_id.as_ref().filter(|_| sealed.event.phone_number_id.is_none());
        let Some(waba) = waba else {
            assigned.push(sealed);
            continue;
        };
        let concerned = channels::list_by_waba(tx, waba).await?;
        let mut owners = owners(&concerned, sealed.event.phone_digits.as_deref()).into_iter();
        if let Some((account, channel)) = owners.next() {
            (sealed.event.account_id, sealed.event.channel_id) = (Some(account), channel);
        }
        let copies: Vec<SealedEvent> = owners.map(|(account, channel)| sealed.copy_for(account, channel)).collect();
        assigned.push(sealed);
        assigned.extend(copies);
    }
    Ok(assigned)
}

/// The accounts that have numbers there, each with the one number it is about, where it is about one.
fn owners(concerned: &[Channel], digits: Option<&str>) -> BTreeMap<AccountId, Option<ChannelId>> {
    let is_it = |channel: &&Channel| {
        digits.is_some_and(|digits| channel.phone_number.as_str().trim_start_matches('+') == digits)
    };
    if let Some(channel) = concerned.iter().find(is_it) {
        return BTreeMap::from([(channel.account_id, Some(channel.id))]);
    }
    concerned.iter().map(|channel| (channel.account_id, None)).collect()
}
