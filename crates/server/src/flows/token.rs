//! The access token of a channel: checked when Meta says it is dead, and replaced with the installation's
//! system token where there is one (facts §1.2). Else it is marked dead and its owner is asked to reconnect.

use domain::ids::ChannelId;
use domain::registration::{ChangeKind, Source};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;

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

/// How often Meta is asked about a token that works: it may have been given an end, or been revoked.
pub(super) const WATCH_INTERVAL: SignedDuration = SignedDuration::from_hours(24);

/// The job: asks Meta about the token every day, replaces one that is dead or expires soon, and marks one that cannot be
/// replaced.
pub async fn check(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let info = app.graph.debug_token(&record.credentials.access_token).await?;
    let now = app.clock.now();
    let expires_soon = info.expires_at.is_some_and(|at| at < now + RENEW_BEFORE);
    let reaches = info.waba_ids.as_ref().is_none_or(|ids| ids.contains(&record.channel.waba_id));
    if info.is_valid && reaches && !expires_soon {
        let mut tx = app.store.write().await?;
        match NumberRecord::load_for_update(&mut tx, &record.channel).await? {
            None => return Ok(Next::Done),
            // what Meta said of the token before is nothing to the new one
            Some(fresh) if !has_token_of(&fresh, &record) => return Ok(Next::At(now)),
            Some(_) => channels::token_alive(&mut tx, id, info.expires_at).await?,
        }
        tx.commit().await?;
        return Ok(Next::At(next_check(info.expires_at, now)));
    }
    if let Some(expires_at) = replace(app, &record).await? {
        return Ok(Next::At(next_check(expires_at, now)));
    }
    let mut tx = app.store.write().await?;
    let Some(mut fresh) = NumberRecord::load_for_update(&mut tx, &record.channel).await? else {
        return Ok(Next::Done);
    };
    if !has_token_of(&fresh, &record) {
        return Ok(Next::At(now));
    }
    if !info.is_valid {
        if channels::token_dead(&mut tx, id, now).await? {
            fresh.token.dead_since = Some(now);
        }
    } else if reaches {
        channels::token_alive(&mut tx, id, info.expires_at).await?;
        (fresh.token.dead_since, fresh.token.expires_at) = (None, info.expires_at);
    }
    assess_and_announce(app, &mut tx, &mut fresh, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Next::At(now + RETRY_AFTER))
}

/// Whether the channel was not re-authorised since.
fn has_token_of(fresh: &NumberRecord, before: &NumberRecord) -> bool {
    fresh.credentials.access_token.expose_secret() == before.credentials.access_token.expose_secret()
}

/// When a token that no job watches is checked first: spread over a day, so that tokens which lost their job together are
/// not all checked at once.
pub(super) fn first_check(id: ChannelId, now: Timestamp) -> Timestamp {
    now + SignedDuration::from_secs(id.0.wrapping_mul(2_654_435_761).rem_euclid(WATCH_INTERVAL.as_secs()))
}

/// A day from now, or in time to replace a token that expires before.
fn next_check(expires_at: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let daily = now + WATCH_INTERVAL;
    match expires_at.and_then(|at| at.checked_sub(RENEW_BEFORE).ok()) {
        Some(renew_at) => daily.min(renew_at.max(now + RETRY_AFTER)),
        None => daily,
    }
}

/// Fetches a business token with the installation's system token and stores it; the outer `None` when there is none to
/// fetch, the inner one when the new token never expires.
async fn replace(app: &App, record: &NumberRecord) -> Result<Option<Option<Timestamp>>, FlowError> {
    let channel = &record.channel;
    let (Some(system_token), Some(business)) = (&app.config.meta.system_user_token, record.owner()) else {
        return Ok(None);
    };
    let token = match app.graph.refetch_business_token(&business, system_token).await {
        Ok(token) => token,
        Err(failure) if failure.is_uncertain() => return Err(failure.into()),
        Err(failure) => {
            tracing::warn!(channel = channel.id.0, "the token could not be replaced: {}", failure.message);
            return Ok(None);
        }
    };
    let info = app.graph.debug_token(&token).await?;
    // a browser may have claimed the portfolio: its token may be another customer's
    let reaches = info.waba_ids.as_ref().is_none_or(|ids| ids.contains(&channel.waba_id));
    if !info.is_valid || !reaches {
        return Ok(None);
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
    Ok(Some(info.expires_at))
}
