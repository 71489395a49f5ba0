//! Ids of what only the store numbers: UUID v7 inside, a word and an underscore before it outside.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::random::uuid_at;

/// The text is no id of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

macro_rules! prefixed {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal,)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        transparent!($name(Uuid));

        impl $name {
            /// What it begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh one; later ones sort after earlier ones.
            pub fn fresh(now: Timestamp) -> Self {
                Self(uuid_at(now))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let uuid = text.strip_prefix(concat!($prefix, "_")).ok_or(NotAnId)?;
                Uuid::try_parse(uuid).map(Self).map_err(|_| NotAnId)
            }
        }
    )+};
}

prefixed! {
    ApiKeyId = "key",
    SignupId = "sgn",
    /// A register or deregister call.
    AttemptId = "att",
    AnnouncementId = "ann",
    /// An entry of a channel's history.
    HistoryId = "his",
    /// An address events are forwarded to.
    EndpointId = "end",
    /// A process that delivers.
    ReplicaId = "rep",
    /// An erasure of one person.
    ErasureId = "ers",
}

/// An event, numbered by the database in the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub i64);

transparent!(EventId(i64));

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "evt_{}", self.0)
    }
}

impl FromStr for EventId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        text.strip_prefix("evt_").and_then(|number| number.parse().ok()).map(Self).ok_or(NotAnId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_only_as_its_own_kind() {
        let id = SignupId::fresh("2026-11-22T12:00:00Z".parse().unwrap());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("sgn_"));
        assert_eq!(id.to_string().parse::<AttemptId>(), Err(NotAnId));
        assert_eq!("evt_12".parse(), Ok(EventId(12)));
    }
}
