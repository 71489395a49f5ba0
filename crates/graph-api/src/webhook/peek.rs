//! The routing data of a change, cheap enough for every post: its subject, and for messages their number and status. The
//! content stays unread.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use domain::ids::{PhoneNumberId, WabaId};
use domain::meta::event::{MessagesSeen, Subject};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::RawChange;
use super::body::seconds;
use super::read::{digits, is_working, subject_and_messages};

/// The routing data of a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peek {
    /// Whom the change is about.
    pub subject: Subject,
    /// Messages and statuses it holds; nothing for other fields.
    pub messages: MessagesSeen,
    /// Unix seconds: the time of the entry, otherwise of the first message or status. It is the same for the same change sent
    /// again.
    pub time: Option<i64>,
}

impl RawChange<'_> {
    /// Reads the routing data; a value of an unknown shape has none and is no error.
    pub fn peek(&self) -> Peek {
        let quick = serde_json::from_str::<Value<'_>>(self.value.get()).ok();
        match quick.and_then(|value| self.quickly(&value)) {
            Some(peek) => peek,
            None => {
                let (subject, messages) = subject_and_messages(self);
                Peek { subject, messages, time: self.time }
            }
        }
    }

    /// Fields with `metadata` name their number by id and their account by the entry; all others are read in full.
    fn quickly(&self, value: &Value<'_>) -> Option<Peek> {
        let metadata = value.metadata.as_ref().filter(|m| is_plain(&m.phone_number_id))?;
        let is_named_elsewhere = value.waba_info.or(value.display_phone_number).or(value.phone_number).is_some();
        let has_odd_word = value.statuses.iter().any(|status| status.word.contains(char::is_control));
        if is_named_elsewhere || has_odd_word || names_its_own_subject(&self.field) {
            return None;
        }
        let subject = Subject {
            waba_id: Some(self.entry_id.as_ref()).filter(|id| !id.is_empty()).map(|id| WabaId(id.to_owned())),
            phone_number_id: Some(PhoneNumberId(metadata.phone_number_id.as_ref().to_owned())),
            phone_digits: digits(&metadata.display_phone_number),
            owner_business_id: None,
        };
        if self.field != "messages" {
            return Some(Peek { subject, messages: MessagesSeen::default(), time: self.time });
        }
        let of_first_status = || value.statuses.first().and_then(|status| status.timestamp);
        let time = self.time.or_else(|| value.messages.first_at.or_else(of_first_status).and_then(seconds));
        let of_statuses = value.statuses.iter().flat_map(|status| &status.errors);
        let messages = MessagesSeen {
            inbound: value.messages.count,
            working_statuses: value.statuses.iter().filter(|status| is_working(&status.word)).count(),
            error_codes: of_statuses.chain(&value.errors).map(|error| error.code).collect(),
        };
        Some(Peek { subject, messages, time })
    }
}

fn is_plain(id: &str) -> bool {
    !id.trim().is_empty() && !id.contains(char::is_control)
}

/// Fields whose members name their subject more precisely than `metadata` and the entry.
fn names_its_own_subject(field: &str) -> bool {
    matches!(field, "account_alerts" | "account_update" | "business_status_update" | "partner_solutions")
}

#[derive(Deserialize)]
struct Value<'a> {
    #[serde(borrow, default)]
    metadata: Option<Metadata<'a>>,
    #[serde(borrow, default)]
    messages: Messages<'a>,
    #[serde(borrow, default)]
    statuses: Vec<Status<'a>>,
    #[serde(default)]
    errors: Vec<Coded>,
    // where one of these stands beside the metadata, the change is read in full
    #[serde(default)]
    waba_info: Option<IgnoredAny>,
    #[serde(default)]
    display_phone_number: Option<IgnoredAny>,
    #[serde(default)]
    phone_number: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    phone_number_id: Cow<'a, str>,
    #[serde(borrow, default)]
    display_phone_number: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(rename = "status", borrow, default)]
    word: Cow<'a, str>,
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
    #[serde(default)]
    errors: Vec<Coded>,
}

#[derive(Deserialize)]
struct Coded {
    code: i64,
}

/// The length of a list and the time of its first item; the rest is skipped.
#[derive(Default)]
struct Messages<'a> {
    count: usize,
    first_at: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Stamped<'a> {
    #[serde(borrow, default)]
    timestamp: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Messages<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Counter<'a> {
            type Value = Messages<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Messages<'a>, A::Error> {
                let Some(first) = items.next_element::<Stamped<'a>>()? else { return Ok(Messages::default()) };
                let mut count = 1;
                while items.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Messages { count, first_at: first.timestamp })
            }
        }
        deserializer.deserialize_seq(Counter(PhantomData))
    }
}
