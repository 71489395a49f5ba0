//! The control API under `/_emulator`. Must not hold rules; every body is a typed struct of the library.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::page;
use crate::fault::Fault;
use crate::runtime::Runtime;
use crate::scenario::{Scenario, names};
use crate::world::{
    ActionError, FleetSpec, NumberAction, Popup, Settings, TokenDeath, WabaAction, WebhookFault, World,
};

type App = State<Arc<Runtime>>;

pub(super) fn router() -> Router<Arc<Runtime>> {
    Router::new()
        .route("/", get(page::show))
        .route("/world", get(view_world))
        .route("/state", get(export_state).post(import_state))
        .route("/settings", get(read_settings).post(change_settings))
        .route("/clock", get(read_clock).post(move_clock))
        .route("/webhooks/send", post(send_due_webhooks))
        .route("/signups", post(sign_up))
        .route("/fleets", post(build_fleet))
        .route("/numbers/{id}", get(view_number).post(change_number))
        .route("/wabas/{id}", get(view_waba).post(change_waba))
        .route("/messages", post(receive_message))
        .route("/tokens", get(list_tokens).post(issue_token).delete(kill_token))
        .route("/faults", get(list_faults).post(add_faults).delete(clear_faults))
        .route("/webhook_faults", post(add_webhook_fault))
        .route("/log", get(read_log).delete(clear_log))
        .route("/webhooks", get(read_webhooks).delete(clear_webhooks))
        .route("/scenarios", get(list_scenarios).post(load_scenario))
        // An exported world of thousands of numbers is a large body.
        .layer(DefaultBodyLimit::disable())
        .fallback(async || refused(StatusCode::NOT_FOUND, "no such control route; see the README"))
}

/// One body or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::Many(items) => items,
            Self::One(item) => vec![item],
        }
    }
}

fn refused(status: StatusCode, error: impl std::fmt::Display) -> Response {
    (status, Json(json!({"error": error.to_string()}))).into_response()
}

fn with_world<T>(shared: &Runtime, f: impl FnOnce(&mut World, Timestamp) -> T) -> T {
    let mut state = shared.lock();
    let now = state.clock.now();
    f(&mut state.world, now)
}

async fn view_world(State(shared): App) -> Response {
    with_world(&shared, |world, now| Json(world.view(now)).into_response())
}

/// An exported world with its instant.
#[derive(Debug, Serialize, Deserialize)]
struct Exported {
    now: Timestamp,
    world: World,
}

async fn export_state(State(shared): App) -> Response {
    with_world(&shared, |world, now| Json(Exported { now, world: world.clone() }).into_response())
}

async fn import_state(State(shared): App, Json(state): Json<Exported>) -> Response {
    let mut current = shared.lock();
    current.clock.set(state.now);
    current.world = state.world;
    Json(json!({"now": state.now})).into_response()
}

async fn read_settings(State(shared): App) -> Json<Settings> {
    Json(with_world(&shared, |world, _| world.settings.clone()))
}

/// Changes only the settings that the body contains.
async fn change_settings(State(shared): App, Json(changes): Json<Value>) -> Response {
    let mut whole = with_world(&shared, |world, _| json!(world.settings));
    if let (Some(whole), Some(changes)) = (whole.as_object_mut(), changes.as_object()) {
        whole.extend(changes.clone());
    }
    match serde_json::from_value::<Settings>(whole) {
        Ok(settings) => {
            with_world(&shared, |world, _| world.settings = settings.clone());
            Json(settings).into_response()
        }
        Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

async fn read_clock(State(shared): App) -> Json<Value> {
    let next = with_world(&shared, |world, _| world.next_due());
    Json(json!({"now": shared.now(), "next_due": next}))
}

/// The new world time; exactly one member must be given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockMove {
    advance_seconds: Option<i64>,
    advance: Option<SignedDuration>,
    now: Option<Timestamp>,
}

async fn move_clock(State(shared): App, Json(to): Json<ClockMove>) -> Response {
    let by = to.advance.or(to.advance_seconds.map(SignedDuration::from_secs));
    let target = match (to.now, by) {
        (Some(now), None) => Some(now),
        (None, Some(by)) => shared.now().checked_add(by).ok(),
        (Some(_), Some(_)) | (None, None) => None,
    };
    let Some(target) = target else {
        let why = "send one of advance_seconds, advance or now";
        return refused(StatusCode::UNPROCESSABLE_ENTITY, why);
    };
    shared.set_now(target).await;
    read_clock(State(shared)).await.into_response()
}

async fn send_due_webhooks(State(shared): App) -> Json<Value> {
    shared.send_due_webhooks().await;
    Json(json!({"sent": true}))
}

async fn sign_up(State(shared): App, Json(popup): Json<Popup>) -> Response {
    let result = with_world(&shared, |world, now| world.sign_up(&popup, now));
    shared.send_due_webhooks().await;
    Json(result).into_response()
}

async fn build_fleet(State(shared): App, Json(spec): Json<FleetSpec>) -> Response {
    with_world(&shared, |world, now| Json(world.build_fleet(&spec, now)).into_response())
}

async fn view_number(State(shared): App, Path(id): Path<String>) -> Response {
    match with_world(&shared, |world, now| world.number(&id, now)) {
        Some(view) => Json(view).into_response(),
        None => refused(StatusCode::NOT_FOUND, ActionError::NoSuchNumber),
    }
}

async fn change_number(
    State(shared): App,
    Path(id): Path<String>,
    Json(actions): Json<OneOrMany<NumberAction>>,
) -> Response {
    for action in actions.into_vec() {
        if let Err(error) = with_world(&shared, |world, now| world.act(&id, &action, now)) {
            return refused(StatusCode::NOT_FOUND, error);
        }
        shared.send_due_webhooks().await;
    }
    view_number(State(shared), Path(id)).await
}

async fn view_waba(State(shared): App, Path(id): Path<String>) -> Response {
    match with_world(&shared, |world, _| world.waba(&id)) {
        Some(view) => Json(view).into_response(),
        None => refused(StatusCode::NOT_FOUND, ActionError::NoSuchWaba),
    }
}

async fn change_waba(
    State(shared): App,
    Path(id): Path<String>,
    Json(actions): Json<OneOrMany<WabaAction>>,
) -> Response {
    for action in actions.into_vec() {
        if let Err(error) = with_world(&shared, |world, now| world.act_on_waba(&id, &action, now)) {
            return refused(StatusCode::NOT_FOUND, error);
        }
        shared.send_due_webhooks().await;
    }
    view_waba(State(shared), Path(id)).await
}

/// A text that a customer sends to a number.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inbound {
    phone_number_id: String,
    from: String,
    text: String,
}

