//! The client: its settings, its state and its entry points. A call is described in [`call`] and sent by [`send`].
//!
//! No redirects, no proxy, no retry around writes. A read is repeated only with fewer fields.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use domain::ids::{AppId, WabaId};
use domain::meta::failure::{Failure, FailureKind};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

pub(crate) mod account;
mod app;
mod call;
mod fields;
mod pages;
mod send;
pub(crate) mod usage;

use account::Account;
use call::{Answer, Call};
use fields::Fields;
use usage::{Budgets, Usage};

/// What a [`Client`] is made from.
#[derive(Clone)]
pub struct Settings {
    /// `https://graph.facebook.com`, or an emulator's.
    pub base_url: url::Url,
    /// Graph version as it stands in the path, such as `v25.0`.
    pub version: String,
    /// The installation's app at Meta.
    pub app_id: AppId,
    pub app_secret: SecretString,
    /// The longest one call may take; 10 s is a good value.
    pub deadline: Duration,
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Called for every call once it is over; not for calls that were refused here.
    pub observe: Arc<dyn Fn(&FinishedCall<'_>) + Send + Sync>,
}

/// A call that is over, for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FinishedCall<'a> {
    /// Method and route, such as `POST /{phone}/register`: one of a few, and never with an id.
    pub route: &'a str,
    pub outcome: CallOutcome,
    /// How long it took.
    pub took: Duration,
}

/// How a call ended, as far as HTTP shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// With a good answer.
    Answered,
    /// With an error of Meta's, or with an unreadable answer.
    Refused(FailureKind),
    /// Without an answer: no connection, time-out, or a connection that was cut.
    Unreachable,
}

/// Why no client can be made from the settings.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The base URL cannot carry a path.
    #[error("the Graph base URL \"{0}\" must be an http or https URL without query and fragment")]
    BaseUrl(String),
    /// The version is not one.
    #[error("the Graph version \"{0}\" must look like v25.0")]
    Version(String),
    /// The app id is not a number.
    #[error("the app id \"{0}\" must consist of digits")]
    AppId(String),
    /// The app secret is blank.
    #[error("the app secret is blank")]
    AppSecret,
    /// The HTTP client cannot be built: no usable TLS set-up on this machine.
    #[error("the HTTP client cannot be built")]
    Http(#[source] reqwest::Error),
}

/// A client of the Graph API. It is cheap to clone; clones share their connections, known fields and usage.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    flow_deadline: Option<Instant>,
}

struct Shared {
    http: reqwest::Client,
    settings: Settings,
    proof_key: hmac::Key,
    app_token: SecretString,
    budgets: Budgets,
    fields: Fields,
}

impl Client {
    /// Checks the settings and opens nothing: the first call connects.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        check(&settings)?;
        let builder = reqwest::Client::builder();
        // Without TLS (an emulator) the machine's certificates are not even looked for.
        let builder = match settings.base_url.scheme() {
            "http" => builder.tls_certs_only([]),
            _ => builder.https_only(true),
        };
        let http = builder
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(settings.deadline)
            .pool_idle_timeout(Duration::from_mins(1))
            .user_agent(concat!("linekeeper/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(SetupError::Http)?;
        let secret = settings.app_secret.expose_secret();
        let shared = Shared {
            http,
            proof_key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            app_token: SecretString::from(format!("{}|{secret}", settings.app_id)),
            budgets: Budgets::default(),
            fields: Fields::default(),
            settings,
        };
        Ok(Self { shared: Arc::new(shared), flow_deadline: None })
    }

    /// The same client, whose every call ends by `flow_deadline` (or an earlier one set before).
    #[must_use]
    pub fn within(&self, flow_deadline: Instant) -> Self {
        let flow_deadline = self.flow_deadline.map_or(flow_deadline, |known| known.min(flow_deadline));
        Self { shared: Arc::clone(&self.shared), flow_deadline: Some(flow_deadline) }
    }

    /// The calls on one account with one of its tokens.
    pub fn on<'a>(&'a self, waba: &'a WabaId, token: &'a SecretString) -> Account<'a> {
        Account::new(self, waba, token)
    }

    /// Asks for `health_status` inside lists of numbers too, until Meta is seen not to give it there
    /// (facts D5: unproven).
    pub fn try_health_in_lists(&self) {
        self.shared.fields.try_health_in_lists();
    }

    /// How much of the app's own hourly limit is used, as Meta last said.
    pub fn app_usage(&self) -> Usage {
        self.shared.budgets.app_usage(self.now())
    }

    fn now(&self) -> Timestamp {
        (self.shared.settings.now)()
    }

    fn fields(&self) -> &Fields {
        &self.shared.fields
    }

    fn version(&self) -> &str {
        &self.shared.settings.version
    }

    /// Lower-case hex of HMAC-SHA256 over the token (facts §1).
    fn proof(&self, token: &str) -> String {
        hex::encode(hmac::sign(&self.shared.proof_key, token.as_bytes()).as_ref())
    }

    async fn send(&self, call: Call<'_>) -> Result<Answer, Failure> {
        send::send(self, call).await
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let settings = &self.shared.settings;
        f.debug_struct("Client")
            .field("base_url", &settings.base_url.as_str())
            .field("version", &settings.version)
            .field("app_id", &settings.app_id)
            .finish_non_exhaustive()
    }
}

fn check(settings: &Settings) -> Result<(), SetupError> {
    let url = &settings.base_url;
    let plain = matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none();
    if !plain || url.cannot_be_a_base() || !url.username().is_empty() || url.password().is_some() {
        return Err(SetupError::BaseUrl(format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())));
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let version = settings.version.strip_prefix('v').and_then(|v| v.split_once('.'));
    if !version.is_some_and(|(major, minor)| digits(major) && digits(minor)) {
        return Err(SetupError::Version(settings.version.clone()));
    }
    if !digits(settings.app_id.as_str()) {
        return Err(SetupError::AppId(settings.app_id.to_string()));
    }
    if settings.app_secret.expose_secret().trim().is_empty() {
        return Err(SetupError::AppSecret);
    }
    Ok(())
}
