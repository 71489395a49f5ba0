//! From facts to judgement: how well a number is, whose move it is, what they can do and where.
//!
//! [`assess()`] is pure and has no memory: facts are stored, judgements are computed. It returns codes
//! with arguments; sentences come from a catalogue by code. Levels change with time alone, so a
//! report says until when it holds. Policy, "Health"; facts §6.
//!
//! Reading order: `level`, `finding`, `context`, `callback` and `standing` (what is judged), `assess` and its
//! parts (how), `transitions` (what is news), `schedule`, `badge` (the page's cards), `links`.
//! `worse` says which fact is worse than which; it is kept apart from `assess` and tests it.

use jiff::Timestamp;

mod assess;
mod badge;
mod callback;
mod context;
mod finding;
mod level;
mod links;
mod schedule;
mod standing;
#[cfg(test)]
mod tests;
mod transitions;
mod words;
mod worse;

pub use assess::assess;
pub use badge::{Badge, Card, CardMeaning, CardValue, Fact, cards};
pub use callback::{AppCallback, Healing, Override, Subscription, WebhookFacts, is_of_this_installation, usual_gap};
pub use context::{
    HealthContext, HealthSnapshot, Hold, HoldCause, LinkIds, REFRESH_AFTER, ReadFailure, Refusal, RegistrationStanding,
    STALE_AFTER, TokenFacts, TokenState,
};
pub use finding::{Finding, FindingCode};
pub use level::{Action, Level, Move};
pub use links::{DeepLink, LinkTarget, LinkTemplates, url};
pub use schedule::next_check;
pub use standing::{AccountStanding, Ban, RefusedSend, SendingFacts, Told};
pub use transitions::{Announcement, NameState, Remembered, TokenNews, Topic, Watched, remember, transitions};
pub use words::{Arg, failure_word};
pub use worse::{Row, WORSE};

/// A judgement: computed when asked for, never stored but for a few words ([`Remembered`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// The instant it was made for.
    pub at: Timestamp,
    /// How well the number is.
    pub level: Level,
    /// Whose move it is.
    pub whose: Move,
    /// Since when it is on this level, as far as it was seen.
    pub since: Timestamp,
    /// While waiting: until when, where that is known.
    pub waiting_until: Option<Timestamp>,
    /// When time alone may change this judgement; always later than the instant it was made for.
    pub level_until: Option<Timestamp>,
    /// What was found, most urgent first, no code twice.
    pub findings: Vec<Finding>,
    /// When to read the number again.
    pub next_look: Timestamp,
    /// What is watched for changes.
    pub watched: Watched,
}

impl HealthReport {
    /// The finding the page says in its first sentence: the most urgent one, mere news excepted.
    pub fn leading(&self) -> Option<&Finding> {
        self.findings.first().filter(|finding| finding.severity != Level::Live)
    }

    /// A finding by the word of its code.
    pub fn finding(&self, word: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code.as_str() == word)
    }

    /// E8: the origin's `reauthorization_required`; somebody should look at the number.
    pub fn needs_attention(&self) -> bool {
        !self.level.works() && self.level != Level::Unknown
    }
}
