//! Registration of a number: its state, Complete registration, the PIN, and verification by code.

use axum::Json;
use axum::extract::State;
use domain::pin;
use domain::registration::Caller;
use domain::registration::ledger::AttemptOutcome;
use graph_api::CodeMethod;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::registration_view::RegistrationView;
use crate::App;
use crate::flows::number::record::NumberRecord;
use crate::flows::registration::{self, CodeRequested, CompletionResult, Press};
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, MetaView, Problem, Result};
use crate::web::extract::auth::{ChannelOf, Operate, Read};
use crate::web::extract::body::{self, Body};

/// Show the registration of a number
///
/// The decision with its reason, the budget, all calls, and a dry run for each caller.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/inboxes/{id}/registration", tag = "Registration",
    params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = RegistrationView, description = "From the stored facts; Meta is not called"),
        (status = 404, body = Problem)))]
pub(crate) async fn show_registration(State(app): State<App>, on: ChannelOf<Read>) -> Result<Json<RegistrationView>> {
    let record = NumberRecord::load_or_refuse(&app, on.channel.id).await?;
    let now = app.clock.now();
    let runs = [Caller::Planner, Caller::SetUp, Caller::Press, Caller::ApplyNewName]
        .map(|caller| (caller, record.registration_state(caller, now)));
    let view = RegistrationView::new(&runs[0].1, false);
    Ok(Json(view.with_dry_runs(&runs)))
}

/// The result of Complete registration.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CompletionView {
    /// Whether Meta was called, which uses one attempt.
    called: bool,
    /// `success` or `failed` if Meta was called.
    outcome: Option<&'static str>,
    /// The failure as text.
    error: Option<String>,
    /// Meta's error, if Meta answered with one.
    meta: Option<MetaView>,
    /// The registration after the call.
    registration: RegistrationView,
}

impl From<CompletionResult> for CompletionView {
    fn from(result: CompletionResult) -> Self {
        let failure = match &result.outcome {
            Some(AttemptOutcome::Failed(failure)) => Some(failure),
            Some(AttemptOutcome::Success) | None => None,
        };
        Self {
            called: result.called,
            outcome: result.outcome.as_ref().map(|outcome| match outcome {
                AttemptOutcome::Success => "success",
                AttemptOutcome::Failed(_) => "failed",
            }),
            error: failure.map(|failure| failure.message.clone()),
            meta: failure.and_then(|failure| failure.meta.as_ref()).map(MetaView::from),
            registration: RegistrationView::new(&result.state, false),
        }
    }
}

/// Options of Complete registration.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PressOptions {
    /// Applies an approved new name to a live number.
    #[serde(deserialize_with = "body::switch")]
    apply_new_name: Option<bool>,
    /// Registers a number that was disconnected from the WhatsApp Business app (coexistence), although that takes it out of
    /// the app on the phone. Without it such a number is not registered. No effect on other numbers.
    #[serde(deserialize_with = "body::switch")]
    leave_app: Option<bool>,
}

impl PressOptions {
    fn press(&self) -> Result<Press> {
        match (self.apply_new_name == Some(true), self.leave_app == Some(true)) {
            (true, true) => {
                Err(ApiError::invalid("leave_app", "cannot be combined with apply_new_name: send one of them"))
            }
            (true, false) => Ok(Press::ApplyNewName),
            (false, true) => Ok(Press::LeaveApp),
            (false, false) => Ok(Press::Register),
        }
    }
}

/// Complete registration
///
/// Reads the number at Meta and registers it if nothing prevents that. The answer is 200 also if Meta was not called or
/// refused: `registration.why` says why.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/inboxes/{id}/registration", tag = "Registration",
    request_body = PressOptions, params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = CompletionView, description = "What came of it"), (status = 404, body = Problem)))]
pub(crate) async fn complete_registration(
    State(app): State<App>,
    on: ChannelOf<Operate>,
    Body(options): Body<PressOptions>,
) -> Result<Json<CompletionView>> {
    let press = options.press()?;
    let worker = app.clone();
    let pressed =
        run_to_completion(&app, async move { registration::complete_registration(&worker, &on.channel, press).await })
            .await??;
    Ok(Json(pressed.into()))
}

/// The two-step PIN of the number.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Pin {
    /// Six digits; spaces and hyphens are ignored.
    #[serde(deserialize_with = "body::text")]
    #[schema(example = "123456")]
    pin: Option<String>,
}

