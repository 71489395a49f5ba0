//! A plain HTTP client that connects only to socket addresses given beforehand. `linekeeper conformance` uses it to
//! act as Meta towards a webhook receiver. It is no SSRF guard: the caller decides which addresses are allowed.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Method, header};
use url::Url;

use super::SetupError;

/// Sends a slow body in this many chunks.
const SLOW_CHUNKS: usize = 9;

/// The pause before each chunk of a slow body but the first.
const SLOW_PAUSE: Duration = Duration::from_millis(500);

/// A client for the given addresses and no others. It follows no redirect, uses no proxy, and opens one connection
/// per request, so that a receiver that closes a connection does not break the next request.
#[derive(Debug, Clone)]
pub struct PinnedClient {
    client: Client,
    timeout: Duration,
}

/// One request of a [`PinnedClient`].
#[derive(Debug, Clone)]
pub struct PinnedRequest {
    pub method: Method,
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// Sends the body in nine chunks with half a second between them.
    pub is_slow: bool,
}

/// The whole response to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedReply {
    pub status: u16,
    pub body: String,
}

impl PinnedClient {
    /// Builds a client that connects to `addresses` for the host name of `url`. `timeout` bounds each request.
    pub fn new(url: &Url, addresses: &[SocketAddr], timeout: Duration) -> Result<Self, SetupError> {
        let builder = Client::builder().redirect(Policy::none()).no_proxy().http1_only().timeout(timeout);
        let builder = builder.pool_max_idle_per_host(0);
        let builder = match url.domain() {
            Some(name) => builder.resolve_to_addrs(name, addresses),
            None => builder,
        };
        Ok(Self { client: builder.build().map_err(SetupError)?, timeout })
    }

    /// Sends a request and reads the whole response. The error says why there is none.
    pub async fn send(&self, request: PinnedRequest) -> Result<PinnedReply, String> {
        let mut builder = self.client.request(request.method, request.url);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if request.is_slow {
            builder = builder.header(header::CONTENT_LENGTH, request.body.len()).body(slow_body(&request.body));
        } else if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let exchange = async {
            let response = builder.send().await?;
            let status = response.status().as_u16();
            Ok(PinnedReply { status, body: response.text().await? })
        };
        exchange.await.map_err(|error| self.root_cause(&error))
    }

    fn root_cause(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("none within {} s", self.timeout.as_secs());
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        cause.to_string()
    }
}

fn slow_body(bytes: &Bytes) -> Body {
    let size = bytes.len().div_ceil(SLOW_CHUNKS).max(1);
    let chunks: Vec<Vec<u8>> = bytes.chunks(size).map(<[u8]>::to_vec).collect();
    let stream = futures::stream::unfold((chunks.into_iter(), false), async |(mut rest, has_begun)| {
        let chunk = rest.next()?;
        if has_begun {
            tokio::time::sleep(SLOW_PAUSE).await;
        }
        Some((Ok::<_, Infallible>(chunk), (rest, true)))
    });
    Body::wrap_stream(stream)
}