async fn receive_message(State(shared): App, Json(m): Json<Inbound>) -> Response {
    let received = with_world(&shared, |world, now| world.receive_text(&m.phone_number_id, &m.from, &m.text, now));
    shared.send_due_webhooks().await;
    match received {
        Ok(id) => Json(json!({ "id": id })).into_response(),
        Err(error) => refused(StatusCode::NOT_FOUND, error),
    }
}

/// A token to issue: of this customer portfolio, or of the partner without one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    business_id: Option<String>,
}

async fn list_tokens(State(shared): App) -> Response {
    with_world(&shared, |world, now| Json(world.token_views(now)).into_response())
}

async fn issue_token(State(shared): App, Json(new): Json<NewToken>) -> Json<Value> {
    let token = with_world(&shared, |world, now| match &new.business_id {
        Some(business) => world.issue_business_token(business, now),
        None => world.issue_partner_token(now),
    });
    Json(json!({ "access_token": token }))
}

/// A token to make invalid, and the reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadToken {
    token: String,
    death: TokenDeath,
}

async fn kill_token(State(shared): App, Json(dead): Json<DeadToken>) -> Response {
    if with_world(&shared, |world, _| world.kill_token(&dead.token, dead.death)) {
        Json(json!({"killed": true})).into_response()
    } else {
        refused(StatusCode::NOT_FOUND, "no such token")
    }
}

async fn list_faults(State(shared): App) -> Json<Vec<Fault>> {
    Json(shared.lock().faults.clone())
}

async fn add_faults(State(shared): App, Json(faults): Json<OneOrMany<Fault>>) -> Json<Vec<Fault>> {
    let mut state = shared.lock();
    state.faults.extend(faults.into_vec());
    Json(state.faults.clone())
}

async fn clear_faults(State(shared): App) -> StatusCode {
    shared.lock().faults.clear();
    StatusCode::NO_CONTENT
}

async fn add_webhook_fault(State(shared): App, Json(fault): Json<WebhookFault>) -> StatusCode {
    with_world(&shared, |world, _| world.add_webhook_fault(fault));
    StatusCode::NO_CONTENT
}

async fn read_log(State(shared): App) -> Response {
    Json(&shared.lock().calls).into_response()
}

async fn clear_log(State(shared): App) -> StatusCode {
    shared.lock().calls.clear();
    StatusCode::NO_CONTENT
}

async fn read_webhooks(State(shared): App) -> Response {
    Json(&shared.lock().webhooks).into_response()
}

async fn clear_webhooks(State(shared): App) -> StatusCode {
    shared.lock().webhooks.clear();
    StatusCode::NO_CONTENT
}

async fn list_scenarios() -> Json<Value> {
    let about = |name: &str| Scenario::named(name).map(|s| s.about).unwrap_or_default();
    let all = names().into_iter().map(|name| json!({"name": name, "about": about(name)}));
    Json(all.collect())
}

/// A shipped scenario by name, or a whole one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioChoice {
    name: Option<String>,
    scenario: Option<Scenario>,
}

async fn load_scenario(State(shared): App, Json(choice): Json<ScenarioChoice>) -> Response {
    let scenario = match (choice.scenario, choice.name) {
        (Some(scenario), _) => Ok(scenario),
        (None, Some(name)) => Scenario::named(&name),
        (None, None) => Scenario::named("empty"),
    };
    match scenario {
        Ok(scenario) => {
            let loaded = with_world(&shared, |world, now| scenario.apply(world, now));
            shared.send_due_webhooks().await;
            Json(loaded).into_response()
        }
        Err(error) => refused(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}
