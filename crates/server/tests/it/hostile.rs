//! The product under attack: what comes from outside may be anything. The right status, a problem
//! document that helps, nothing stored that should not be, no panic.

mod api;
mod browser;
mod fuzz;
mod heads;
mod keys;
mod meta;
mod names;
mod posts;
mod raw;
mod seals;
mod shaking;
mod sign_in;
mod sizes;
pub(crate) mod support;
