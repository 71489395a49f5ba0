//! Our own closed sets of words: what the API, the page and the database call a level, a finding, a
//! button. This file holds the macros that write them and the argument type they share; it must not
//! know any of the words.

use jiff::{SignedDuration, Timestamp};

use crate::meta::failure::FailureKind;
use crate::meta::reading::{BusinessVerification, EntityType, MessagingLimit, QualityRating};

/// Writes a closed enum without arguments: `ALL`, `as_str`, `parse`.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vmeta])* $variant,)+
        }

        impl $name {
            /// Every value, so that a catalogue of sentences can be checked for completeness.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word the API, the page and the database use.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Reads the word back.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }
    };
}

/// Writes a closed enum whose values may carry typed arguments: `KNOWN`, `as_str`, `args`.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident {
        $($(#[$vmeta:meta])* $variant:ident $({ $($(#[$fmeta:meta])* $field:ident: $type:ty),+ $(,)? })? = $word:literal,)+
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name {
            $($(#[$vmeta])* $variant $({ $($(#[$fmeta])* $field: $type),+ })?,)+
        }

        impl $name {
            /// Every word, so that a catalogue of sentences can be checked for completeness.
            pub const KNOWN: &'static [&'static str] = &[$($word),+];

            /// The stable word the API, the page and the database use.
            pub const fn as_str(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $word,)+
                }
            }

            /// The arguments a sentence may use, by name.
            pub fn args(&self) -> Vec<(&'static str, $crate::health::Arg)> {
                match self {
                    $(Self::$variant { $($($field),+)? } => vec![
                        $($((stringify!($field), $crate::health::Arg::from($field.clone()))),+)?
                    ],)+
                }
            }
        }
    };
}

pub(super) use codes;
pub(super) use words;

/// An argument of a finding or an announcement; put into words elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// Free text: a name, or Meta's own sentence.
    Text(String),
    /// One of Meta's words or of ours, to be looked up in a catalogue.
    Word(String),
    /// A count or one of Meta's codes.
    Number(i64),
    /// An instant.
    Time(Timestamp),
    /// A length of time.
    Span(SignedDuration),
    /// Several words.
    Words(Vec<String>),
    /// Not known.
    Absent,
}

macro_rules! arg_from {
    ($($type:ty => |$value:ident| $arg:expr,)+) => {$(
        impl From<$type> for Arg {
            fn from($value: $type) -> Self {
                $arg
            }
        }
    )+};
}

arg_from! {
    String => |value| Self::Text(value),
    &'static str => |value| Self::Word(value.to_owned()),
    i64 => |value| Self::Number(value),
    usize => |value| Self::Number(i64::try_from(value).unwrap_or(i64::MAX)),
    Timestamp => |value| Self::Time(value),
    SignedDuration => |value| Self::Span(value),
    Vec<String> => |value| Self::Words(value),
    EntityType => |value| Self::Word(value.as_str().to_owned()),
    MessagingLimit => |value| Self::Word(value.as_str().to_owned()),
    QualityRating => |value| Self::Word(value.as_str().to_owned()),
    BusinessVerification => |value| Self::Word(value.as_str().to_owned()),
}

impl<T: Into<Self>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

/// The word for a kind of failure.
pub fn failure_word(kind: FailureKind) -> &'static str {
    use FailureKind as K;
    match kind {
        K::Transient => "transient",
        K::Throttled => "throttled",
        K::TokenDead => "token_dead",
        K::AccessLost => "access_lost",
        K::NameNotReady => "name_not_ready",
        K::NumberTaken => "number_taken",
        K::OwnershipUnconfirmed => "ownership_unconfirmed",
        K::TwoStepAtPreviousOwner => "two_step_at_previous_owner",
        K::CertificateRefused => "certificate_refused",
        K::PinMismatch => "pin_mismatch",
        K::ReverificationNeeded => "reverification_needed",
        K::PinGuessesSpent => "pin_guesses_spent",
        K::PinGuessedTooFast => "pin_guessed_too_fast",
        K::NotRegistered => "not_registered",
        K::DeregistrationIncomplete => "deregistration_incomplete",
        K::BudgetSpent => "budget_spent",
        K::AccountLocked => "account_locked",
        K::PolicyBlocked => "policy_blocked",
        K::CodeSpent => "code_spent",
        K::AppMisconfigured => "app_misconfigured",
        K::UnknownField => "unknown_field",
        K::AlreadyVerified => "already_verified",
        K::CoexistenceRefused => "coexistence_refused",
        K::NotSubscribed => "not_subscribed",
        K::PaymentMissing => "payment_missing",
        K::BusinessUnverified => "business_unverified",
        K::Permanent => "permanent",
    }
}
