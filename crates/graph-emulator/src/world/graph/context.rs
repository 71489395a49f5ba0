//! What a route's method gets and returns. Must not hold behaviour.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::GraphError;
use super::request::{Challenge, Request};
use super::routes::Route;
use crate::world::oauth::token::Caller;

/// A call past routing and authentication.
pub(crate) struct Context<'a> {
    pub request: &'a Request,
    pub route: &'a Route,
    pub caller: Caller,
    pub now: Timestamp,
}

/// How a call succeeded: with a body, or only after its callback proves itself.
pub(crate) enum Response {
    Body(Value),
    Challenge(Challenge),
}

pub(crate) type CallResult = Result<Response, GraphError>;

/// The body of most successful writes: `{"success": true}`.
pub(crate) fn success() -> Response {
    Response::Body(json!({"success": true}))
}
