//! The access token of a channel: checked when Meta says it is dead, and replaced with the installation's
//! system token where there is one (facts §1.2). Else it is marked dead and its owner is asked to reconnect.

use domain::ids::ChannelId;
use domain::registration::{ChangeKind, Source};
use jiff::SignedDuration;

use super::number::assessment::assess_and_announce;
use super::number::record::NumberRecord;
use super::{FlowError, Next};
use crate::App;
use crate::flows::queue::{Job, enqueue};
use crate::store::{channels, numbers};

/// How long before its expiry a token is replaced.
pub const RENEW_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How often the replacement of a dead token is retried.
const RETRY_AFTER: SignedDuration = SignedDuration::from_hours(6);

/// The job: asks Meta about the token, replaces one that is dead or expires soon, and marks one that cannot be
/// replaced.
pub async fn check(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let info = app.graph.debug_token(&record.credentials.access_token).await?;
    let now = app.clock.now();
    let expires_soon = info.expires_at.is_some_and(|at| at < now + RENEW_BEFORE);
    let reaches = info.waba_ids.as_ref().is_none_or(|ids| ids.contains(&record.channel.waba_id));
    if info.is_valid && reaches && !expires_soon {
        let mut tx = app.store.write().await?;
        channels::token_alive(&mut tx, id).await?;
        tx.commit().await?;
        return Ok(Next::Done);
    }
    if replace(app, &record).await? {
        return Ok(Next::Done);
    }
    let mut tx = app.store.write().await?;
    let Some(mut record) = NumberRecord::load_for_update(&mut tx, &record.channel).await? else {
        return Ok(Next::Done);
    };
    if !info.is_valid && channels::token_dead(&mut tx, id, now).await? {
        record.token.dead_since = Some(now);
    }
    assess_and_announce(app, &mut tx, &mut record, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Next::At(now + RETRY_AFTER))
}

/// Fetches a business token with the installation's system token; true when a new one is stored.
async fn replace(app: &App, record: &NumberRecord) -> Result<bool, FlowError> {
    let channel = &record.channel;
    let (Some(system_token), Some(business)) = (&app.config.meta.system_user_token, record.owner()) else {
        return Ok(false);
    };
    let token = match app.graph.refetch_business_token(&business, system_token).await {
        Ok(token) => token,
        Err(failure) if failure.is_uncertain() => return Err(failure.into()),
        Err(failure) => {
            tracing::warn!(channel = channel.id.0, "the token could not be replaced: {}", failure.message);
            return Ok(false);
        }
    };
    let info = app.graph.debug_token(&token).await?;
    // a browser may have claimed the portfolio: its token may be another customer's
    let reaches = info.waba_ids.as_ref().is_none_or(|ids| ids.contains(&channel.waba_id));
    if !info.is_valid || !reaches {
        return Ok(false);
    }
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    // the number's row before the channel's, as every other transaction takes them
    numbers::note_changes(&mut tx, &channel.phone_number_id, &[ChangeKind::NewToken], now, Source::Reading).await?;
    channels::renew_token(&mut tx, channel.id, &token, info.expires_at, now).await?;
    for job in [Job::Register(channel.id), Job::Health(channel.id)] {
        enqueue(&mut tx, &job, now);
    }
    tx.commit().await?;
    tracing::info!(channel = channel.id.0, "the access token was replaced");
    Ok(true)
}
