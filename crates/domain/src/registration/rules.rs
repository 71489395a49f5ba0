//! The rules themselves, in the policy's order; each returns a decision or lets the next one speak.
use jiff::Timestamp;
use super::{Caller, Decision, History, Reads};
/// stub
pub fn decide(_caller: Caller, _reads: &Reads, _history: &History, _now: Timestamp) -> Decision { unreachable!() }