/// Enter the two-step PIN
///
/// Stores the PIN encrypted, then continues as Complete registration. The PIN is never shown.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/inboxes/{id}/registration/pin", tag = "Registration",
    request_body = Pin, params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = CompletionView, description = "What came of it"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn enter_pin(
    State(app): State<App>,
    on: ChannelOf<Operate>,
    Body(entered): Body<Pin>,
) -> Result<Json<CompletionView>> {
    let pin = typed_pin("pin", entered.pin.as_deref())?;
    let worker = app.clone();
    let pressed =
        run_to_completion(&app, async move { registration::enter_pin(&worker, &on.channel, &pin).await }).await??;
    Ok(Json(pressed.into()))
}

/// The way the code is sent.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CodeRequest {
    /// The method: `SMS` or `VOICE`.
    #[schema(example = "SMS")]
    method: Option<String>,
    /// The language of the message, such as `en_US`.
    #[schema(example = "en_US")]
    language: Option<String>,
}

/// The result of the request for a code.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CodeView {
    /// `sent`, or `already_verified`; in that case the registration continues.
    status: &'static str,
}

/// Request a verification code
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/inboxes/{id}/registration/code", tag = "Registration",
    request_body = CodeRequest, params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = CodeView, description = "Meta sends it"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn request_code(
    State(app): State<App>,
    on: ChannelOf<Operate>,
    Body(asked): Body<CodeRequest>,
) -> Result<Json<CodeView>> {
    let method = code_method(asked.method.as_deref())?;
    let language = language(asked.language.as_deref())?;
    let worker = app.clone();
    let work = async move { registration::request_code(&worker, &on.channel, method, &language).await };
    let status = match run_to_completion(&app, work).await?? {
        CodeRequested::Sent => "sent",
        CodeRequested::AlreadyVerified => "already_verified",
    };
    Ok(Json(CodeView { status }))
}

/// The code that Meta sent to the number.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VerificationCode {
    /// Six digits; spaces and hyphens are ignored.
    #[serde(deserialize_with = "body::text")]
    #[schema(example = "123456")]
    code: Option<String>,
}

/// Verify the code
///
/// Sends the code to Meta, then continues as Complete registration.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/inboxes/{id}/registration/code/verify", tag = "Registration",
    request_body = VerificationCode, params(("account_id" = i64, Path), ("id" = i64, Path)),
    responses((status = 200, body = CompletionView, description = "What came of it"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn verify_code(
    State(app): State<App>,
    on: ChannelOf<Operate>,
    Body(entered): Body<VerificationCode>,
) -> Result<Json<CompletionView>> {
    let code = six_digits("code", entered.code.as_deref())?;
    let worker = app.clone();
    let pressed =
        run_to_completion(&app, async move { registration::verify_code(&worker, &on.channel, &code).await }).await??;
    Ok(Json(pressed.into()))
}

/// Parses a PIN as people type it.
pub(in crate::web) fn typed_pin(field: &str, text: Option<&str>) -> Result<pin::Pin> {
    pin::Pin::parse_typed(text.unwrap_or_default()).map_err(|error| ApiError::invalid(field, error.to_string()))
}

/// Parses six digits; `123 456` and `123-456` are the same.
pub(in crate::web) fn six_digits(field: &str, text: Option<&str>) -> Result<SecretString> {
    let digits: String = text.unwrap_or_default().chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(digits.into());
    }
    Err(ApiError::invalid(field, "six digits, such as 123456"))
}

/// Parses the method; `SMS` if omitted.
pub(in crate::web) fn code_method(text: Option<&str>) -> Result<CodeMethod> {
    match text.map(str::to_ascii_uppercase).as_deref() {
        None | Some("" | "SMS") => Ok(CodeMethod::Sms),
        Some("VOICE") => Ok(CodeMethod::Voice),
        Some(_) => Err(ApiError::invalid("method", "SMS or VOICE")),
    }
}

fn language(text: Option<&str>) -> Result<String> {
    let text = text.filter(|text| !text.is_empty()).unwrap_or("en_US");
    let is_tag = text.len() <= 10 && text.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    if is_tag { Ok(text.to_owned()) } else { Err(ApiError::invalid("language", "a language such as en_US or pt_BR")) }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_pin_is_six_digits_however_it_is_typed() {
        assert_eq!(six_digits("pin", Some("123 456")).unwrap().expose_secret(), "123456");
        assert_eq!(six_digits("pin", Some("123-456")).unwrap().expose_secret(), "123456");
        for wrong in [None, Some(""), Some("12345"), Some("1234567"), Some("12345a"), Some("١٢٣٤٥٦")] {
            assert!(six_digits("pin", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_language_is_a_short_tag() {
        assert_eq!(language(None).unwrap(), "en_US");
        assert_eq!(language(Some("pt_BR")).unwrap(), "pt_BR");
        assert!(language(Some("en&x=1")).is_err());
    }
}
