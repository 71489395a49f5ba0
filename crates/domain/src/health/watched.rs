//! The topics that are watched for changes besides the level, and their values in one assessment.

use jiff::Timestamp;

/// A topic watched for changes besides the level.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Topic {
    /// The last refusal of a register call.
    Refusal,
    /// A time during which no register call is made.
    Hold,
    /// The review of the display name.
    Name,
    /// The review of a new display name.
    NewName,
    Limit,
    Quality,
    Token,
    Subscription,
    /// Whether webhooks stopped coming.
    Silence,
}

/// The review state of a display name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum NameState {
    /// No name was asked for.
    None,
    /// Meta has not decided.
    Undecided,
    /// Approved, or usable without a review.
    Good,
    Declined,
}

/// The state of the token as changes distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenStatus {
    Good,
    /// It expires soon, at this instant.
    Expiring(Timestamp),
    /// It is dead, or access to the account is lost.
    Dead,
}

/// Why Meta refused a register call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalReason {
    /// Kind of failure, Meta's code and sub-code, joined by colons: two refusals with the same code are the same news.
    pub code: String,
    pub meta_text: String,
}

/// The watched values of one assessment. The outer `None` is "not known now", which is never a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watched {
    /// The inner `None` means that no call was refused.
    pub refusal: Option<Option<RefusalReason>>,
    /// The end of the hold; the inner `None` means that there is none.
    pub hold: Option<Option<Timestamp>>,
    pub name: Option<NameState>,
    pub name_text: Option<String>,
    pub new_name: Option<NameState>,
    pub new_name_text: Option<String>,
    /// Meta's word for why it declined a name last, where its webhook gave one.
    pub rejection_reason: Option<String>,
    /// Meta's word for the messaging limit.
    pub limit: Option<String>,
    /// Meta's word for the quality rating.
    pub quality: Option<String>,
    pub token: Option<TokenStatus>,
    pub subscribed: Option<bool>,
    /// When the last webhook came, if that is far too long ago; the inner `None` means that webhooks come.
    pub silence: Option<Option<Timestamp>>,
}
