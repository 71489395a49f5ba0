//! What Meta says, as types: readings of numbers and accounts, webhook changes, and how a call can fail.
//!
//! Nothing here decides what a statement of Meta's leads to.

pub mod event;
pub mod failure;
mod open_enum;
pub mod reading;
