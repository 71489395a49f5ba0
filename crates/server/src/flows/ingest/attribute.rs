//! Attributes events that name no number by its id to accounts: name, quality, security and account
//! events name digits, or a whole WABA (facts §3.2). The subject is found inside the change, never in the
//! address it was posted to.

use std::collections::BTreeMap;

use domain::channel::{Channel, named_by_digits};
use domain::ids::{AccountId, ChannelId};

use crate::store::events::SealedEvent;
use crate::store::{self, Tx, channels};

/// Sets account and channel of such events; an event that concerns several accounts is copied for each.
/// Events that name a number by its id are left to the insert, which looks the number up.
pub(super) async fn attribute(tx: &mut Tx, events: Vec<SealedEvent>) -> Result<Vec<SealedEvent>, store::Error> {
    if events.iter().all(|sealed| sealed.event.phone_number_id.is_some()) {
        return Ok(events);
    }
    let mut attributed = Vec::with_capacity(events.len() + 1);
    for mut sealed in events {
        let waba = sealed.event.waba_id.as_ref().filter(|_| sealed.event.phone_number_id.is_none());
        let Some(waba) = waba else {
            attributed.push(sealed);
            continue;
        };
        let channels = channels::list_by_waba(tx, waba).await?;
        let mut owners = owners(&channels, sealed.event.phone_digits.as_deref()).into_iter();
        if let Some((account, channel)) = owners.next() {
            (sealed.event.account_id, sealed.event.channel_id) = (Some(account), channel);
        }
        let copies: Vec<SealedEvent> = owners.map(|(account, channel)| sealed.copy_for(account, channel)).collect();
        attributed.push(sealed);
        attributed.extend(copies);
    }
    Ok(attributed)
}

/// The accounts that own numbers of a WABA, each with the one channel the event names, if it names one.
fn owners(channels: &[Channel], digits: Option<&str>) -> BTreeMap<AccountId, Option<ChannelId>> {
    if let Some(channel) = digits.and_then(|digits| named_by_digits(channels, digits)) {
        return BTreeMap::from([(channel.account_id, Some(channel.id))]);
    }
    channels.iter().map(|channel| (channel.account_id, None)).collect()
}
