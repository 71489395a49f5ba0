//! The database: SQLite by default, PostgreSQL when outgrown. No other crate knows SQL.
//!
//! A query is a plain function over [`&mut Tx`](Tx), in a module per noun. To run two queries in one
//! transaction, a caller writes two lines. One SQL text serves both engines; where they must differ,
//! the statement is a named pair. Never hold a transaction across a call to Meta or to a customer.

#[macro_use]
mod engine;

mod delivery;
pub mod events;
pub mod ids;
pub mod jobs;
pub mod numbers;
pub mod random;
pub mod sealing;
pub mod settings;
mod statements;
mod tenancy;

pub use delivery::{deliveries, endpoints};
pub use engine::{Committed, Conflict, Engine, Error, ServiceLock, Store, Tx, size};
pub use events::erasures;
pub use numbers::{channels, signups, snapshots};
pub use sealing::{reseal, services};
pub use tenancy::{accounts, announcements, api_keys, idempotency, sessions};
