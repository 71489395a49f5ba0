//! From facts to an assessment: how well a number is, who is responsible for the next step, what they can do and where.
//!
//! [`assess()`] is pure and has no memory: facts are stored, assessments are computed. It returns codes with arguments; the
//! sentences come from a catalogue, by code. Levels change with time alone, so a report says until when it holds. Policy,
//! "Health"; facts §6.
//!
//! Reading order: `level`, `links`, `arg`, `finding`, `watched`, `report` (the answer); `callbacks`, `account_state`,
//! `last_assessment`, `facts` (what it is made from); `assess` and its parts; `changes` (what people are notified of);
//! `check_interval`; `cards` (the page). `severity_order` says which fact is worse than which; it is kept apart from
//! `assess` and tests it.

mod account_state;
mod arg;
mod assess;
mod callbacks;
mod cards;
mod changes;
mod check_interval;
mod facts;
mod finding;
mod last_assessment;
mod level;
mod links;
mod report;
mod severity_order;
#[cfg(test)]
mod tests;
mod watched;

pub use account_state::{AccountState, Ban, RefusedSend, Reported, SendingFacts};
pub use arg::Arg;
pub use assess::assess;
pub use callbacks::{OverrideRefusal, Reconciliation, WebhookFacts, usual_gap};
pub use cards::{Badge, Card, CardMeaning, CardValue, Fact, cards};
pub use changes::{HealthChange, changes, next_assessment};
pub use check_interval::next_check;
pub use facts::{
    HealthContext, HealthSnapshot, Hold, HoldCause, LinkIds, REFRESH_AFTER, ReadFailure, Refusal, RegistrationFacts,
    STALE_AFTER, TokenFacts, TokenState,
};
pub use finding::{Finding, FindingCode};
pub use last_assessment::LastAssessment;
pub use level::{Action, Level, Party};
pub use links::{DeepLink, LinkTarget, LinkTemplates, url};
pub use report::HealthReport;
pub use severity_order::{Row, WORSE};
pub use watched::{NameState, TokenStatus, Topic, Watched};
