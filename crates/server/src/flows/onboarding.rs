//! How a number comes and goes: embedded signup, its set-up at Meta, coexistence, and its removal.
//!
//! `signup` is the way in for a browser and for the job that resumes it. `recover` is the way in when
//! the browser never came back, `unfinished` when a person continues a signup. All go through `connect`, which ends
//! in `setup`.

pub mod coexistence;
mod connect;
mod outcome;
pub mod progress;
pub mod recover;
pub mod setup;
pub mod signup;
pub mod stored_error;
pub mod teardown;
pub mod unfinished;
