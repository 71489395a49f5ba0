//! One post or question to a customer's address and the beginning of its answer, within a deadline. Knows
//! headers and bytes; what they mean is said elsewhere.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Response};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{Guard, SendError};

/// So much of an answer is read: more than anybody is shown, so that a secret in it can be taken out before it is cut.
const BEGINNING: usize = 16 * 1024;

/// What is sent.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Where.
    pub url: &'a SecretString,
    /// With what; secrets may be among them.
    pub headers: Vec<(String, SecretString)>,
    /// What.
    pub body: Bytes,
    /// How long all of it may take.
    pub deadline: Duration,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// Its `Retry-After`, as it stands.
    pub retry_after: Option<String>,
    /// The beginning of the body, as text; secrets it was sent may be in it.
    pub beginning: String,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// It took too long.
    #[error("it did not answer in time")]
    TimedOut,
    /// Nobody is there, or it broke off; in words without the address.
    #[error("{0}")]
    Unreachable(String),
    /// The address is none that is called; in words for whoever wrote it down.
    #[error("{0}")]
    Forbidden(String),
}

impl Guard {
    /// Posts, and reads the beginning of the answer.
    pub async fn post(&self, request: Request<'_>) -> Result<Answered, Failed> {
        let url = self.address(request.url)?;
        self.exchange(Method::POST, url, request).await
    }

    /// Asks with GET, these pairs added to the address's own query.
    pub async fn get(&self, request: Request<'_>, query: &[(&str, &str)]) -> Result<Answered, Failed> {
        let mut url = self.address(request.url)?;
        url.query_pairs_mut().extend_pairs(query);
        self.exchange(Method::GET, url, request).await
    }

    fn address(&self, url: &SecretString) -> Result<Url, Failed> {
        self.parse(url.expose_secret()).map_err(|refused| Failed::Forbidden(refused.to_string()))
    }

    async fn exchange(&self, method: Method, url: Url, request: Request<'_>) -> Result<Answered, Failed> {
        let mut made = reqwest::Request::new(method, url);
        for (name, value) in &request.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|_| unsendable())?;
            let mut value = HeaderValue::try_from(value.expose_secret()).map_err(|_| unsendable())?;
            value.set_sensitive(true);
            made.headers_mut().insert(name, value);
        }
        *made.timeout_mut() = Some(request.deadline);
        if !request.body.is_empty() {
            *made.body_mut() = Some(request.body.into());
        }
        let response = self.send(made).await.map_err(Failed::from)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        Ok(Answered { status, retry_after, beginning: beginning(response).await })
    }
}

fn unsendable() -> Failed {
    Failed::Forbidden("a header holds characters that cannot be sent".to_owned())
}

/// What was said until it was enough, or broke off: the status counts, this is for people. The rest is
/// read no further, unless it is short: a connection is used again only when its answer was read.
async fn beginning(mut response: Response) -> String {
    let mut read = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        read.extend_from_slice(&piece);
        if read.len() > BEGINNING {
            break;
        }
    }
    let mut text = String::from_utf8_lossy(&read).into_owned();
    // a zero byte is no text to PostgreSQL
    text.retain(|character| character != '\0');
    text
}

impl From<SendError> for Failed {
    fn from(error: SendError) -> Self {
        match &error {
            SendError::Refused(refused) => Self::Forbidden(refused.to_string()),
            SendError::Http(_) if error.is_timeout() => Self::TimedOut,
            SendError::Http(_) | SendError::Setup(_) => Self::Unreachable(error.in_words()),
        }
    }
}
