//! Phone numbers: their state, what Graph reads of it, and everything that changes it.

pub(super) mod action;
mod apply_action;
mod change;
mod health;
mod messages;
mod name_review;
pub(super) mod node;
pub(super) mod number;
pub(super) mod registration;
mod verification;
