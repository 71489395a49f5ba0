//! One HTTP exchange with a customer's address: a request, and the start of its response, within a deadline. Must
//! not interpret a status or a body.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Guard, Method, SendError};

/// Bytes of a response body that are read. More than is ever shown, so that a secret can be redacted before the text
/// is cut.
const MAX_BODY_READ: usize = 16 * 1024;

/// A request to a customer's address.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub url: &'a SecretString,
    /// Header values may be secrets.
    pub headers: Vec<(String, SecretString)>,
    pub body: Bytes,
    /// Time limit for connect, request and response together.
    pub deadline: Duration,
}

/// The response of a customer's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    /// The `Retry-After` header as received.
    pub retry_after: Option<String>,
    /// The start of the body as text. It may repeat secrets of the request.
    pub body_start: String,
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    #[error("it did not answer in time")]
    TimedOut,
    /// The connection failed or broke off. The text does not hold the URL.
    #[error("{0}")]
    Unreachable(String),
    /// The guard refused the address. The text is for the person who saved it.
    #[error("{0}")]
    Forbidden(String),
}

impl Guard {
    /// Sends a POST and reads the start of the response.
    pub async fn post(&self, request: Request<'_>) -> Result<Reply, ExchangeError> {
        let url = self.parse_secret(request.url)?;
        self.exchange(Method::POST, url, request).await
    }

    /// Sends a GET with `query` appended to the URL's own query.
    pub async fn get(&self, request: Request<'_>, query: &[(&str, &str)]) -> Result<Reply, ExchangeError> {
        let mut url = self.parse_secret(request.url)?;
        url.query_pairs_mut().extend_pairs(query);
        self.exchange(Method::GET, url, request).await
    }

    fn parse_secret(&self, url: &SecretString) -> Result<Url, ExchangeError> {
        self.parse(url.expose_secret()).map_err(|refused| ExchangeError::Forbidden(refused.to_string()))
    }

    async fn exchange(&self, method: Method, url: Url, request: Request<'_>) -> Result<Reply, ExchangeError> {
        let mut http_request = reqwest::Request::new(method, url);
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| invalid_header())?;
            let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| invalid_header())?;
            value.set_sensitive(true);
            http_request.headers_mut().insert(name, value);
        }
        *http_request.timeout_mut() = Some(request.deadline);
        if !request.body.is_empty() {
            *http_request.body_mut() = Some(request.body.into());
        }
        let response = self.send(http_request).await.map_err(ExchangeError::from)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        Ok(Reply { status, retry_after, body_start: body_start(response).await })
    }
}

fn invalid_header() -> ExchangeError {
    ExchangeError::Forbidden("a header holds characters that cannot be sent".to_owned())
}

/// Reads the body until it ends, breaks off, or exceeds [`MAX_BODY_READ`]. A short body is read to its end, because a
/// connection is reused only after that. An error while reading is ignored: the status decides.
async fn body_start(mut response: Response) -> String {
    let mut read = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        read.extend_from_slice(&piece);
        if read.len() > MAX_BODY_READ {
            break;
        }
    }
    let mut text = String::from_utf8_lossy(&read).into_owned();
    // PostgreSQL does not store a zero byte in a text
    text.retain(|character| character != '\0');
    text
}

impl From<SendError> for ExchangeError {
    fn from(error: SendError) -> Self {
        match &error {
            SendError::Refused(refused) => Self::Forbidden(refused.to_string()),
            SendError::Http(_) if error.is_timeout() => Self::TimedOut,
            SendError::Http(_) | SendError::Setup(_) => Self::Unreachable(error.with_causes()),
        }
    }
}
