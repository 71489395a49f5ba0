//! Identifiers as types, so that a WABA id can never be passed where a number's id is meant.
//!
//! Ours are integers (the origin's clients expect them); Meta's are strings of digits of any length.

use std::fmt;

/// The id of a tenant of this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub i64);

/// The id of a connected number; its account sees it as an inbox with this same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub i64);

/// Meta's id of a phone number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumberId(pub String);

/// Meta's id of a WhatsApp Business Account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WabaId(pub String);

/// Meta's id of a business portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BusinessId(pub String);

/// Meta's id of an app.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(pub String);

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Gives an id of Meta's its text.
macro_rules! texts {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $name {
            /// The id as Meta writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )+};
}

texts!(PhoneNumberId, WabaId, BusinessId, AppId);
