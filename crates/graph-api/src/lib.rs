//! Meta's HTTP and webhook dialect, turned into [`domain`] values.
//!
//! Two halves: [`Client`] makes the Graph calls that Linekeeper needs, [`webhook`] reads the webhooks that Meta posts.
//! Nothing is decided here: `domain` says what a [`domain::meta::failure::Failure`] or a [`domain::meta::event::Change`]
//! leads to.
//!
//! Rules kept by every file: no secret in a log line, an error or a `Debug` text; an answer of any shape is a value or a
//! `Failure`, never a panic; Meta's unknown words are kept.

mod client;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod redact;
pub mod webhook;
mod wire;

pub use client::account::Account;
pub use client::usage::Usage;
pub use client::{CallOutcome, Client, FinishedCall, Settings, SetupError};
pub use redact::Redactor;
pub use wire::token::{AppSubscription, Token, TokenInfo};

use domain::meta::reading::{NumberReading, WabaReading};

/// An account, the apps subscribed to it and all its numbers, read together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fleet {
    /// The account, `subscribed_apps` included.
    pub waba: WabaReading,
    /// Every number, most recently onboarded first.
    pub numbers: Vec<NumberReading>,
}

/// How Meta sends a verification code to the owner of a number (facts §1.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE", const_into_str)]
pub enum CodeMethod {
    Sms,
    /// By an automatic phone call.
    Voice,
}

/// What to copy from the WhatsApp Business app of a coexistence number, each once within 24 h of onboarding (facts
/// §1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SyncKind {
    /// Contacts, which are copied first.
    #[strum(serialize = "smb_app_state_sync")]
    Contacts,
    /// Past messages, which are copied second.
    History,
}
