//! Meta's HTTP and webhook dialect, turned into [`domain`] values.
//!
//! Two halves: [`Client`] makes the Graph calls Linekeeper needs, [`webhook`] reads what Meta posts.
//! Nothing here decides anything: what a [`domain::meta::failure::Failure`] or a [`domain::meta::event::Change`]
//! means is said in `domain`.
//!
//! Rules kept by every file: a secret never stands in a log line, an error or a `Debug` text; an
//! answer of any shape is a value or a `Failure`, never a panic; Meta's unknown words are kept.

mod client;
#[cfg(any(test, feature = "harness"))]
pub mod harness;
mod redact;
pub mod webhook;
mod wire;

pub use client::account::Account;
pub use client::usage::Usage;
pub use client::{Client, Ended, Made, Settings, SetupError};
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

/// How Meta brings a verification code to the owner of a number (facts §1.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeMethod {
    /// By text message.
    Sms,
    /// By a call.
    Voice,
}

impl CodeMethod {
    /// Meta's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Voice => "VOICE",
        }
    }
}

/// What to copy from the WhatsApp Business app of a coexistence number (facts §1.15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncKind {
    /// Contacts: first, once, within 24 h of onboarding.
    Contacts,
    /// Past messages: second, once, within 24 h of onboarding.
    History,
}

impl SyncKind {
    /// Meta's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contacts => "smb_app_state_sync",
            Self::History => "history",
        }
    }
}
