//! Coexistence: Meta sends a number's contacts and history once, within a day of onboarding (facts §1.15).

use domain::ids::ChannelId;
use graph_api::SyncKind;
use jiff::SignedDuration;

use crate::App;
use crate::flows::number::record::NumberRecord;
use crate::flows::{FlowError, Next};
use crate::store::settings;

/// Meta accepts a sync request for this long after onboarding.
const SYNC_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The job: requests the sync of contacts, then of history, each once.
pub async fn sync(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let channel = &record.channel;
    let now = app.clock.now();
    if now > channel.created_at + SYNC_WINDOW {
        return Ok(Next::Done);
    }
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
    for (kind, topic) in [(SyncKind::Contacts, "sync.contacts"), (SyncKind::History, "sync.history")] {
        let key = format!("{topic}:{}", channel.phone_number_id);
        let mut tx = app.store.read().await?;
        let done = settings::get(&mut tx, &key).await?.is_some();
        drop(tx);
        if done {
            continue;
        }
        match account.sync_coexistence(&channel.phone_number_id, kind).await {
            Ok(request_id) => {
                let mut tx = app.store.write().await?;
                settings::set(&mut tx, &key, &request_id, now).await?;
                tx.commit().await?;
            }
            Err(failure) if failure.is_uncertain() => return Err(failure.into()),
            // requested before, or too late: it is not retried
            Err(failure) => {
                tracing::warn!(channel = id.0, "coexistence sync refused: {}", failure.message);
                let mut tx = app.store.write().await?;
                settings::set(&mut tx, &key, &format!("refused: {}", failure.message), now).await?;
                tx.commit().await?;
            }
        }
    }
    Ok(Next::Done)
}
