//! The pages and forms of a number's endpoints.

use axum::Router;
use axum::routing::{get, post};

use crate::App;

mod actions;
mod endpoint;
mod forms;
pub(super) mod rows;

/// The routes of a number's endpoints.
pub(super) fn routes() -> Router<App> {
    let of = |action: &str| format!("/numbers/{{id}}/endpoints/{{endpoint_id}}{action}");
    Router::new()
        .route("/numbers/{id}/endpoints", post(actions::create))
        .route("/numbers/{id}/endpoints/new", get(forms::show_new))
        .route(&of(""), get(endpoint::show_endpoint))
        .route(&of("/edit"), get(forms::show_change).post(actions::change))
        .route(&of("/test"), post(actions::test))
        .route(&of("/replay"), post(actions::replay))
        .route(&of("/enable"), post(actions::enable))
        .route(&of("/disable"), post(actions::disable))
        .route(&of("/discard"), post(actions::discard))
        .route(&of("/secret"), post(actions::rotate))
        .route(&of("/delete"), post(actions::delete))
}
