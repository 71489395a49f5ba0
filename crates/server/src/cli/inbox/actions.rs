//! Actions on one number: registration, PIN, verification code, webhook, deletion. PINs and codes are read from
//! standard input, because every user of the machine can see a program's arguments.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, ensure};
use domain::callbacks::Route;
use domain::pin::Pin;
use domain::registration::ledger::AttemptOutcome;
use graph_api::CodeMethod;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use server::App;
use server::flows::onboarding::teardown;
use server::flows::registration::{self, CodeRequested, CompletionResult, Press};
use server::flows::subscription;
use server::messages;

use super::{tables, text};
use crate::cli::lookup;
use crate::cli::output::{CommandStatus, Output};

/// Completes the registration of a number.
pub(super) async fn register(app: &App, id: i64, leaves_app: bool, output: Output) -> anyhow::Result<CommandStatus> {
    let channel = lookup::inbox(app, id).await?;
    let press = if leaves_app { Press::LeaveApp } else { Press::Register };
    print_completion(app, &registration::complete_registration(app, &channel, press).await?, output)
}

fn print_completion(app: &App, completion: &CompletionResult, output: Output) -> anyhow::Result<CommandStatus> {
    let decision = &completion.state.decision;
    let value = json!({
        "called": completion.called, "outcome": completion.outcome.as_ref().map(|it| tables::outcome(Some(it))),
        "decision": decision.into_str(), "why": decision.reason().into_str(),
        "next_check_at": decision.next_check_at(),
    });
    output.print(&value, || completion_text(completion, app.clock.now()))?;
    Ok(CommandStatus::success_if(completion.outcome == Some(AttemptOutcome::Success)))
}

fn completion_text(completion: &CompletionResult, now: Timestamp) -> String {
    let next = text::decision(&completion.state.decision, now);
    match &completion.outcome {
        Some(AttemptOutcome::Success) => format!("Meta registered the number. {next}"),
        Some(AttemptOutcome::Failed(failure)) => format!("Meta refused the call: {} {next}", failure.message),
        None => next,
    }
}

/// Registers a number with the PIN that its owner knows.
pub(super) async fn enter_pin(app: &App, id: i64, output: Output) -> anyhow::Result<CommandStatus> {
    let channel = lookup::inbox(app, id).await?;
    let pin = secret_line("The number's six-digit PIN: ")?;
    let pin = Pin::parse_typed(pin.expose_secret())
        .with_context(|| format!("pass the PIN on standard input: echo 123456 | linekeeper inbox pin {id}"))?;
    print_completion(app, &registration::enter_pin(app, &channel, &pin).await?, output)
}

/// Requests a verification code for a number.
pub(super) async fn request_code(
    app: &App,
    id: i64,
    by_voice: bool,
    language: &str,
    output: Output,
) -> anyhow::Result<CommandStatus> {
    let channel = lookup::inbox(app, id).await?;
    let method = if by_voice { CodeMethod::Voice } else { CodeMethod::Sms };
    let requested = registration::request_code(app, &channel, method, language).await?;
    let (word, text) = match requested {
        CodeRequested::Sent => (
            "sent",
            format!("Meta is sending a code to {}. Enter it with: linekeeper inbox verify {id}", channel.phone_number),
        ),
        CodeRequested::AlreadyVerified => ("already_verified", "The number is already verified at Meta.".to_owned()),
    };
    output.print(&json!({ "id": id, "code": word }), || text)
}

/// Verifies a number with the code that Meta sent, and registers it.
pub(super) async fn verify_code(app: &App, id: i64, output: Output) -> anyhow::Result<CommandStatus> {
    let channel = lookup::inbox(app, id).await?;
    let code = secret_line("Verification code: ")?;
    print_completion(app, &registration::verify_code(app, &channel, &code).await?, output)
}

/// Subscribes the app to a number's webhooks, sets the callback again, and prints what was read afterwards.
pub(super) async fn register_webhook(app: &App, id: i64, output: Output) -> anyhow::Result<CommandStatus> {
    let channel = lookup::inbox(app, id).await?;
    let route = subscription::register_webhook(app, &channel).await?;
    let number = &channel.phone_number;
    let value = json!({
        "id": id, "webhook": "registered", "arrives_here": route.is_here(),
        "level": route.level().map(|level| level.into_str()),
    });
    output.print(&value, || match &route {
        Route::Here(level) => {
            format!("Meta sends the messages of {number} here, by the callback set for {}.", messages::level_of(*level))
        }
        Route::Unread | Route::NotSubscribed | Route::Elsewhere { .. } | Route::Nowhere => {
            format!("Meta accepted the callback of {number}; where its messages go could not be read afterwards.")
        }
    })
}

/// Deletes a number. Its ledger and its PIN stay in the database, for when the number is connected again.
pub(super) async fn delete(app: &App, id: i64, is_confirmed: bool, output: Output) -> anyhow::Result<CommandStatus> {
    let channel = lookup::inbox(app, id).await?;
    let number = &channel.phone_number;
    ensure!(
        is_confirmed,
        "this deletes inbox {id} ({number}) with its events and its history, and removes its webhooks at Meta; the number \
         stays registered at Meta. Confirm with: linekeeper inbox delete {id} --yes"
    );
    teardown::delete(app, &channel).await?;
    output.print(&json!({ "id": id, "deleted": true }), || format!("Deleted inbox {id} ({number})."))
}

fn secret_line(prompt: &str) -> anyhow::Result<SecretString> {
    if io::stdin().is_terminal() {
        // a prompt that cannot be written does not stop the command
        let _ = write!(io::stderr(), "{prompt}");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("standard input cannot be read")?;
    Ok(line.trim().to_owned().into())
}
