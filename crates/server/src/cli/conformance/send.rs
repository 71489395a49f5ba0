//! Sends the requests of a case one after the other and records the replies. Connects only to the addresses that
//! were resolved and checked before the run. Must not judge.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use graph_api::webhook::Signer;
use outbound::pinned::{PinnedClient, PinnedRequest};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::cases::{Case, Shot, Signed};

/// What came back.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Answer {
        status: u16,
        body: String,
        /// From the first byte sent to the last one read.
        took: Duration,
    },
    /// Nothing, and why.
    None(String),
}

/// The time limit of one request.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends to one receiver.
pub(super) struct Sender {
    client: PinnedClient,
    url: Url,
    signer: Signer,
    other: Signer,
    sha1: hmac::Key,
}

impl Sender {
    pub(super) fn new(url: &Url, at: &[SocketAddr], secret: &SecretString) -> anyhow::Result<Self> {
        let sha1 = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose_secret().as_bytes());
        let other = format!("not {}", secret.expose_secret());
        Ok(Self {
            client: PinnedClient::new(url, at, TIMEOUT)?,
            url: url.clone(),
            signer: Signer::new(secret),
            other: Signer::new(&other.into()),
            sha1,
        })
    }

    /// Sends everything of a case.
    pub(super) async fn send(&self, case: &Case) -> Vec<Reply> {
        let mut replies = Vec::with_capacity(case.shots.len());
        for shot in &case.shots {
            replies.push(self.exchange(shot).await);
        }
        replies
    }

    async fn exchange(&self, shot: &Shot) -> Reply {
        let began = Instant::now();
        match self.client.send(self.request(shot)).await {
            Ok(reply) => Reply::Answer { status: reply.status, body: reply.body, took: began.elapsed() },
            Err(why) => Reply::None(why),
        }
    }

    fn request(&self, shot: &Shot) -> PinnedRequest {
        let mut url = self.url.clone();
        if !shot.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&shot.query);
        }
        let bytes = &shot.post.bytes;
        let mut headers = Vec::new();
        if !bytes.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
            match shot.signed {
                Signed::Well => headers.push(("x-hub-signature-256", self.signer.sign(bytes))),
                Signed::ByAnother => headers.push(("x-hub-signature-256", self.other.sign(bytes))),
                Signed::Sha1Only => {
                    let tag = hex::encode(hmac::sign(&self.sha1, bytes));
                    headers.push(("x-hub-signature", format!("sha1={tag}")));
                }
                Signed::Not => {}
            }
        }
        let body = bytes.clone().into();
        PinnedRequest { method: shot.method.clone(), url, headers, body, is_slow: shot.is_slow }
    }
}
