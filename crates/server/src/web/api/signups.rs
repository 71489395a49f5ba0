//! Embedded Signup: the origin's route, which requires all parameters, and ours, which needs only the code, reads the rest
//! at Meta, and lists and continues what is unfinished.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::{AccountId, BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::signup::{SignupRoute, SignupState, SignupSubmission, missing_parameters};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::VariantArray as _;

use super::registration_view::RegistrationView;
use super::rfc3339;
use crate::App;
use crate::flows::onboarding::progress;
use crate::flows::onboarding::signup::{self, SignedUp, SignupRefused};
use crate::flows::onboarding::stored_error::StoredError;
use crate::flows::onboarding::unfinished::{self, Addition};
use crate::flows::{FlowError, Refusal};
use crate::messages;
use crate::store::Tx;
use crate::store::ids::SignupId;
use crate::store::signups::{self, Signup};
use crate::web::completion::run_to_completion;
use crate::web::error::{ApiError, Code, Problem, Result};
use crate::web::extract::auth::{Operate, Read, TenantOf};
use crate::web::extract::body::{self, Body};
use crate::web::extract::paging::{List, Page};
use crate::web::extract::path::{NestedId, nested_id};
use crate::web::extract::query::Params;

/// The data that the browser received from Meta's popup.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(crate) struct Authorization {
    /// The code of Meta's popup; valid once, for 30 seconds.
    #[serde(deserialize_with = "body::text")]
    code: Option<String>,
    /// The id of the business portfolio.
    #[serde(deserialize_with = "body::text")]
    business_id: Option<String>,
    /// The id of the WhatsApp Business Account.
    #[serde(deserialize_with = "body::text")]
    waba_id: Option<String>,
    /// The id of the phone number. If omitted, the account's only number is taken; of several, the origin's route takes
    /// the first, and ours asks.
    #[serde(deserialize_with = "body::text")]
    phone_number_id: Option<String>,
    /// Re-authorises this inbox instead of creating one.
    #[serde(deserialize_with = "body::text")]
    #[schema(value_type = Option<i64>)]
    inbox_id: Option<String>,
    /// Whether the number stays in the WhatsApp Business app.
    #[serde(deserialize_with = "body::switch")]
    is_coexistence: Option<bool>,
    /// Members that neither route knows: the origin's ignores them, ours refuses them.
    #[serde(flatten)]
    #[schema(ignore)]
    unknown: BTreeMap<String, Value>,
}

/// The members of [`Authorization`], for the refusal of another.
const MEMBERS: [&str; 6] = ["code", "business_id", "waba_id", "phone_number_id", "inbox_id", "is_coexistence"];

/// The origin's answer, and the result of the set-up.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Authorized {
    success: bool,
    /// The inbox; null while the number is still being read at Meta.
    #[schema(example = 42)]
    id: Option<i64>,
    #[schema(example = "Example Bakery WhatsApp")]
    name: Option<String>,
    #[schema(example = "whatsapp")]
    channel_type: &'static str,
    /// Only if an inbox was re-authorised.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Channel reauthorized successfully")]
    message: Option<&'static str>,
    /// Whether the number needs attention: it is not live yet, or its token does not work.
    reauthorization_required: bool,
    /// The registration; `state` is `in_progress` if it continues after this answer.
    registration: RegistrationView,
    /// The reason why the webhook could not be set up; it is retried automatically.
    webhook_error: Option<String>,
    /// The id of the signup, to follow its progress.
    #[schema(example = "sgn_0190f3a2c0de7000b000000000000001")]
    signup_id: String,
}

impl From<SignedUp> for Authorized {
    fn from(done: SignedUp) -> Self {
        let registration = match &done.state {
            Some(state) => RegistrationView::new(state, done.in_progress),
            None => RegistrationView::begun(),
        };
        Self {
            success: true,
            id: done.channel.as_ref().map(|channel| channel.id.0),
            name: done.channel.map(|channel| channel.name),
            channel_type: "whatsapp",
            message: done.reauthorized.then_some("Channel reauthorized successfully"),
            reauthorization_required: done.reauthorization_required,
            registration,
            webhook_error: done.webhook_error,
            signup_id: done.signup_id.to_string(),
        }
    }
}

/// Finish Embedded Signup
///
/// The origin's route and members. Once the inbox exists, a failed set-up answers 200 and is retried; 422 is for failures
/// before the inbox exists.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/whatsapp/authorization", tag = "Signup",
    request_body = Authorization, params(("account_id" = i64, Path)),
    responses((status = 200, body = Authorized, description = "Connected, or re-authorised"),
        (status = 404, body = Problem), (status = 422, body = Problem, description = "Failed before an inbox existed")))]
