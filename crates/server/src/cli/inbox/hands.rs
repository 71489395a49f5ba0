//! What a person does to one number beside pressing Complete registration: the PIN, the code, the
//! webhook, and taking it out. PINs and codes are read from standard input: arguments are seen by
//! everybody on the machine.

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, ensure};
use graph_api::CodeMethod;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use server::App;
use server::flows::onboarding::teardown;
use server::flows::registration::{self, CodeRequested};
use server::flows::subscription;

use super::answer_press;
use crate::cli::Verdict;
use crate::cli::open;
use crate::cli::output::Output;

/// Enters the PIN that the number's owner knows.
pub(super) async fn enter_pin(app: &App, id: i64, output: Output) -> anyhow::Result<Verdict> {
    let channel = open::channel(app, id).await?;
    let pin = secret_line("The number's six-digit PIN: ")?;
    let is_pin = pin.expose_secret().len() == 6 && pin.expose_secret().bytes().all(|byte| byte.is_ascii_digit());
    ensure!(is_pin, "a PIN has six digits; write it to standard input: echo 123456 | linekeeper inbox pin {id}");
    answer_press(app, &registration::enter_pin(app, &channel, pin).await?, output)
}

/// Has Meta send a code to the number.
pub(super) async fn request_code(
    app: &App,
    id: i64,
    by_voice: bool,
    language: &str,
    output: Output,
) -> anyhow::Result<Verdict> {
    let channel = open::channel(app, id).await?;
    let method = if by_voice { CodeMethod::Voice } else { CodeMethod::Sms };
    let requested = registration::request_code(app, &channel, method, language).await?;
    let (word, text) = match requested {
        CodeRequested::Sent => {
            ("sent", format!("Meta sends a code to {}. Then: linekeeper inbox verify {id}", channel.phone_number))
        }
        CodeRequested::AlreadyVerified => ("already_verified", "Meta says the number is verified already.".to_owned()),
    };
    output.either(&json!({ "id": id, "code": word }), || text)
}

/// Enters the code that Meta sent.
pub(super) async fn verify_code(app: &App, id: i64, output: Output) -> anyhow::Result<Verdict> {
    let channel = open::channel(app, id).await?;
    let code = secret_line("The code that Meta sent: ")?;
    answer_press(app, &registration::verify_code(app, &channel, &code).await?, output)
}

/// Subscribes the app and sets the callback once more.
pub(super) async fn register_webhook(app: &App, id: i64, output: Output) -> anyhow::Result<Verdict> {
    let channel = open::channel(app, id).await?;
    subscription::register_webhook(app, &channel).await?;
    output.either(&json!({ "id": id, "webhook": "registered" }), || {
        format!("Meta sends the messages of {} here.", channel.phone_number)
    })
}

/// Takes a number out; its ledger and its PIN stay, in case it comes back.
pub(super) async fn delete(app: &App, id: i64, is_sure: bool, output: Output) -> anyhow::Result<Verdict> {
    let channel = open::channel(app, id).await?;
    let number = &channel.phone_number;
    ensure!(
        is_sure,
        "inbox {id} ({number}) would be deleted with its events and its history, and its webhooks torn down at Meta; \
         the number stays registered there. If that is meant: linekeeper inbox delete {id} --yes"
    );
    teardown::delete(app, &channel).await?;
    output.either(&json!({ "id": id, "deleted": true }), || format!("Inbox {id} ({number}) is deleted."))
}

fn secret_line(prompt: &str) -> anyhow::Result<SecretString> {
    if io::stdin().is_terminal() {
        // a prompt that cannot be shown is no reason to give up
        let _ = write!(io::stderr(), "{prompt}");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("standard input cannot be read")?;
    Ok(line.trim().to_owned().into())
}
