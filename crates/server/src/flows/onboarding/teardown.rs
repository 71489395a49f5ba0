//! Deleting a channel: what this installation set for it at Meta is removed, and a failure there never blocks the
//! deletion (A1). The account's override stays while siblings remain; it goes with the subscription of the last one. The number's ledger and PIN stay: they belong to the number.

use domain::channel::Channel;
use domain::meta::failure::Failure;

use crate::App;
use crate::flows::number::callbacks;
use crate::flows::number::record::NumberRecord;
use crate::flows::{FlowError, Refusal};
use crate::store::channels;

/// Deletes the channel, then removes its webhooks at Meta.
pub async fn delete(app: &App, channel: &Channel) -> Result<(), FlowError> {
    let record = NumberRecord::load(app, channel.id)
        .await?
        .ok_or_else(|| FlowError::refused(Refusal::NotFound, "Resource could not be found"))?;
    let mut tx = app.store.write().await?;
    let is_last = channels::list_by_waba(&mut tx, &channel.waba_id).await?.iter().all(|c| c.id == channel.id);
    channels::delete(&mut tx, channel.id).await?;
    tx.commit().await?;
    let clearing = callbacks::stored(app, &record).clearing(is_last);
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
    if clearing.number {
        report(
            account.clear_number_override(&channel.phone_number_id).await,
            channel,
            "Phone-level webhook override cleared",
        );
    }
    if clearing.subscription {
        report(account.unsubscribe().await, channel, "WABA app subscription removed");
    }
    Ok(())
}

fn report(result: Result<(), Failure>, channel: &Channel, what: &str) {
    match result {
        Ok(()) => tracing::info!("[WHATSAPP] {what} for channel {}", channel.id),
        Err(failure) => tracing::error!("[WHATSAPP] Webhook teardown failed: {}", failure.message),
    }
}
