//! What every Graph route shares: requests, the route table, field lists, paging, errors and call limits.

mod call_limits;
pub(super) mod context;
pub(super) mod error;
pub(super) mod fields;
pub(super) mod paging;
mod reply;
pub(super) mod request;
pub(super) mod routes;
pub(super) mod usage;