pub(crate) async fn authorize(
    State(app): State<App>,
    tenant: TenantOf<Operate>,
    Body(handed): Body<Authorization>,
) -> Result<Json<Authorized>> {
    let given = |field: &Option<String>| field.clone().unwrap_or_default();
    let is_coexistence = handed.is_coexistence.unwrap_or_default();
    let missing =
        missing_parameters(&given(&handed.code), &given(&handed.business_id), &given(&handed.waba_id), is_coexistence);
    if let Some(text) = missing {
        return Err(ApiError::new(Code::MissingParameter, text).with_success_member());
    }
    let request = request_of(&tenant, SignupRoute::Origin, handed).map_err(ApiError::with_success_member)?;
    let done = run(&app, request).await.map_err(ApiError::with_success_member)?;
    done.map(|done| Json(done.into())).map_err(|refused| ApiError::from(refused).with_success_member())
}

async fn run(app: &App, request: signup::Request) -> Result<Answer> {
    let worker = app.clone();
    run_to_completion(app, async move { signup::run(&worker, request).await }).await
}

/// What came of a signup.
type Answer = std::result::Result<SignedUp, SignupRefused>;

/// Maximum length of a code; Meta's codes are shorter.
const LONGEST_CODE: usize = 2048;

fn request_of(tenant: &TenantOf<Operate>, route: SignupRoute, handed: Authorization) -> Result<signup::Request> {
    let code = handed.code.unwrap_or_default();
    if code.len() > LONGEST_CODE || !code.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ApiError::invalid("code", "the code of Meta’s popup, unchanged"));
    }
    Ok(signup::Request {
        account_id: tenant.account_id,
        route,
        code: SecretString::from(code),
        handover: SignupSubmission {
            waba_id: id_of_meta("waba_id", handed.waba_id)?.map(WabaId),
            phone_number_id: id_of_meta("phone_number_id", handed.phone_number_id)?.map(PhoneNumberId),
            business_id: id_of_meta("business_id", handed.business_id)?.map(BusinessId),
            is_coexistence: handed.is_coexistence.unwrap_or_default(),
        },
        inbox_id: id_of_inbox(handed.inbox_id)?,
    })
}

/// An id of Meta's; an empty text counts as missing.
fn id_of_meta(name: &str, field: Option<String>) -> Result<Option<String>> {
    match field.filter(|text| !text.is_empty()) {
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= 32 => Ok(Some(text)),
        Some(_) => Err(ApiError::invalid(name, "an id of Meta’s: digits only")),
        None => Ok(None),
    }
}

fn id_of_inbox(field: Option<String>) -> Result<Option<ChannelId>> {
    match field.filter(|text| !text.is_empty()) {
        Some(text) => Ok(Some(ChannelId(text.parse().map_err(|_| ApiError::not_found("inbox"))?))),
        None => Ok(None),
    }
}

/// The progress of a signup.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SignupView {
    #[schema(example = "sgn_0190f3a2c0de7000b000000000000001")]
    id: String,
    /// The state: `new`, `exchanged`, `connected`, `done`, `unfinished`, `failed`. An unfinished signup keeps its token and
    /// can be continued; `failed` means that no inbox was created.
    #[schema(example = "unfinished")]
    state: &'static str,
    /// The way on which it began: `origin`, `own`, or `recovered` without its browser.
    route: &'static str,
    onboarding: &'static str,
    /// The inbox that was created or re-authorised.
    inbox_id: Option<i64>,
    business_account_id: Option<String>,
    phone_number_id: Option<String>,
    business_id: Option<String>,
    /// What an unfinished signup waits for.
    next_step: Option<NextStepView>,
    /// Numbers that the signup saw at Meta and that are not connected: nobody chose them.
    not_connected: Vec<NotConnectedView>,
    /// The reason why it failed or is unfinished.
    error: Option<SignupErrorView>,
    created_at: String,
    updated_at: String,
    /// The time when an unfinished signup ends and its token is destroyed.
    expires_at: Option<String>,
    /// The result of the set-up; only in the answer to `POST`.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Authorized>,
}

/// The next step of an unfinished signup.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NextStepView {
    /// The step: `choose_number`, `add_number`, `name_account`, `name_inbox`, `correct_request`, `sign_up_again`,
    /// `try_again`.
    #[schema(example = "choose_number")]
    code: &'static str,
    /// What to do, for people.
    #[schema(example = "Choose one of the numbers.")]
    text: &'static str,
}

/// A number that a signup saw and that is not connected.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct NotConnectedView {
    phone_number_id: String,
    business_account_id: String,
    /// The phone number in Meta's writing.
    #[schema(example = "+1 555-010-0001")]
    phone_number: String,
    /// The display name at Meta.
    #[schema(example = "Example Bakery")]
    name: String,
}

