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
    /// A service that runs, as key rotations know it.
    ServiceId = "svc",
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

/// An item of an event: one message or one status, or the event as a whole. It stays the same when other items of the event
/// are erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId(pub Uuid);

transparent!(ItemId(Uuid));

impl ItemId {
    /// The event as a whole: in Meta's format, and for everything but messages and statuses.
    pub const WHOLE: Self = Self(Uuid::nil());

    /// The item of a digest; the digest of nothing real is all zeros.
    pub const fn of_digest(digest: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(digest))
    }

    /// The digits that a JSON statement takes it by.
    pub(crate) fn digits(self) -> String {
        self.0.simple().to_string()
    }
}

/// The unit of delivery: an item of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryKey {
    pub event: EventId,
    pub item: ItemId,
}

impl DeliveryKey {
    /// The id that a receiver deduplicates by: the item's own, which is the same in whichever event Meta repeats it; for a
    /// whole event the event's.
    pub fn webhook_id(self) -> String {
        match self.item {
            ItemId::WHOLE => self.event.to_string(),
            ItemId(id) => format!("itm_{}", id.simple()),
        }
    }
}

/// A place in a list: the event, and its item unless it is the whole.
impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item {
            ItemId::WHOLE => write!(f, "{}", self.event),
            ItemId(id) => write!(f, "{}_itm_{}", self.event, id.simple()),
        }
    }
}

impl FromStr for DeliveryKey {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let Some((event, item)) = text.split_once("_itm_") else {
            return Ok(Self { event: text.parse()?, item: ItemId::WHOLE });
        };
        Ok(Self { event: event.parse()?, item: ItemId(Uuid::try_parse(item).map_err(|_| NotAnId)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_reads_back_whole_or_with_its_item() {
        let whole = DeliveryKey { event: EventId(12), item: ItemId::WHOLE };
        assert_eq!((whole.to_string(), whole.webhook_id()), ("evt_12".to_owned(), "evt_12".to_owned()));
        let item = DeliveryKey { item: ItemId::of_digest([0x5f; 16]), ..whole };
        let again = DeliveryKey { event: EventId(13), ..item };
        assert_eq!(item.webhook_id(), again.webhook_id(), "the event is no part of it");
        for key in [whole, item] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for odd in ["", "12", "evt_12_itm_", "evt_12_itm_x", "itm_5f", "evt_x"] {
            assert_eq!(odd.parse::<DeliveryKey>(), Err(NotAnId), "{odd}");
        }
    }

    #[test]
    fn an_id_reads_back_and_only_as_its_own_kind() {
        let id = SignupId::fresh("2026-11-22T12:00:00Z".parse().unwrap());
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("sgn_"));
        assert_eq!(id.to_string().parse::<AttemptId>(), Err(NotAnId));
        assert_eq!("evt_12".parse(), Ok(EventId(12)));
    }
}
