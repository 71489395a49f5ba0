//! Embedded signup: a code becomes a token, a number, a channel, and a channel set up at Meta.
//!
//! The token is stored before anything else is done with it. A signup that a crash interrupts is resumed
//! from its row; one that its browser never finished is recovered after Meta's `PARTNER_ADDED`.

use std::time::Duration;

use domain::channel::{Channel, Onboarding};
use domain::ids::{AccountId, ChannelId};
use domain::meta::failure::{Failure, FailureKind};

use domain::signup::{SignupState, SignupSubmission};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::connect::{connect_and_set_up, set_up_again};
use super::progress::{GIVE_UP_AFTER, fail, store_token};
use super::recover;
use crate::App;
use crate::flows::number::record::{NumberRecord, RegistrationState};
use crate::flows::number::view::view;
use crate::flows::queue::{Job, enqueue};
use crate::flows::{FlowError, Next, Refusal};
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::ids::SignupId;
use crate::store::signups::NewSignup;
use crate::store::{self, channels, signups};

/// How long after its last step an interrupted signup is resumed.
const RESUME_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// A code whose exchange was interrupted is accepted again after this time, when the exchange can no longer
/// be in progress. Meta decides whether the code was used.
const SAME_CODE_AFTER: SignedDuration = SignedDuration::from_secs(12);

/// A signup as its browser requests it.
#[derive(Debug)]
pub struct Request {
    pub account_id: AccountId,
    /// The browser's code: 30 seconds, single use (facts §1.1).
    pub code: SecretString,
    /// What the browser named; claims until Meta confirms them.
    pub handover: SignupSubmission,
    /// Which inbox is to be re-authorised (E6); `None` makes a new one (E5).
    pub inbox_id: Option<ChannelId>,
}

/// The result of a signup.
#[derive(Debug, Clone)]
pub struct SignedUp {
    /// The row of the signup, which is continued in the background where `in_progress`.
    pub signup_id: SignupId,
    /// The channel; `None` only while Meta is still being asked for its number.
    pub channel: Option<Channel>,
    /// An existing inbox was re-authorised.
    pub reauthorized: bool,
    /// Where its registration stands; `None` without a channel.
    pub state: Option<RegistrationState>,
    /// W8: why the webhooks are not set up; retried by itself.
    pub webhook_error: Option<String>,
    /// E8: the number is still pending at Meta.
    pub reauthorization_required: bool,
    /// It did not end within the deadline and is continued in the background.
    pub in_progress: bool,
}

/// Runs a signup. What is not done within the deadline is continued in the background.
pub async fn run(app: &App, request: Request) -> Result<SignedUp, FlowError> {
    let result = begin(app, request).await;
    if let Err(error) = &result {
        tracing::error!("[WHATSAPP] Embedded signup failed: {error}");
    }
    result
}

async fn begin(app: &App, request: Request) -> Result<SignedUp, FlowError> {
    if request.code.expose_secret().trim().is_empty() {
        return Err(FlowError::refused(Refusal::MissingParameter, "Required parameters are missing: code"));
    }
    let deadline = Duration::from_secs(app.config.limits.signup_deadline_seconds);
    let PersistedSignup { id, is_repeated } = persist(app, &request).await?;
    reached(Failpoint::SignupWritten);
    // a task of its own: a client that disconnects does not interrupt a signup
    let work = app.tasks.spawn({
        let app = app.clone();
        async move { exchange_and_continue(&app, id, is_repeated, &request.code).await }
    });
    match tokio::time::timeout(deadline, work).await {
        Ok(Ok(done)) => {
            let webhook_error = done?;
            outcome(app, id, webhook_error, false).await
        }
        Ok(Err(_)) => Err(FlowError::Meta(Failure::unanswered("the signup was interrupted"))),
        Err(_) => outcome(app, id, None, true).await,
    }
}

/// A signup whose row is committed.
struct PersistedSignup {
    id: SignupId,
    /// The same code was sent before, and its exchange was interrupted.
    is_repeated: bool,
}

