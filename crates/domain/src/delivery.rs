//! Forwarding of events to endpoints: which events an endpoint wants, what its responses mean, when to retry, when to
//! stop.
//!
//! An endpoint is a customer's address. The events of an account are an append-only log, and every endpoint has a
//! cursor in it. What is delivered is an item of an event: one message, one status, or the event as a whole. An item that
//! the endpoint did not accept becomes a pending retry and blocks only the items with the same ordering key
//! ([`OrderingQueue`]). An endpoint that accepts nothing gets one probe at a time
//! ([`CircuitBreaker`]). Must not know HTTP beyond a status code, and must not store anything.

mod circuit_breaker;
mod event_kind;
mod format;
mod ordering;
mod rate_limiter;
mod response;
mod retry;
mod status;

pub use circuit_breaker::{Admission, CircuitBreaker, CircuitState, DISABLE_AFTER, FAILURE_THRESHOLD};
pub use event_kind::{ANNOUNCEMENT_FIELD, EventKind, WEBHOOK_FIELDS};
pub use format::Format;
pub use ordering::{Counterpart, OrderingKey, OrderingQueue};
pub use rate_limiter::RateLimiter;
pub use response::{AttemptOutcome, DEFAULT_RETRY_AFTER, MAX_RETRY_AFTER, Response, ResponseClass, classify};
pub use retry::{GIVE_UP_AFTER, retry_at};
pub use status::{DisabledReason, EndpointStatus};
