//! The pages and forms of one number.

use axum::Router;
use axum::routing::{get, post};

use crate::App;

mod actions;
mod next_action;
mod page;
mod view;

/// The routes of one number's pages, except those of its endpoints.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/numbers/{id}", get(page::show_number))
        .route("/numbers/{id}/live", get(page::show_live))
        .route("/numbers/{id}/refresh", post(actions::refresh))
        .route("/numbers/{id}/complete", post(actions::complete_registration))
        .route("/numbers/{id}/pin", post(actions::enter_pin))
        .route("/numbers/{id}/code", post(actions::request_code))
        .route("/numbers/{id}/code/verify", post(actions::verify_code))
        .route("/numbers/{id}/webhook", post(actions::register_webhook))
}
