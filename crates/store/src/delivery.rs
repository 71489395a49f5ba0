//! Forwarding: customers' endpoints with their cursors and leases, and the deliveries that have a row
//! because they are pending, requested again, or dead letters.

pub mod deliveries;
pub mod endpoints;
