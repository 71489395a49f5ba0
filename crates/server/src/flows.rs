//! Flows: the only place where deciding, storing and calling meet.
//!
//! Each has four steps: load → decide (pure, in `domain`) → commit intent, then call → settle. No
//! transaction is held across a call. A flow knows nothing of HTTP requests: `web`, `cli` and the job runner
//! call the same functions.
//!
//! Only flows write to the database: [`database::Database`] lets everybody read, and its `write` is visible in this
//! module and below it. `web`, `cli` and the job runner hold no other handle, so a write of theirs does not compile.

use std::time::Duration;

use domain::ids::ChannelId;
use domain::meta::failure::Failure;
use domain::phone::E164;
use strum::{EnumString, IntoStaticStr};

use crate::store;

pub mod admin;
pub(crate) mod announcements;
pub mod app_callback;
pub mod capacity;
pub mod database;
pub mod erasure;
pub mod forwarding;
pub mod health;
pub mod idempotency;
pub mod ingest;
pub mod number;
pub mod onboarding;
pub mod quarantine;
pub mod queue;
pub mod readiness;
pub mod registration;
pub mod retention;
pub mod seal_keys;
pub mod sessions;
pub mod subscription;
pub(crate) mod sweep;
pub mod token;

/// How long a job sleeps between two batches, so that others can write.
const BATCH_DELAY: Duration = Duration::from_millis(5);

/// Why a flow failed.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Meta refused or did not answer.
    #[error("{}", .0.message)]
    Meta(Failure),
    /// The phone number is connected already (A2).
    #[error("Channel already exists: {phone}")]
    ChannelExists {
        phone: E164,
        /// The inbox that has the number, where it is of the same account.
        inbox: Option<ChannelId>,
    },
    /// The request itself cannot be done; the text says why and is shown as it is.
    #[error("{text}")]
    Refused {
        /// Which refusal; part of the API's closed list of codes.
        code: Refusal,
        /// The sentence, in the origin's words where the origin has one.
        text: String,
    },
}

/// What a flow refuses, apart from Meta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Refusal {
    /// A parameter is missing (E1, W9).
    MissingParameter,
    /// A parameter makes no sense.
    InvalidParameter,
    /// Re-authorised with another number (A3).
    PhoneNumberMismatch,
    /// The number is not in the WABA (E3).
    NoSuchNumber,
    /// The token does not reach the WABA (E4).
    NoAccessToWaba,
    /// The code was used before.
    CodeReplayed,
    /// The token belongs to another app.
    ForeignApp,
    /// A signup saw several numbers, and nobody named one.
    NumberNotChosen,
    /// A signup saw no number.
    NoNumberYet,
    /// A signup's token does not tell which accounts it reaches.
    NoAccountNamed,
    /// A signup's browser never returned, and no token could be had without it.
    BrowserLost,
    /// A signup was not finished in time.
    SignupExpired,
    /// A signup was revoked by a person.
    SignupRevoked,
    /// The inbox does not exist, or not for this account.
    NotFound,
    /// Registration is not to be done now; the decision says why.
    NotNow,
    /// Webhook set-up failed (W8).
    WebhookSetupFailed,
}

impl Refusal {
    /// The stable word of the API.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

impl FlowError {
    /// A refusal with its sentence.
    pub fn refused(code: Refusal, text: impl Into<String>) -> Self {
        Self::Refused { code, text: text.into() }
    }

    /// Whether the database is not available. The store has logged that; whoever gets the error logs nothing.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }

    /// The error with its causes, in one line.
    pub fn chain(&self) -> String {
        match self {
            Self::Store(error) => error.chain(),
            Self::Meta(_) | Self::Refused { .. } | Self::ChannelExists { .. } => self.to_string(),
        }
    }
}

impl From<Failure> for FlowError {
    fn from(failure: Failure) -> Self {
        Self::Meta(failure)
    }
}

/// What becomes of a job after its flow ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is removed, unless it was enqueued again meanwhile.
    Done,
    /// It runs again at this instant, or earlier where it is enqueued.
    At(jiff::Timestamp),
}
