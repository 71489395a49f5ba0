//! Forwarding: Meta's events and Linekeeper's announcements are sent to the endpoints of an account.
//!
//! Events are an append-only log (`store::events`), and every endpoint has a cursor in it. The [`supervisor`] of each
//! process leases endpoints and runs one [`worker`] per endpoint. With PostgreSQL several processes share the
//! endpoints; with SQLite one process has them all. Ingest never waits for forwarding.

pub mod endpoints;

mod attempt;
mod background_task;
mod backlog;
mod checkpoint;
mod disable;
mod fetch;
mod outcome;
mod payload;
mod redact;
mod replica_lease;
mod signature;
mod supervisor;
mod worker;

pub use supervisor::supervise;
