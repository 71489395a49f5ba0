//! The message catalogue: English sentences for every code of the domain, for pages, the API and the command line.
//!
//! The domain speaks in codes with arguments; only this module turns them into prose. Every `match` over a code is
//! exhaustive, so a code without a sentence does not compile. Announcements are the exception: their kinds are stored
//! words, and a test compares them with the kinds that are published. It must not decide, read or store anything.

mod announcements;
mod cards;
mod endpoints;
mod failures;
mod findings;
mod format;
mod levels;
mod registration;
mod sentence;
mod signups;
mod summary;
mod titles;

pub use announcements::announcement;
pub use cards::{badge, fact, meaning, value};
pub use endpoints::{delivery, endpoint_status, event_kind, last_failure};
pub use failures::failure;
pub use findings::{finding, level_of};
pub use format::{capitalize, escape, humanize, span, time_element, utc};
pub use levels::{Button, LEAVE_APP, button, level, whose, your_move};
pub use registration::{basis, remedy, why};
pub use sentence::{Message, Sentence};
pub use signups::next_step;
pub use summary::summary;
