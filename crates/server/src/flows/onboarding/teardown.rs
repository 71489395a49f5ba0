//! Deleting a channel: its webhooks at Meta are torn down, and a failure there never blocks the
//! deletion (A1). The number's ledger and PIN stay: they belong to the number.

use domain::channel::Channel;
use domain::meta::failure::Failure;
use graph_api::Account;

use crate::App;
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
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
    match tear_down(&account, channel, is_last).await {
        Ok(()) if is_last => tracing::info!("[WHATSAPP] WABA app subscription removed for channel {}", channel.id),
        Ok(()) => {
            tracing::info!("[WHATSAPP] Phone-level webhook override cleared for channel {}", channel.id);
        }
        Err(failure) => tracing::error!("[WHATSAPP] Webhook teardown failed: {}", failure.message),
    }
    Ok(())
}

/// The last channel of its account takes the app off it; while siblings remain only the number's own
/// override is cleared.
async fn tear_down(account: &Account<'_>, channel: &Channel, is_last: bool) -> Result<(), Failure> {
    if is_last { account.unsubscribe().await } else { account.clear_number_override(&channel.phone_number_id).await }
}
