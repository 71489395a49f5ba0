//! What Linekeeper knows about WhatsApp Business numbers, and what it decides.
//!
//! Reading order: [`ids`], [`phone`], [`meta`] (what Meta says of a number and its account, and how a call to
//! Meta can fail), [`channel`], [`signup`], [`registration`] (the ledger of register calls and what to do next),
//! [`interpretation`] (what a webhook leads to), [`callbacks`] (where webhooks go), [`health`] (from facts to an assessment), [`delivery`] (rules of
//! forwarding), [`capacity`] (how full the database is).
//!
//! Invariant: no I/O, clock, chance, async or serialization here. `now` is a parameter.

pub mod callbacks;
pub mod capacity;
pub mod channel;
pub mod delivery;
pub mod health;
pub mod ids;
pub mod interpretation;
pub mod meta;
pub mod name;
pub mod phone;
pub mod pin;
pub mod registration;
pub mod retry_after;
pub mod signup;
mod time;