/// The reason why a signup failed or is unfinished.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SignupErrorView {
    /// The code of the reason.
    #[schema(example = "number_not_chosen")]
    code: String,
    text: String,
    at: String,
    /// The inbox that has the number already, if it is of this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    inbox_id: Option<i64>,
    /// Whether it is tried again without a person.
    is_retried: bool,
}

impl From<StoredError> for SignupErrorView {
    fn from(error: StoredError) -> Self {
        let inbox_id = error.inbox.map(|id| id.0);
        Self { code: error.code, text: error.text, at: rfc3339(error.at), inbox_id, is_retried: error.is_retried }
    }
}

async fn view(app: &App, tx: &mut Tx, signup: Signup) -> Result<SignupView> {
    let error = StoredError::of(&signup);
    let is_unfinished = signup.state == SignupState::Unfinished;
    let step = error.as_ref().filter(|_| is_unfinished).map(StoredError::next_step);
    Ok(SignupView {
        id: signup.id.to_string(),
        state: signup.state.into_str(),
        route: signup.route.into_str(),
        onboarding: signup.onboarding.into_str(),
        inbox_id: signup.channel_id.map(|id| id.0),
        next_step: step.map(|step| NextStepView { code: step.into_str(), text: messages::next_step(step) }),
        not_connected: not_connected(tx, &signup).await?,
        expires_at: is_unfinished.then(|| rfc3339(progress::expires_at(app, &signup))),
        business_account_id: signup.waba_id.map(|id| id.0),
        phone_number_id: signup.phone_number_id.map(|id| id.0),
        business_id: signup.business_id.map(|id| id.0),
        created_at: rfc3339(signup.created_at),
        updated_at: rfc3339(signup.updated_at),
        error: error.map(SignupErrorView::from),
        result: None,
    })
}

/// The numbers that the signup saw and that no channel has by now.
async fn not_connected(tx: &mut Tx, signup: &Signup) -> Result<Vec<NotConnectedView>> {
    let numbers = unfinished::not_connected(tx, signup).await?.into_iter();
    Ok(numbers
        .map(|number| NotConnectedView {
            phone_number_id: number.phone_number_id.0,
            business_account_id: number.waba_id.0,
            phone_number: number.phone_number,
            name: number.name,
        })
        .collect())
}

/// The signup as it is now, with the result of its set-up.
async fn shown(app: &App, account: AccountId, id: SignupId, result: Option<Authorized>) -> Result<SignupView> {
    let mut tx = app.store.read().await?;
    let kept = signups::find_in_account(&mut tx, account, id).await?;
    let kept = kept.ok_or_else(|| ApiError::not_found("signup"))?;
    Ok(SignupView { result, ..view(app, &mut tx, kept).await? })
}

/// The answer of our own routes. A signup that only waits for a person's choice, or for a number, is no failure.
async fn answer(app: &App, account: AccountId, answer: Answer) -> Result<SignupView> {
    let refused = match answer {
        Ok(done) => return shown(app, account, done.signup_id, Some(done.into())).await,
        Err(refused) => refused,
    };
    let waits =
        matches!(refused.error, FlowError::Refused { code: Refusal::NumberNotChosen | Refusal::NoNumberYet, .. });
    match refused.signup_id {
        Some(id) if waits => shown(app, account, id, None).await,
        _ => Err(refused.into()),
    }
}

