//! Forwarding: what an endpoint wants, what its answers mean, when to try again, when to stop.
//!
//! An endpoint is a customer's address. What Meta sent is a log; an endpoint goes through it in order and
//! keeps a place in it. What it could not take is set aside and tried again, and holds up nothing but its
//! own conversation ([`lanes`]). An endpoint that takes nothing at all is left alone but for a probe
//! ([`breaker`]). Nothing here knows HTTP beyond a status, or stores anything.

use jiff::{SignedDuration, Timestamp};

pub mod breaker;
pub mod lanes;
pub mod pace;
pub mod standing;

/// What an endpoint may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// Messages that came in.
    Messages,
    /// How messages that went out fared.
    Statuses,
    /// Message templates: their status, quality, category.
    Templates,
    /// Calls.
    Calls,
    /// The account, its numbers, their names, quality and security.
    Account,
    /// Coexistence: echoes of the phone app, its history, its contacts.
    Coexistence,
    /// What Linekeeper itself has to tell: a number went live, something is to be done.
    Announcements,
    /// Fields of Meta's that this version does not know.
    Other,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Messages,
        Self::Statuses,
        Self::Templates,
        Self::Calls,
        Self::Account,
        Self::Coexistence,
        Self::Announcements,
        Self::Other,
    ];

    /// The stable word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Statuses => "statuses",
            Self::Templates => "templates",
            Self::Calls => "calls",
            Self::Account => "account",
            Self::Coexistence => "coexistence",
            Self::Announcements => "announcements",
            Self::Other => "other",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Of a webhook field (facts §3.3). A change of the field `messages` may hold statuses, messages or
    /// both: whoever knows which says so.
    pub fn of_field(field: &str) -> Self {
        match field {
            "messages" => Self::Messages,
            ANNOUNCEMENT_FIELD => Self::Announcements,
            "calls" => Self::Calls,
            "history" | "smb_message_echoes" | "message_echoes" | "smb_app_state_sync" => Self::Coexistence,
            "template_category_update" => Self::Templates,
            field if field.starts_with("message_template_") => Self::Templates,
            "account_update"
            | "account_review_update"
            | "account_alerts"
            | "account_settings_update"
            | "business_capability_update"
            | "business_status_update"
            | "partner_solutions"
            | "payment_configuration_update"
            | "phone_number_name_update"
            | "phone_number_quality_update"
            | "security" => Self::Account,
            _ => Self::Other,
        }
    }
}

/// The field under which what Linekeeper tells stands in the log; no field of Meta's.
pub const ANNOUNCEMENT_FIELD: &str = "linekeeper";

/// How events are written for an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// As Meta posts them: a consumer of Meta's works by changing one address.
    Meta,
    /// Standard Webhooks: one event per post.
    Standard,
}

impl Format {
    /// The stable word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Standard => "standard",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Meta, Self::Standard].into_iter().find(|format| format.as_str() == word)
    }
}

/// What came of posting to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It answered.
    Status {
        /// The HTTP status.
        code: u16,
        /// The instant its `Retry-After` names.
        retry_after: Option<Timestamp>,
    },
    /// It took too long.
    TimedOut,
    /// Nobody answered, or the answer broke off.
    Unreachable,
    /// Its address is one we do not call.
    Forbidden,
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It took the event.
    Taken,
    /// To be tried again, no sooner than this.
    Again {
        /// As the endpoint asked.
        not_before: Option<Timestamp>,
        /// It asked for less of everything, not of this event alone.
        all: bool,
    },
    /// It wants nothing any more (410).
    Gone,
}

/// The longest `Retry-After` that is heeded.
pub const LONGEST_RETRY_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What follows from an answer. A redirect is no answer: it is not followed, since it may lead anywhere.
pub fn verdict(answer: &Answer, now: Timestamp) -> Verdict {
    match answer {
        Answer::Status { code: 200..=299, .. } => Verdict::Taken,
        Answer::Status { code: 410, .. } => Verdict::Gone,
        Answer::Status { code, retry_after } => {
            let not_before = retry_after.map(|at| at.min(now + LONGEST_RETRY_AFTER));
            Verdict::Again { not_before, all: *code == 429 || (*code == 503 && not_before.is_some()) }
        }
        Answer::TimedOut | Answer::Unreachable | Answer::Forbidden => Verdict::Again { not_before: None, all: false },
    }
}

/// How long an endpoint is left alone that asks for less and does not say for how long (429).
pub const UNSAID_RETRY_AFTER: SignedDuration = SignedDuration::from_secs(5);

/// An event is tried for this long after it first failed, then it is a dead letter.
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Between two tries; the last goes on until [`GIVE_UP_AFTER`].
const BACK_OFF: [SignedDuration; 10] = [
    SignedDuration::from_secs(5),
    SignedDuration::from_secs(30),
    SignedDuration::from_mins(2),
    SignedDuration::from_mins(10),
    SignedDuration::from_mins(30),
    SignedDuration::from_hours(1),
    SignedDuration::from_hours(2),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(12),
];

/// When to try an event again that failed `attempts` times, the first time at `first_failed_at`; `None`
/// when it is given up. `chance` (0 to 1) adds up to a fifth, so that what failed together does not
/// come back together; nothing is ever tried sooner than the schedule or the endpoint says.
pub fn retry_at(
    attempts: u32,
    first_failed_at: Timestamp,
    not_before: Option<Timestamp>,
    now: Timestamp,
    chance: f64,
) -> Option<Timestamp> {
    if now.duration_since(first_failed_at) >= GIVE_UP_AFTER {
        return None;
    }
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = BACK_OFF.get(index).or(BACK_OFF.last()).copied().unwrap_or(GIVE_UP_AFTER);
    let at = now + with_jitter(wait, chance);
    Some(not_before.map_or(at, |asked| at.max(asked + with_jitter(BACK_OFF[0], chance) - BACK_OFF[0])))
}

/// A wait made longer by up to a fifth.
fn with_jitter(wait: SignedDuration, chance: f64) -> SignedDuration {
    let fifth = wait.as_secs_f64() / 5.0 * chance.clamp(0.0, 1.0);
    wait + SignedDuration::try_from_secs_f64(fifth).unwrap_or(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests;
