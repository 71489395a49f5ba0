//! The form actions of a number. Each calls one flow and ends in a redirect with a notice, or in the page with the failure.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::registration::ledger::AttemptOutcome;

use super::page;
use super::tab::Tab;
use crate::App;
use crate::flows::registration::{self, CodeRequested, CompletionResult, Press};
use crate::flows::{FlowError, app_callback, health, subscription};
use crate::web::api::registration::{code_method, six_digits, typed_pin};
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Result};
use crate::web::extract::auth::{Admin, Operate};
use crate::web::extract::form::PostedTo;

/// A form of a number that requires the scope `operate`.
type Posted = PostedTo<Operate>;

/// Reads the number at Meta now.
pub(super) async fn refresh(State(app): State<App>, posted: Posted) -> Result<Response> {
    let (worker, channel) = (app.clone(), posted.channel.clone());
    let done = run_to_completion(&app, async move { health::refresh(&worker, &channel).await }).await?;
    finish(&app, &posted, done.map(|view| if view.error.is_some() { "stale" } else { "refreshed" })).await
}

/// Completes the registration, or applies the approved new name.
pub(super) async fn complete_registration(State(app): State<App>, posted: Posted) -> Result<Response> {
    let is_set = |name: &str| posted.fields.get(name).is_some();
    let press = if is_set("apply_new_name") {
        Press::ApplyNewName
    } else if is_set("leave_app") {
        Press::LeaveApp
    } else {
        Press::Register
    };
    let (worker, channel) = (app.clone(), posted.channel.clone());
    let done =
        run_to_completion(&app, async move { registration::complete_registration(&worker, &channel, press).await })
            .await?;
    finish(&app, &posted, done.map(|pressed| came_of(&pressed))).await
}

/// Stores the PIN and continues the registration.
pub(super) async fn enter_pin(State(app): State<App>, posted: Posted) -> Result<Response> {
    let pin = match typed_pin("The PIN", posted.fields.get("pin")) {
        Ok(pin) => pin,
        Err(error) => return failed(&app, &posted, error).await,
    };
    let (worker, channel) = (app.clone(), posted.channel.clone());
    let done = run_to_completion(&app, async move { registration::enter_pin(&worker, &channel, &pin).await }).await?;
    finish(&app, &posted, done.map(|pressed| came_of(&pressed))).await
}

/// Requests a verification code from Meta.
pub(super) async fn request_code(State(app): State<App>, posted: Posted) -> Result<Response> {
    let method = match code_method(posted.fields.get("method")) {
        Ok(method) => method,
        Err(error) => return failed(&app, &posted, error).await,
    };
    let (worker, channel) = (app.clone(), posted.channel.clone());
    let work = async move { registration::request_code(&worker, &channel, method, "en_US").await };
    let done = run_to_completion(&app, work).await?;
    let note = done.map(|asked| match asked {
        CodeRequested::Sent => "code_sent",
        CodeRequested::AlreadyVerified => "already_verified",
    });
    finish(&app, &posted, note).await
}

/// Sends the code to Meta and continues the registration.
pub(super) async fn verify_code(State(app): State<App>, posted: Posted) -> Result<Response> {
    let code = match six_digits("The code", posted.fields.get("code")) {
        Ok(code) => code,
        Err(error) => return failed(&app, &posted, error).await,
    };
    let (worker, channel) = (app.clone(), posted.channel.clone());
    let done =
        run_to_completion(&app, async move { registration::verify_code(&worker, &channel, &code).await }).await?;
    finish(&app, &posted, done.map(|pressed| came_of(&pressed))).await
}

/// Subscribes the webhook and sets the callback now.
pub(super) async fn register_webhook(State(app): State<App>, posted: Posted) -> Result<Response> {
    let (worker, channel) = (app.clone(), posted.channel.clone());
    let done = run_to_completion(&app, async move { subscription::register_webhook(&worker, &channel).await }).await?;
    finish(&app, &posted, done.map(|_| "webhook")).await
}

/// Takes over the callback of the Meta app, which belongs to the installation: an operator's key is needed.
pub(super) async fn take_over_callback(State(app): State<App>, posted: PostedTo<Admin>) -> Result<Response> {
    posted.principal.must_operate_installation()?;
    let worker = app.clone();
    let done = run_to_completion(&app, async move { app_callback::take_over(&worker).await }).await?;
    let note =
        done.map(|reading| if reading.callback.is_ours() == Some(true) { "taken_over" } else { "not_taken_over" });
    finish(&app, &posted, note).await
}

fn came_of(pressed: &CompletionResult) -> &'static str {
    match &pressed.outcome {
        Some(AttemptOutcome::Success) => "accepted",
        Some(AttemptOutcome::Failed(_)) => "refused",
        None => "not_called",
    }
}

async fn finish<N>(
    app: &App,
    posted: &PostedTo<N>,
    done: std::result::Result<&'static str, FlowError>,
) -> Result<Response> {
    match done {
        Ok(note) => {
            let address = format!("{}?note={note}", tab_of(posted).path(posted.channel.id));
            Ok(Redirect::to(&address).into_response())
        }
        Err(error) => failed(app, posted, error.into()).await,
    }
}

async fn failed<N>(app: &App, posted: &PostedTo<N>, error: ApiError) -> Result<Response> {
    page::show_failure(app, &posted.channel, &posted.principal, tab_of(posted), error).await
}

/// The tab the form was sent from.
fn tab_of<N>(posted: &PostedTo<N>) -> Tab {
    Tab::of_form(posted.fields.get("tab"))
}