async fn persist(app: &App, request: &Request) -> Result<PersistedSignup, FlowError> {
    let now = app.clock.now();
    let SignupSubmission { waba_id, phone_number_id, business_id, is_coexistence } = &request.handover;
    let mut tx = app.store.write().await?;
    if let Some(inbox) = request.inbox_id {
        let known = channels::find_in_account(&mut tx, request.account_id, inbox).await?;
        known.ok_or_else(|| FlowError::refused(Refusal::NotFound, "Resource could not be found"))?;
    }
    // the code of an interrupted signup is accepted again
    if let Some(before) = signups::find_by_code(&mut tx, &request.code).await? {
        let is_idle = now >= before.updated_at + SAME_CODE_AFTER;
        if before.state == SignupState::New && before.account_id == request.account_id && is_idle {
            // a new date: the job does not resume it while this request runs
            signups::update(&mut tx, &before, now).await?;
            tx.commit().await?;
            return Ok(PersistedSignup { id: before.id, is_repeated: true });
        }
        return Err(replayed());
    }
    let new = NewSignup {
        account_id: request.account_id,
        inbox_id: request.inbox_id,
        onboarding: if *is_coexistence { Onboarding::Coexistence } else { Onboarding::Standard },
        waba_id: waba_id.clone(),
        phone_number_id: phone_number_id.clone(),
        business_id: business_id.clone(),
        code: request.code.clone(),
    };
    let id = match signups::insert(&mut tx, &new, now).await {
        Ok(id) => id,
        Err(store::Error::Conflict(_)) => return Err(replayed()),
        Err(error) => return Err(error.into()),
    };
    enqueue(&mut tx, &Job::Signup(id.0), now + RESUME_AFTER);
    tx.commit().await?;
    Ok(PersistedSignup { id, is_repeated: false })
}

fn replayed() -> FlowError {
    FlowError::refused(
        Refusal::CodeReplayed,
        "This authorization code was used before. Codes work once, for 30 seconds: open the signup again.",
    )
}

/// Exchanges the code and stores the token before anything else is done with it.
async fn exchange_and_continue(
    app: &App,
    id: SignupId,
    is_repeated: bool,
    code: &SecretString,
) -> Result<Option<String>, FlowError> {
    let token = match app.graph.exchange_code(code).await {
        Ok(token) => token,
        Err(failure) if is_repeated && failure.kind == FailureKind::CodeSpent => {
            return recover::recover_after_spent_code(app, id, failure).await;
        }
        Err(failure) => return fail(app, id, failure.into()).await,
    };
    reached(Failpoint::CodeExchanged);
    let now = app.clock.now();
    // a lifetime that Meta makes too long to count is no reason to lose the token
    let expires_at = token.expires_in.map(|life| now.checked_add(life).unwrap_or(Timestamp::MAX));
    store_token(app, id, &token.access_token, expires_at).await?;
    reached(Failpoint::TokenStored);
    connect_and_set_up(app, id).await
}

async fn outcome(
    app: &App,
    id: SignupId,
    webhook_error: Option<String>,
    in_progress: bool,
) -> Result<SignedUp, FlowError> {
    let mut tx = app.store.read().await?;
    let signup = signups::find(&mut tx, id).await?;
    drop(tx);
    let record = match signup.as_ref().and_then(|signup| signup.channel_id) {
        Some(channel) => NumberRecord::load(app, channel).await?,
        None => None,
    };
    let view = record.map(|record| view(app, &record, app.clock.now()));
    Ok(SignedUp {
        signup_id: id,
        reauthorized: signup.is_some_and(|signup| signup.inbox_id.is_some()),
        reauthorization_required: view.as_ref().is_some_and(|view| view.reauthorization_required),
        channel: view.as_ref().map(|view| view.channel.clone()),
        state: view.map(|view| view.registration),
        webhook_error,
        in_progress,
    })
}

/// The job: resumes an interrupted signup.
pub async fn resume(app: &App, id: Uuid) -> Result<Next, FlowError> {
    let id = SignupId(id);
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let Some(signup) = signups::find(&mut tx, id).await? else { return Ok(Next::Done) };
    drop(tx);
    if now < signup.updated_at + RESUME_AFTER && !signup.state.is_ended() {
        return Ok(Next::At(signup.updated_at + RESUME_AFTER));
    }
    let result = match signup.state {
        SignupState::New => recover::recover_token(app, &signup).await.map(|_| ()),
        SignupState::Exchanged => connect_and_set_up(app, id).await.map(|_| ()),
        SignupState::Connected => set_up_again(app, id, signup.channel_id).await,
        SignupState::Done | SignupState::Failed => return Ok(Next::Done),
    };
    match result {
        Ok(()) => Ok(Next::Done),
        Err(error) if now < signup.created_at + GIVE_UP_AFTER => {
            tracing::warn!(signup = %id, %error, "an interrupted signup failed and is retried");
            Ok(Next::At(now + RESUME_AFTER))
        }
        Err(error) => {
            let _: Result<(), _> = fail(app, id, FlowError::refused(Refusal::NotNow, error.to_string())).await;
            Ok(Next::Done)
        }
    }
}
