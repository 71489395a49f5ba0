//! Sends the requests of a case, one after the other, and returns the replies. Connects only to the addresses that
//! were resolved and checked before the run. Must not evaluate.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use graph_api::webhook::Signer;
use outbound::pinned::{PinnedClient, PinnedRequest};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::cases::{Case, Request, Signature};

/// Reply to a request.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    Answer {
        status: u16,
        body: String,
        /// From the first byte sent to the last byte received.
        elapsed: Duration,
    },
    /// No response, and the reason.
    None(String),
}

/// Time limit of one request.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends to one receiver.
pub(super) struct Sender {
    client: PinnedClient,
    url: Url,
    signer: Signer,
    wrong_signer: Signer,
    sha1: hmac::Key,
}

impl Sender {
    pub(super) fn new(url: &Url, addresses: &[SocketAddr], secret: &SecretString) -> anyhow::Result<Self> {
        let sha1 = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.expose_secret().as_bytes());
        let wrong_secret = format!("not {}", secret.expose_secret());
        Ok(Self {
            client: PinnedClient::new(url, addresses, TIMEOUT)?,
            url: url.clone(),
            signer: Signer::new(secret),
            wrong_signer: Signer::new(&wrong_secret.into()),
            sha1,
        })
    }

    /// Sends the requests of a case and returns a reply for each.
    pub(super) async fn send(&self, case: &Case) -> Vec<Reply> {
        let mut replies = Vec::with_capacity(case.requests.len());
        for request in &case.requests {
            replies.push(self.exchange(request).await);
        }
        replies
    }

    async fn exchange(&self, request: &Request) -> Reply {
        let started = Instant::now();
        match self.client.send(self.build(request)).await {
            Ok(reply) => Reply::Answer { status: reply.status, body: reply.body, elapsed: started.elapsed() },
            Err(reason) => Reply::None(reason),
        }
    }

    fn build(&self, request: &Request) -> PinnedRequest {
        let mut url = self.url.clone();
        if request.has_slash {
            url.set_path(&format!("{}/", self.url.path().trim_end_matches('/')));
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let bytes = &request.payload.bytes;
        let mut headers = Vec::new();
        if !bytes.is_empty() {
            headers.push(("content-type", "application/json".to_owned()));
            match request.signature {
                Signature::Valid => headers.push(("x-hub-signature-256", self.signer.sign(bytes))),
                Signature::WrongSecret => headers.push(("x-hub-signature-256", self.wrong_signer.sign(bytes))),
                Signature::Sha1Only => {
                    let tag = hex::encode(hmac::sign(&self.sha1, bytes));
                    headers.push(("x-hub-signature", format!("sha1={tag}")));
                }
                Signature::None => {}
            }
        }
        let body = bytes.clone().into();
        PinnedRequest { method: request.method.clone(), url, headers, body, is_slow: request.is_slow }
    }
}
