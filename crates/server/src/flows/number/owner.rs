//! The business portfolio that owns a WABA: where it is stored, and which source is believed first.

use domain::channel::Channel;
use domain::ids::{BusinessId, WabaId};
use domain::meta::reading::WabaReading;
use jiff::Timestamp;

use crate::store::{self, Tx, settings};

/// Stores the owner that Meta's `account_update` webhook named for a WABA.
pub(crate) async fn save_named_by_meta(
    tx: &mut Tx,
    waba: &WabaId,
    owner: &BusinessId,
    now: Timestamp,
) -> Result<(), store::Error> {
    settings::set(tx, &settings::waba_owner(waba), owner.as_str(), now).await
}

/// The owner that Meta's `account_update` webhook named for a WABA; `None` before the first such webhook.
pub(crate) async fn named_by_meta(tx: &mut Tx, waba: &WabaId) -> Result<Option<BusinessId>, store::Error> {
    Ok(settings::get(tx, &settings::waba_owner(waba)).await?.map(BusinessId))
}

/// The owner of a channel's WABA: as Meta was read, else as Meta's webhook named it, else as the browser
/// claimed at signup. A browser that handed over nothing but the code claimed nothing.
pub(crate) fn of_channel(
    channel: &Channel,
    waba: Option<&WabaReading>,
    named_by_meta: Option<&BusinessId>,
) -> Option<BusinessId> {
    let read = waba.and_then(|waba| waba.owner_business_id.as_ref());
    read.or(named_by_meta).or(channel.business_id.as_ref()).cloned()
}
