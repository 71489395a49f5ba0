//! The pages and forms of one number.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};

use crate::App;
use crate::web::extract::auth::{ChannelOf, Read};
use crate::web::extract::query::Params;

mod account_health;
mod actions;
mod next_action;
mod page;
mod registration;
mod tab;
mod view;
mod webhook;

use tab::Tab;

/// The routes of one number's pages, except those of its endpoints.
pub(super) fn routes() -> Router<App> {
    let actions = Router::new()
        .route("/numbers/{id}/refresh", post(actions::refresh))
        .route("/numbers/{id}/complete", post(actions::complete_registration))
        .route("/numbers/{id}/pin", post(actions::enter_pin))
        .route("/numbers/{id}/code", post(actions::request_code))
        .route("/numbers/{id}/code/verify", post(actions::verify_code))
        .route("/numbers/{id}/webhook", post(actions::register_webhook))
        .route("/numbers/{id}/app_callback", post(actions::take_over_callback));
    Tab::ALL.iter().fold(actions, |router, &tab| {
        let path = tab.route();
        let show = move |State(app): State<App>, on: ChannelOf<Read>, params: Params| page::show(app, on, params, tab);
        let show_live = move |State(app): State<App>, on: ChannelOf<Read>| page::show_live(app, on, tab);
        router.route(&path, get(show)).route(&format!("{path}/live"), get(show_live))
    })
}
