//! The access token of a channel: checked when Meta says it is dead, fetched anew where the
//! installation can (facts §1.2), else marked so that its owner is asked to reconnect.

use domain::ids::ChannelId;
use domain::registration::{ChangeKind, Source};
use jiff::SignedDuration;

use super::number::assessment::assess_and_announce;
use super::number::owner;
use super::number::record::NumberRecord;
use super::{FlowError, Next};
use crate::App;
use crate::flows::queue::{Job, enqueue};
use crate::store::{channels, numbers, snapshots};

/// How long before a token's end it is fetched anew.
pub const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A dead token that could not be fetched anew is tried again this often.
const TRY_AGAIN: SignedDuration = SignedDuration::from_hours(6);

/// The job.
pub async fn check(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let info = app.graph.debug_token(&record.credentials.access_token).await?;
    let now = app.clock.now();
    let ends_soon = info.expires_at.is_some_and(|at| at < now + RENEW_BEFORE);
    let reaches = info.waba_ids.as_ref().is_none_or(|ids| ids.contains(&record.channel.waba_id));
    if info.is_valid && reaches && !ends_soon {
        let mut tx = app.store.write().await?;
        channels::token_alive(&mut tx, id).await?;
        tx.commit().await?;
        return Ok(Next::Done);
    }
    if refetch(app, &record).await? {
        return Ok(Next::Done);
    }
    if !info.is_valid {
        let mut tx = app.store.write().await?;
        channels::token_dead(&mut tx, id, now).await?;
        tx.commit().await?;
    }
    assess_and_announce(app, &record.channel).await?;
    Ok(Next::At(now + TRY_AGAIN))
}

/// Fetches the business token anew with the installation's system token; true when a new one is kept.
async fn refetch(app: &App, record: &NumberRecord) -> Result<bool, FlowError> {
    let channel = &record.channel;
    let Some(system_token) = &app.config.meta.system_token else { return Ok(false) };
    let mut tx = app.store.read().await?;
    let read = snapshots::latest(&mut tx, channel.id).await?.and_then(|stored| stored.waba);
    let named = owner::named_by_meta(&mut tx, &channel.waba_id).await?;
    let business = owner::of_channel(channel, read.as_ref(), named.as_ref());
    drop(tx);
    let Some(business) = business else { return Ok(false) };
    let token = match app.graph.refetch_business_token(&business, system_token).await {
        Ok(token) => token,
        Err(failure) if failure.is_uncertain() => return Err(failure.into()),
        Err(failure) => {
            tracing::warn!(channel = channel.id.0, "the token could not be fetched anew: {}", failure.message);
            return Ok(false);
        }
    };
    let info = app.graph.debug_token(&token).await?;
    // the portfolio is what a browser once named: its token may be another customer's
    let reaches = info.waba_ids.as_ref().is_none_or(|ids| ids.contains(&channel.waba_id));
    if !info.is_valid || !reaches {
        return Ok(false);
    }
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    channels::renew_token(&mut tx, channel.id, &token, info.expires_at, now).await?;
    numbers::note_changes(&mut tx, &channel.phone_number_id, &[ChangeKind::NewToken], now, Source::Reading).await?;
    for job in [Job::Register(channel.id), Job::Health(channel.id)] {
        enqueue(&mut tx, &job, now).await?;
    }
    tx.commit().await?;
    app.notifier.notify_jobs();
    tracing::info!(channel = channel.id.0, "the access token was fetched anew");
    Ok(true)
}
