//! What to do next about a number's registration: [`decide`], one pure function for every caller.
//!
//! It says what to do and why; it never does it. The rules are numbered as in the policy (`docs/policy.md`); the first
//! match wins. Two kinds of caller share them: *set-up* (signup, re-authorisation, the Complete registration button) and
//! the stricter *planner* (jobs, webhooks, sweep).
//!
//! Reading order: `decision` (the answer), `ledger` (register calls are scarce), `changes` (evidence), `history` and `app_link`
//! (what is on record), `case` (one question to the rules), `refusal` and `schedule` (tables), `calls` (rules 9 to 11), `rules`.

mod app_link;
mod calls;
mod case;
mod changes;
mod decision;
mod history;
pub mod ledger;
mod refusal;
mod rules;
mod schedule;
#[cfg(test)]
mod tests;

pub use app_link::AppLink;
pub use changes::{ChangeKind, Changes, Dated, Source, changes_between, note_changes, proves_access};
pub use decision::{Caller, Decision, PinPlan, Reads, Reason, Remedy};
pub use history::History;
pub use rules::{can_leave_app, decide};
pub use schedule::{HTTP_DEADLINE, ONBOARDING_WINDOW, UNANSWERED_AFTER};
