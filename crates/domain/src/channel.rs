//! A connected number as its account owns it. Secrets are not here: the store seals them.

use jiff::Timestamp;

use crate::ids::{AccountId, BusinessId, ChannelId, PhoneNumberId, WabaId};
use crate::phone::E164;

/// How a number was brought in; a failed reading does not undo it (policy, decision rule 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Onboarding {
    /// Embedded Signup's default flow: the number is ours to register.
    Standard,
    /// The number stays in the WhatsApp Business app: never registered by us.
    Coexistence,
    /// A number the partner verified beforehand: 90 days instead of 14.
    Preverified,
    /// Brought in by an operator, calls made elsewhere are unknown.
    Imported,
    /// Nobody said.
    Unknown,
}

impl Onboarding {
    /// The word kept in the database and shown by the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Coexistence => "coexistence",
            Self::Preverified => "preverified",
            Self::Imported => "imported",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word back; an unknown word is [`Self::Unknown`].
    pub fn parse(word: &str) -> Self {
        match word {
            "standard" => Self::Standard,
            "coexistence" => Self::Coexistence,
            "preverified" => Self::Preverified,
            "imported" => Self::Imported,
            _ => Self::Unknown,
        }
    }
}

/// A number connected to an account: the account sees it as an inbox with the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Ours.
    pub id: ChannelId,
    /// Its tenant.
    pub account_id: AccountId,
    /// The inbox's name; a re-authorisation keeps it (A3).
    pub name: String,
    /// E.164; unique in the installation (A2).
    pub phone_number: E164,
    /// Meta's id of the number.
    pub phone_number_id: PhoneNumberId,
    /// The account at Meta that holds it.
    pub waba_id: WabaId,
    /// The portfolio, where known.
    pub business_id: Option<BusinessId>,
    /// How it came.
    pub onboarding: Onboarding,
    /// When.
    pub created_at: Timestamp,
}

/// The callback a channel's messages are sent to: `<public URL>/webhooks/whatsapp/<+E.164>`.
pub fn callback_url(public_url: &str, phone_number: &E164) -> String {
    format!("{}/webhooks/whatsapp/{phone_number}", public_url.trim_end_matches('/'))
}

/// The inbox's first name, as the origin builds it.
pub fn first_inbox_name(business_name: &str) -> String {
    format!("{business_name} WhatsApp")
}
