//! What is news about a number: told once per transition, never twice for the same state (policy,
//! "Told once per transition"). Nothing here sends anything.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::level::Level;
use super::words::{codes, words};

mod news;
mod remembered;

pub use news::{remember, transitions};

codes! {
    /// One piece of news about a number.
    Announcement {
        /// It is live for the first time.
        NumberLive = "number_live",
        /// Something threatens it.
        AtRisk {
            /// The leading finding's code.
            finding: &'static str,
        } = "at_risk",
        /// A person has to do something.
        ActionNeeded {
            /// The finding's code.
            finding: &'static str,
            /// Whose move it is.
            whose: &'static str,
        } = "action_needed",
        /// It is banned, restricted or disabled.
        Blocked {
            /// The finding's code.
            finding: &'static str,
        } = "blocked",
        /// It works again, or nothing threatens it any more.
        Recovered {
            /// The level it comes from.
            from: &'static str,
        } = "recovered",
        /// Meta refused to register it, for a reason not told before.
        RegistrationRefused {
            /// Which: kind, code and sub-code.
            reason: String,
            /// Meta's text.
            meta_text: Option<String>,
        } = "registration_refused",
        /// Meta accepts no register call for a while.
        HoldBegan {
            /// Until when.
            until: Timestamp,
        } = "hold_began",
        /// It does again.
        HoldEnded = "hold_ended",
        /// The display name, or the new one, was approved.
        NameApproved {
            /// The name.
            name: Option<String>,
        } = "name_approved",
        /// The display name, or the new one, was refused.
        NameDeclined {
            /// The name.
            name: Option<String>,
        } = "name_declined",
        /// The messaging limit changed.
        LimitChanged {
            /// Meta's word before.
            from: String,
            /// Meta's word now.
            to: String,
        } = "limit_changed",
        /// The quality changed.
        QualityChanged {
            /// Meta's word before.
            from: String,
            /// Meta's word now.
            to: String,
        } = "quality_changed",
        /// The token ends soon.
        TokenExpiring {
            /// When.
            expires_at: Timestamp,
        } = "token_expiring",
        /// The token is dead, or the account is not shared with us any more.
        TokenDead = "token_dead",
        /// The token works again, or ends later.
        TokenRenewed = "token_renewed",
        /// Our app is not subscribed any more.
        SubscriptionLost = "subscription_lost",
        /// It is again.
        SubscriptionHealed = "subscription_healed",
        /// No webhook for far longer than usual.
        Silence {
            /// When one came last.
            last_heard_at: Timestamp,
        } = "silence",
    }
}

words! {
    /// Something watched for changes besides the level.
    #[derive(PartialOrd, Ord)]
    Topic {
        /// The last refusal of register.
        Refusal = "refusal",
        /// A hold.
        Hold = "hold",
        /// The display name.
        Name = "name",
        /// A new display name.
        NewName = "new_name",
        /// The messaging limit.
        Limit = "limit",
        /// The quality.
        Quality = "quality",
        /// The token.
        Token = "token",
        /// The subscription.
        Subscription = "subscription",
        /// Webhooks coming in.
        Silence = "silence",
    }
}

words! {
    /// How far a display name is.
    NameState {
        /// None asked for.
        None = "none",
        /// Not decided.
        Open = "open",
        /// Approved, or usable.
        Good = "good",
        /// Refused.
        Declined = "declined",
    }
}

/// How the token is, as far as news go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenNews {
    /// It works.
    Good,
    /// It ends soon.
    Expiring(Timestamp),
    /// It is dead, or access is lost.
    Dead,
}

/// What is watched for changes; `None` is "not known now", which is no change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watched {
    /// The last refusal: its reason (kind, code, sub-code) and Meta's text; `None` inside for none.
    pub refusal: Option<Option<(String, String)>>,
    /// A hold: until when; `None` inside for none.
    pub hold: Option<Option<Timestamp>>,
    /// The display name.
    pub name: Option<NameState>,
    /// Its text.
    pub name_text: Option<String>,
    /// The new display name.
    pub new_name: Option<NameState>,
    /// Its text.
    pub new_name_text: Option<String>,
    /// Meta's word for the limit.
    pub limit: Option<String>,
    /// Meta's word for the quality.
    pub quality: Option<String>,
    /// The token.
    pub token: Option<TokenNews>,
    /// Our app is subscribed.
    pub subscribed: Option<bool>,
    /// Webhooks come (`None` inside), or came last at this instant, far too long ago.
    pub silence: Option<Option<Timestamp>>,
}

/// What has to be kept of a report to know what the next one changes: a level and a few words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The level of the last report.
    pub level: Level,
    /// The last level that was not [`Level::Unknown`].
    pub known_level: Option<Level>,
    /// Since when `level` holds.
    pub since: Timestamp,
    /// The number was live at some time.
    pub was_live: bool,
    /// What was last known of each topic, in a word.
    pub words: BTreeMap<Topic, String>,
    /// Since when each finding is there, by the word of its code.
    pub findings: BTreeMap<String, Timestamp>,
}
