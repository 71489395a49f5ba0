//! What Linekeeper knows about WhatsApp Business numbers, and what it decides.
//!
//! Reading order: [`ids`], [`phone`], [`reading`] (what Meta says of a number and its account),
//! [`graph`] (how a call to Meta can fail), [`channel`], [`signup`], [`ledger`] (register calls are
//! scarce), [`registration`] (what to do next), [`health`] (facts to judgement), [`event`] (what a
//! webhook means), [`delivery`] (forwarding it to whoever should have it), [`room`] (how full the database
//! is).
//!
//! Invariant: no I/O, clock, chance, async or serialization here. `now` is a parameter.

pub mod channel;
pub mod delivery;
pub mod event;
pub mod graph;
pub mod health;
pub mod ids;
pub mod ledger;
mod open_enum;
pub mod phone;
pub mod reading;
pub mod registration;
pub mod room;
pub mod signup;
