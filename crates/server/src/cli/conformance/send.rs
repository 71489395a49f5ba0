//! Sends the requests of a case, one after the other, and takes what comes back. Follows no redirect,
//! takes no proxy and connects to nobody but the addresses that were looked at. Must not judge.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_lc_rs::hmac;
use graph_api::webhook::Signer;
use reqwest::redirect::Policy;
use reqwest::{Body, Client, RequestBuilder, header};
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

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A slow body comes in so many pieces, with a pause before each but the first.
const PIECES: usize = 9;
const PAUSE: Duration = Duration::from_millis(500);

/// Sends to one receiver.
pub(super) struct Sender {
    client: Client,
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
            client: client(url, at)?,
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
            replies.push(exchange(self.request(shot)).await);
        }
        replies
    }

    fn request(&self, shot: &Shot) -> RequestBuilder {
        let mut url = self.url.clone();
        if !shot.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&shot.query);
        }
        let request = self.client.request(shot.method.clone(), url);
        let bytes = &shot.post.bytes;
        if bytes.is_empty() {
            return request;
        }
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let request = match shot.signed {
            Signed::Well => request.header("x-hub-signature-256", self.signer.sign(bytes)),
            Signed::ByAnother => request.header("x-hub-signature-256", self.other.sign(bytes)),
            Signed::Sha1Only => {
                let tag = hex::encode(hmac::sign(&self.sha1, bytes));
                request.header("x-hub-signature", format!("sha1={tag}"))
            }
            Signed::Not => request,
        };
        if shot.is_slow {
            request.header(header::CONTENT_LENGTH, bytes.len()).body(dripping(bytes))
        } else {
            request.body(bytes.clone())
        }
    }
}

/// A client for these addresses and no others.
pub(super) fn client(url: &Url, at: &[SocketAddr]) -> anyhow::Result<Client> {
    // a connection each: one that a refusal closes must not end the next case
    let builder = Client::builder().redirect(Policy::none()).no_proxy().http1_only().timeout(PATIENCE);
    let builder = builder.pool_max_idle_per_host(0);
    let builder = match url.domain() {
        Some(name) => builder.resolve_to_addrs(name, at),
        None => builder,
    };
    builder.build().context("no request can be made")
}

async fn exchange(request: RequestBuilder) -> Reply {
    let began = Instant::now();
    let answered = async {
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok::<_, reqwest::Error>((status, answer.text().await?))
    };
    match answered.await {
        Ok((status, body)) => Reply::Answer { status, body, took: began.elapsed() },
        Err(error) => Reply::None(why(&error)),
    }
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("none within {} s", PATIENCE.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn dripping(bytes: &[u8]) -> Body {
    let size = bytes.len().div_ceil(PIECES).max(1);
    let pieces: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
    let stream = futures::stream::unfold((pieces.into_iter(), false), async |(mut rest, is_begun)| {
        let piece = rest.next()?;
        if is_begun {
            tokio::time::sleep(PAUSE).await;
        }
        Some((Ok::<_, Infallible>(piece), (rest, true)))
    });
    Body::wrap_stream(stream)
}