/// Create a signup
///
/// Needs only the code; the WhatsApp account and the number are read at Meta if omitted. The same code sent again gets the
/// same answer, or goes on with an unfinished signup. Where the number is not clear, the signup is `unfinished` and says
/// what it waits for.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/signups", tag = "Signup", request_body = Authorization,
    params(("account_id" = i64, Path)),
    responses((status = 201, body = SignupView, description = "Connected, or unfinished"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn create_signup(
    State(app): State<App>,
    tenant: TenantOf<Operate>,
    Body(handed): Body<Authorization>,
) -> Result<(StatusCode, Json<SignupView>)> {
    if let Some(name) = handed.unknown.keys().next() {
        return Err(body::no_such_member(name, &MEMBERS));
    }
    if handed.code.as_deref().is_none_or(str::is_empty) {
        return Err(ApiError::invalid("code", "the code of Meta’s popup"));
    }
    let done = run(&app, request_of(&tenant, SignupRoute::Own, handed)?).await?;
    Ok((StatusCode::CREATED, Json(answer(&app, tenant.account_id, done).await?)))
}

/// List the signups of an account
///
/// `?state=unfinished` lists those that wait for somebody, with the numbers that they saw and did not connect.
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/signups", tag = "Signup",
    params(("account_id" = i64, Path),
        ("state" = Option<String>, Query, description = "Only signups in this state"),
        ("limit" = Option<i64>, Query, description = "1 to 200, 50 by default"),
        ("after" = Option<String>, Query, description = "`next` of the previous page")),
    responses((status = 200, body = List<SignupView>, description = "Newest first"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn list_signups(
    State(app): State<App>,
    tenant: TenantOf<Read>,
    page: Page,
    params: Params,
) -> Result<Json<List<SignupView>>> {
    let before = page.after::<SignupId>()?;
    let mut tx = app.store.read().await?;
    let rows = match params.one("state")? {
        Some(word) => {
            let state = word.parse::<SignupState>().map_err(|_| {
                let words: Vec<&str> = SignupState::VARIANTS.iter().map(SignupState::into_str).collect();
                ApiError::invalid("state", words.join(", "))
            })?;
            signups::list_in_state(&mut tx, tenant.account_id, state, before, page.probe()).await?
        }
        None => signups::list(&mut tx, tenant.account_id, before, page.probe()).await?,
    };
    let found = page.finish(rows, |signup| signup.id.to_string(), |signup| signup);
    let mut data = Vec::with_capacity(found.data.len());
    for signup in found.data {
        data.push(view(&app, &mut tx, signup).await?);
    }
    Ok(Json(List { data, has_more: found.has_more, next: found.next }))
}

/// Show the progress of a signup
#[utoipa::path(get, path = "/api/v1/accounts/{account_id}/signups/{signup_id}", tag = "Signup",
    params(("account_id" = i64, Path), ("signup_id" = String, Path)),
    responses((status = 200, body = SignupView, description = "The progress"), (status = 404, body = Problem)))]
pub(crate) async fn show_signup(
    State(app): State<App>,
    tenant: TenantOf<Read>,
    path: NestedId,
) -> Result<Json<SignupView>> {
    let id: SignupId = nested_id(&path, "signup_id", "signup")?;
    shown(&app, tenant.account_id, id, None).await.map(Json)
}

/// What an unfinished signup lacked.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the members of the request have these names")]
pub(crate) struct Continuation {
    /// The number to connect: one of `not_connected`, or one that was added at Meta since.
    #[serde(deserialize_with = "body::text")]
    phone_number_id: Option<String>,
    /// The WhatsApp Business Account, where the token does not name it.
    #[serde(deserialize_with = "body::text")]
    waba_id: Option<String>,
    /// Id of the inbox to re-authorise.
    #[serde(deserialize_with = "body::text")]
    #[schema(value_type = Option<i64>)]
    inbox_id: Option<String>,
}

/// Continue a signup
///
/// Goes on with an unfinished signup and what is sent; what is omitted stays as it was. With a number of a finished signup's
/// `not_connected`, that number is connected by a new signup, which is the answer.
#[utoipa::path(post, path = "/api/v1/accounts/{account_id}/signups/{signup_id}", tag = "Signup",
    request_body = Continuation, params(("account_id" = i64, Path), ("signup_id" = String, Path)),
    responses((status = 200, body = SignupView, description = "Connected, or still unfinished"),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn continue_signup(
    State(app): State<App>,
    tenant: TenantOf<Operate>,
    path: NestedId,
    Body(sent): Body<Continuation>,
) -> Result<Json<SignupView>> {
    let signup = find(&app, tenant.account_id, &path).await?;
    let added = Addition {
        waba_id: id_of_meta("waba_id", sent.waba_id)?.map(WabaId),
        phone_number_id: id_of_meta("phone_number_id", sent.phone_number_id)?.map(PhoneNumberId),
        inbox_id: id_of_inbox(sent.inbox_id)?,
    };
    let worker = app.clone();
    let done = run_to_completion(&app, async move { unfinished::continue_with(&worker, &signup, added).await }).await?;
    answer(&app, tenant.account_id, done).await.map(Json)
}

/// Revoke an unfinished signup
///
/// Destroys its token. A finished signup is refused: delete its inbox.
#[utoipa::path(delete, path = "/api/v1/accounts/{account_id}/signups/{signup_id}", tag = "Signup",
    params(("account_id" = i64, Path), ("signup_id" = String, Path)),
    responses((status = 204, description = "Revoked"), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn revoke_signup(
    State(app): State<App>,
    tenant: TenantOf<Operate>,
    path: NestedId,
) -> Result<StatusCode> {
    let signup = find(&app, tenant.account_id, &path).await?;
    unfinished::revoke(&app, &signup).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &App, account: AccountId, path: &NestedId) -> Result<Signup> {
    let id: SignupId = nested_id(path, "signup_id", "signup")?;
    let mut tx = app.store.read().await?;
    signups::find_in_account(&mut tx, account, id).await?.ok_or_else(|| ApiError::not_found("signup"))
}
