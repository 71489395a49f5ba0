//! Coexistence: Meta sends a number's contacts and history once per onboarding, within a day of it (facts §1.15).

use domain::ids::ChannelId;
use graph_api::SyncKind;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::flows::number::record::NumberRecord;
use crate::flows::{FlowError, Next};
use crate::store::settings;

/// Meta accepts a sync request for this long after onboarding.
const SYNC_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// A sync that was requested: one per kind and onboarding.
#[derive(Debug, Serialize, Deserialize)]
struct Requested {
    at: Timestamp,
    /// Meta's id of the request, or why Meta refused it.
    answer: String,
}

/// The job: requests the sync of contacts, then of history, each once per onboarding.
pub async fn sync(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let channel = &record.channel;
    let now = app.clock.now();
    let onboarded = record.history().onboarded_at();
    if now > onboarded + SYNC_WINDOW {
        return Ok(Next::Done);
    }
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
    for (kind, topic) in [(SyncKind::Contacts, "sync.contacts"), (SyncKind::History, "sync.history")] {
        let key = format!("{topic}:{}", channel.phone_number_id);
        let mut tx = app.store.read().await?;
        let last: Option<Requested> = settings::get_json(&mut tx, &key).await?;
        drop(tx);
        if last.is_some_and(|last| last.at >= onboarded) {
            continue;
        }
        let answer = match account.sync_coexistence(&channel.phone_number_id, kind).await {
            Ok(request_id) => request_id,
            Err(failure) if failure.is_uncertain() => return Err(failure.into()),
            // requested before, or too late: it is not retried
            Err(failure) => {
                tracing::warn!(channel = id.0, "coexistence sync refused: {}", failure.message);
                format!("refused: {}", failure.message)
            }
        };
        let mut tx = app.store.write().await?;
        settings::set_json(&mut tx, &key, &Requested { at: now, answer }, now).await?;
        tx.commit().await?;
    }
    Ok(Next::Done)
}
