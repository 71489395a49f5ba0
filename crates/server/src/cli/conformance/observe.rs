//! The observation hook: the receiver's own word on which messages it handled. Must not judge.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use outbound::Method;
use outbound::pinned::{PinnedClient, PinnedRequest};
use url::Url;

use super::cases::{Case, Handled};
use super::send::TIMEOUT;

/// How long messages that must be handled are waited for after the run.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks; and how long something handled twice may show itself after everything is there.
const LOOK: Duration = Duration::from_millis(200);
const AFTERMATH: Duration = Duration::from_secs(1);

/// Where the receiver tells.
pub(super) struct Hook {
    client: PinnedClient,
    url: Url,
}

/// How often each message was handled.
#[derive(Debug, Default)]
pub(super) struct Handlings(HashMap<String, usize>);

/// What was seen of one case's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) of: usize,
    pub(super) once: usize,
    pub(super) more: usize,
}

impl Hook {
    /// A hook that answers; one that does not is told before anything is posted.
    pub(super) async fn open(url: &Url, at: &[SocketAddr]) -> anyhow::Result<Self> {
        let hook = Self { client: PinnedClient::new(url, at, TIMEOUT)?, url: url.clone() };
        hook.look().await?;
        Ok(hook)
    }

    /// What was handled once all that must be is, or nothing more is waited for.
    pub(super) async fn wait_for(&self, cases: &[Case]) -> anyhow::Result<Handlings> {
        let until = Instant::now() + PATIENCE;
        loop {
            let handled = self.look().await?;
            let is_there = |case: &Case| case.handled != Handled::Once || handled.of(case).is_all_there();
            if cases.iter().all(is_there) || Instant::now() >= until {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        tokio::time::sleep(AFTERMATH).await;
        self.look().await
    }

    async fn look(&self) -> anyhow::Result<Handlings> {
        let request = PinnedRequest {
            method: Method::GET,
            url: self.url.clone(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
            is_slow: false,
        };
        let reply = self.client.send(request).await;
        let reply = reply.map_err(|why| anyhow!("{} does not answer: {why}", self.url))?;
        ensure!(reply.status == 200, "{} answered {}", self.url, reply.status);
        let mut handled = Handlings::default();
        for id in ids(&reply.body).with_context(|| format!("{} answers no list of message ids", self.url))? {
            *handled.0.entry(id).or_default() += 1;
        }
        Ok(handled)
    }
}

/// A JSON list of texts, or one id a line.
fn ids(text: &str) -> anyhow::Result<Vec<String>> {
    if text.trim_start().starts_with(['[', '{']) {
        return Ok(serde_json::from_str(text)?);
    }
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

impl Handlings {
    /// Those of a case.
    pub(super) fn of(&self, case: &Case) -> Seen {
        let messages = case.messages();
        let count = |id: &&str| self.0.get(*id).copied().unwrap_or_default();
        let once = messages.iter().filter(|id| count(id) == 1).count();
        let more = messages.iter().filter(|id| count(id) > 1).count();
        Seen { of: messages.len(), once, more }
    }
}

impl Seen {
    const fn is_all_there(self) -> bool {
        self.once + self.more == self.of
    }
}
