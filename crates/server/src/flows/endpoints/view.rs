//! An endpoint with all there is to say of it: how it stands, what is before it, when it is tried next. The
//! same for the API, the pages and the command line. Reads, and changes nothing.

use domain::delivery::standing::{Standing, WhyDisabled};
use domain::ids::{AccountId, ChannelId};
use jiff::Timestamp;

use crate::App;
use crate::flows::FlowError;
use crate::store::deliveries::log::Reader;
use crate::store::deliveries::{self, Counts};
use crate::store::endpoints::{self, Endpoint};
use crate::store::{self, Tx};

/// Events behind an endpoint's place are counted up to here.
pub const MOST_BEHIND: i64 = 10_000;

/// An endpoint and how it stands.
#[derive(Debug, Clone)]
pub struct View {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// How it stands.
    pub standing: Standing,
    /// What is set aside for it.
    pub counts: Counts,
    /// Events it has not been sent yet, up to [`MOST_BEHIND`]; those it does not want may be among them.
    pub behind: i64,
    /// When it is tried next, where it waits for something.
    pub next_try_at: Option<Timestamp>,
}

/// One endpoint.
pub async fn of(tx: &mut Tx, endpoint: Endpoint, now: Timestamp) -> Result<View, store::Error> {
    let counts = deliveries::counts(tx, endpoint.id).await?;
    let behind = deliveries::behind(tx, &Reader::of(&endpoint), endpoint.cursor, MOST_BEHIND).await?;
    // a word of a later version still means that it is off
    let why = |word: &str| WhyDisabled::parse(word).unwrap_or(WhyDisabled::SwitchedOff);
    let disabled = endpoint.disabled.as_ref().map(|(since, word)| (*since, why(word)));
    let standing = Standing::of(disabled, &endpoint.breaker);
    let held_until = endpoint.breaker.wait_until.filter(|at| *at > now);
    let next_try_at = held_until.or(counts.next_try_at).filter(|_| disabled.is_none());
    Ok(View { endpoint, standing, counts, behind, next_try_at })
}

/// One endpoint, read now.
pub async fn now(app: &App, endpoint: Endpoint) -> Result<View, FlowError> {
    let mut tx = app.store.read().await?;
    Ok(of(&mut tx, endpoint, app.clock.now()).await?)
}

/// Every endpoint of an account, or those that one of its inboxes' events go to; oldest first.
pub async fn list(app: &App, account: AccountId, channel: Option<ChannelId>) -> Result<Vec<View>, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let mut views = Vec::new();
    for endpoint in endpoints::list(&mut tx, account, channel).await? {
        views.push(of(&mut tx, endpoint, now).await?);
    }
    Ok(views)
}
