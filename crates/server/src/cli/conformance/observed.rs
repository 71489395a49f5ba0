//! The observation hook: reads from the receiver which messages it handled. Must not evaluate.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use outbound::Method;
use outbound::pinned::{PinnedClient, PinnedRequest};
use url::Url;

use super::cases::{Case, Handling};
use super::send::TIMEOUT;

/// Longest wait after the run for messages that must be handled.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Time between two reads of the hook.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Wait after every message was handled, in which a message that is handled twice still shows.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// The address at which the receiver reports the messages it handled.
pub(super) struct Hook {
    client: PinnedClient,
    url: Url,
}

/// Number of times that each message was handled, by message id.
#[derive(Debug, Default)]
pub(super) struct Observed(HashMap<String, usize>);

/// Counts of one case's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MessageCounts {
    /// Messages in the case.
    pub(super) total: usize,
    /// Messages that were handled exactly once.
    pub(super) once: usize,
    /// Messages that were handled more than once.
    pub(super) repeated: usize,
}

impl Hook {
    /// Opens a hook and reads it once, so that a broken hook is an error before the first request.
    pub(super) async fn open(url: &Url, addresses: &[SocketAddr]) -> anyhow::Result<Self> {
        let hook = Self { client: PinnedClient::new(url, addresses, TIMEOUT)?, url: url.clone() };
        hook.read().await?;
        Ok(hook)
    }

    /// Waits until every message that must be handled is, or the longest wait is over, and returns what was handled.
    pub(super) async fn wait_for(&self, cases: &[Case]) -> anyhow::Result<Observed> {
        let deadline = Instant::now() + MAX_WAIT;
        loop {
            let observed = self.read().await?;
            let is_complete = |case: &Case| case.handling != Handling::Once || observed.counts(case).is_complete();
            if cases.iter().all(is_complete) || Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        tokio::time::sleep(SETTLE_TIME).await;
        self.read().await
    }

    async fn read(&self) -> anyhow::Result<Observed> {
        let request = PinnedRequest {
            method: Method::GET,
            url: self.url.clone(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
            is_slow: false,
        };
        let reply = self.client.send(request).await;
        let reply = reply.map_err(|reason| anyhow!("{} does not answer: {reason}", self.url))?;
        ensure!(reply.status == 200, "{} answered {}", self.url, reply.status);
        let mut observed = Observed::default();
        for id in
            ids(&reply.body).with_context(|| format!("{} does not answer with a list of message ids", self.url))?
        {
            *observed.0.entry(id).or_default() += 1;
        }
        Ok(observed)
    }
}

/// Reads a JSON list of strings, or one id per line.
fn ids(text: &str) -> anyhow::Result<Vec<String>> {
    if text.trim_start().starts_with(['[', '{']) {
        return Ok(serde_json::from_str(text)?);
    }
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

impl Observed {
    /// Counts of a case's messages.
    pub(super) fn counts(&self, case: &Case) -> MessageCounts {
        let messages = case.messages();
        let count = |id: &&str| self.0.get(*id).copied().unwrap_or_default();
        let once = messages.iter().filter(|id| count(id) == 1).count();
        let repeated = messages.iter().filter(|id| count(id) > 1).count();
        MessageCounts { total: messages.len(), once, repeated }
    }
}

impl MessageCounts {
    const fn is_complete(self) -> bool {
        self.once + self.repeated == self.total
    }
}
