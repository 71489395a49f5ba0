//! An endpoint with its status, its pending deliveries and its next attempt, as the API, the pages and the command line
//! show it. Reads only.

use domain::delivery::EndpointStatus;
use domain::ids::{AccountId, ChannelId};
use jiff::Timestamp;

use crate::App;
use crate::flows::FlowError;
use crate::store::deliveries::log::Reader;
use crate::store::deliveries::{self, Counts};
use crate::store::endpoints::{self, Endpoint};
use crate::store::{self, Tx};

/// The count of events after an endpoint's cursor stops here.
pub const MAX_BEHIND: i64 = 10_000;

/// An endpoint and its state.
#[derive(Debug, Clone)]
pub struct View {
    pub endpoint: Endpoint,
    pub status: EndpointStatus,
    /// Its pending retries, replays and dead letters.
    pub counts: Counts,
    /// Events after the cursor, up to [`MAX_BEHIND`]. Events that it does not want are counted too.
    pub behind: i64,
    /// When the next attempt is due; `None` when nothing waits or the endpoint is disabled.
    pub next_try_at: Option<Timestamp>,
}

/// Loads the state of an endpoint.
pub async fn of(tx: &mut Tx, endpoint: Endpoint, now: Timestamp) -> Result<View, store::Error> {
    let counts = deliveries::counts(tx, endpoint.id).await?;
    let behind = deliveries::count_behind(tx, &Reader::of(&endpoint), endpoint.cursor, MAX_BEHIND).await?;
    let status = EndpointStatus::of(endpoint.disabled, &endpoint.breaker);
    let blocked_until = endpoint.breaker.blocked_until.filter(|at| *at > now);
    let next_try_at = blocked_until.or(counts.next_try_at).filter(|_| endpoint.disabled.is_none());
    Ok(View { endpoint, status, counts, behind, next_try_at })
}

/// Loads the state of an endpoint in a transaction of its own.
pub async fn now(app: &App, endpoint: Endpoint) -> Result<View, FlowError> {
    let mut tx = app.store.read().await?;
    Ok(of(&mut tx, endpoint, app.clock.now()).await?)
}

/// Loads every endpoint of an account, or those that receive the events of one inbox; oldest first.
pub async fn list(app: &App, account: AccountId, channel: Option<ChannelId>) -> Result<Vec<View>, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let mut views = Vec::new();
    for endpoint in endpoints::list(&mut tx, account, channel).await? {
        views.push(of(&mut tx, endpoint, now).await?);
    }
    Ok(views)
}
