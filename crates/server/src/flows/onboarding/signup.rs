//! Embedded signup: a code becomes a token, a number, a channel, and a channel set up at Meta.
//!
//! The token is stored before anything else is done with it, and a spent code is never wasted: a signup that a crash
//! interrupts is resumed from its row, one that lacks something is continued with the same code or by its id, and a
//! code that arrives twice gets one answer. One that its browser never finished is recovered after Meta's
//! `PARTNER_ADDED`.

use std::time::Duration;

use domain::channel::Onboarding;
use domain::ids::{AccountId, ChannelId};
use domain::meta::failure::{Failure, FailureKind};
use domain::signup::{NextStep, SignupRoute, SignupState, SignupSubmission};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::connect::{connect_and_set_up, set_up_again};
pub use super::outcome::{SignedUp, SignupRefused};
use super::outcome::{answer_of_another, outcome, stored_answer};
use super::progress::{GIVE_UP_AFTER, RESUME_AFTER, end, expires_at, fail, store_token};
use super::recover;
use super::stored_error::StoredError;
use crate::App;
use crate::flows::queue::{Job, enqueue};
use crate::flows::{FlowError, Next, Refusal};
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::ids::SignupId;
use crate::store::signups::{NewSignup, Signup};
use crate::store::{self, Tx, channels, signups};

/// A code whose exchange was interrupted is accepted again after this time, when the exchange can no longer
/// be in progress. Meta decides whether the code was used.
const SAME_CODE_AFTER: SignedDuration = SignedDuration::from_secs(12);

/// How often an account without a number is read again.
const NUMBER_CHECK_INTERVAL: SignedDuration = SignedDuration::from_mins(10);

/// A signup as its browser requests it.
#[derive(Debug)]
pub struct Request {
    pub account_id: AccountId,
    pub route: SignupRoute,
    /// The browser's code: 30 seconds, single use (facts §1.1).
    pub code: SecretString,
    /// What the browser named; claims until Meta confirms them.
    pub handover: SignupSubmission,
    /// Which inbox is to be re-authorised (E6); `None` makes a new one (E5).
    pub inbox_id: Option<ChannelId>,
}

/// What a request does with the row of its code.
enum Work {
    /// The code is exchanged; `is_repeated`: an exchange of it was interrupted.
    Exchange { is_repeated: bool },
    /// The token is there: the signup goes on from it.
    Connect,
    /// Another request works on it, or was interrupted if this instant passes first.
    WaitUntil(Timestamp),
    /// The signup ended before.
    Answer,
}

/// Runs a signup. What is not done within the deadline is continued in the background.
pub async fn run(app: &App, request: Request) -> Result<SignedUp, SignupRefused> {
    let (id, work) = persist_or_log(app, &request).await?;
    reached(Failpoint::SignupWritten);
    let Work::WaitUntil(instant) = work else { return carry_out(app, id, work, request.code).await };
    let left = Duration::try_from(instant.duration_since(app.clock.now())).unwrap_or_default();
    let answer = answer_of_another(app, id, left.min(deadline(app))).await;
    if !matches!(&answer, Ok(done) if done.in_progress) {
        return answer;
    }
    match persist_or_log(app, &request).await? {
        (_, Work::WaitUntil(_)) => answer,
        (id, work) => carry_out(app, id, work, request.code).await,
    }
}

async fn persist_or_log(app: &App, request: &Request) -> Result<(SignupId, Work), FlowError> {
    let persisted = persist(app, request).await;
    if let Err(error) = &persisted {
        log_failed(error);
    }
    persisted
}

async fn carry_out(app: &App, id: SignupId, work: Work, code: SecretString) -> Result<SignedUp, SignupRefused> {
    match work {
        Work::Exchange { is_repeated } => {
            let worker = app.clone();
            let work = async move { exchange_and_continue(&worker, id, is_repeated, &code).await };
            answer_in_time(app, id, work).await
        }
        Work::Connect => connect_in_time(app, id).await,
        Work::WaitUntil(_) => answer_of_another(app, id, deadline(app)).await,
        Work::Answer => {
            let signup = load(app, id).await?;
            let answer = match &signup {
                Some(signup) => stored_answer(app, signup).await,
                None => None,
            };
            answer.unwrap_or_else(|| Err(replayed().into()))
        }
    }
}

/// Goes on with a signup whose token is stored, and answers within the deadline.
pub(super) async fn connect_in_time(app: &App, id: SignupId) -> Result<SignedUp, SignupRefused> {
    let worker = app.clone();
    answer_in_time(app, id, async move { connect_and_set_up(&worker, id).await }).await
}

/// The time within which a signup is answered.
pub(super) fn deadline(app: &App) -> Duration {
    Duration::from_secs(app.config.limits.signup_deadline_seconds)
}

/// Runs the work of a signup in a task of its own: a client that disconnects does not interrupt it. A failure after
/// the answer is logged as one before it (E10).
async fn answer_in_time(
    app: &App,
    id: SignupId,
    work: impl Future<Output = Result<Option<String>, FlowError>> + Send + 'static,
) -> Result<SignedUp, SignupRefused> {
    let work = app.tasks.spawn(async move {
        let done = work.await;
        if let Err(error) = &done {
            log_failed(error);
        }
        done
    });
    let answer = match tokio::time::timeout(deadline(app), work).await {
        Ok(Ok(Ok(webhook_error))) => outcome(app, id, webhook_error, false).await,
        Ok(Ok(Err(error))) => Err(error),
        Ok(Err(_)) => Err(FlowError::Meta(Failure::unanswered("the signup was interrupted"))),
        Err(_) => outcome(app, id, None, true).await,
    };
    answer.map_err(|error| SignupRefused::of(id, error))
}

fn log_failed(error: &FlowError) {
    tracing::error!("[WHATSAPP] Embedded signup failed: {error}");
}

/// Stores the request, or finds the signup that its code began.
async fn persist(app: &App, request: &Request) -> Result<(SignupId, Work), FlowError> {
    if request.code.expose_secret().trim().is_empty() {
        return Err(FlowError::refused(Refusal::MissingParameter, "Required parameters are missing: code"));
    }
    let now = app.clock.now();
    let SignupSubmission { waba_id, phone_number_id, business_id, is_coexistence } = &request.handover;
    let mut tx = app.store.write().await?;
    if let Some(inbox) = request.inbox_id {
        let known = channels::find_in_account(&mut tx, request.account_id, inbox).await?;
        known.ok_or_else(|| FlowError::refused(Refusal::NotFound, "Resource could not be found"))?;
    }
    if let Some(before) = signups::find_by_code(&mut tx, &request.code).await? {
        return repeat(tx, request, before, now).await;
    }
    let new = NewSignup {
        account_id: request.account_id,
        inbox_id: request.inbox_id,
        route: request.route,
        onboarding: if *is_coexistence { Onboarding::Coexistence } else { Onboarding::Standard },
        waba_id: waba_id.clone(),
        phone_number_id: phone_number_id.clone(),
        business_id: business_id.clone(),
        code: request.code.clone(),
    };
    match signups::insert(&mut tx, &new, now).await {
        Ok(id) => {
            enqueue(&mut tx, &Job::Signup(id.0), now + RESUME_AFTER);
            tx.commit().await?;
            Ok((id, Work::Exchange { is_repeated: false }))
        }
        // the same code arrived twice at once
        Err(store::Error::Conflict(_)) => match signups::find_by_code(&mut tx, &request.code).await? {
            Some(before) => repeat(tx, request, before, now).await,
            None => Err(replayed()),
        },
        Err(error) => Err(error.into()),
    }
}

/// A code that was sent before. Another account learns nothing of it.
async fn repeat(mut tx: Tx, request: &Request, before: Signup, now: Timestamp) -> Result<(SignupId, Work), FlowError> {
    if before.account_id != request.account_id {
        return Err(replayed());
    }
    let id = before.id;
    let wait = |after: SignedDuration| Work::WaitUntil(before.updated_at + after);
    let work = match before.state {
        SignupState::New if before.error.is_some() || now >= before.updated_at + SAME_CODE_AFTER => {
            // a new date: the job does not resume it while this request runs
            let is_mine = signups::claim(&mut tx, &before, now).await?;
            if is_mine { Work::Exchange { is_repeated: true } } else { wait(SAME_CODE_AFTER) }
        }
        SignupState::Exchanged if now >= before.updated_at + RESUME_AFTER => {
            if signups::claim(&mut tx, &before, now).await? { Work::Connect } else { wait(RESUME_AFTER) }
        }
        SignupState::Unfinished => {
            let mut again = before.clone();
            let SignupSubmission { waba_id, phone_number_id, business_id, is_coexistence } = &request.handover;
            (again.waba_id, again.phone_number_id) = (waba_id.clone(), phone_number_id.clone());
            again.business_id = business_id.clone().or(again.business_id);
            if *is_coexistence {
                again.onboarding = Onboarding::Coexistence;
            }
            (again.inbox_id, again.route) = (request.inbox_id, request.route);
            if claim_unfinished(&mut tx, again, now).await? { Work::Connect } else { wait(RESUME_AFTER) }
        }
        SignupState::New => wait(SAME_CODE_AFTER),
        SignupState::Exchanged | SignupState::Connected => wait(RESUME_AFTER),
        SignupState::Done if is_same(request, &before) && still_has_its_inbox(&mut tx, &before).await? => Work::Answer,
        SignupState::Failed => Work::Answer,
        SignupState::Done => return Err(replayed()),
    };
    tx.commit().await?;
    Ok((id, work))
}

/// Goes on with an unfinished signup; false if another request does so already.
pub(super) async fn claim_unfinished(tx: &mut Tx, mut signup: Signup, now: Timestamp) -> Result<bool, store::Error> {
    if !signups::claim(tx, &signup, now).await? {
        return Ok(false);
    }
    signup.state = SignupState::Exchanged;
    signups::update(tx, &signup, now).await?;
    enqueue(tx, &Job::Signup(signup.id.0), now + RESUME_AFTER);
    Ok(true)
}

/// Whether a request asks for nothing but what its signup came to.
fn is_same(request: &Request, done: &Signup) -> bool {
    let SignupSubmission { waba_id, phone_number_id, .. } = &request.handover;
    request.inbox_id.is_none_or(|inbox| done.channel_id == Some(inbox))
        && (waba_id.is_none() || *waba_id == done.waba_id)
        && (phone_number_id.is_none() || *phone_number_id == done.phone_number_id)
}

async fn still_has_its_inbox(tx: &mut Tx, signup: &Signup) -> Result<bool, store::Error> {
    let Some(channel) = signup.channel_id else { return Ok(false) };
    Ok(channels::find_in_account(tx, signup.account_id, channel).await?.is_some())
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

/// The job: resumes an interrupted signup, looks for the number of one that has none yet, and ends one that is too old.
pub async fn resume(app: &App, id: Uuid) -> Result<Next, FlowError> {
    let id = SignupId(id);
    let now = app.clock.now();
    let Some(signup) = load(app, id).await? else { return Ok(Next::Done) };
    if signup.state == SignupState::Unfinished {
        return resume_unfinished(app, signup, now).await;
    }
    if now < signup.updated_at + RESUME_AFTER && !signup.state.is_ended() {
        return Ok(Next::At(signup.updated_at + RESUME_AFTER));
    }
    let result = match signup.state {
        SignupState::New => match recover::recover_token(app, &signup).await {
            Err(error) if now >= signup.created_at + GIVE_UP_AFTER => fail(app, id, error).await,
            resumed => resumed,
        },
        SignupState::Exchanged => connect_and_set_up(app, id).await,
        SignupState::Connected => set_up_again(app, id, signup.channel_id).await.map(|()| None),
        SignupState::Done | SignupState::Unfinished | SignupState::Failed => return Ok(Next::Done),
    };
    after_resuming(app, &signup, result, now).await
}

async fn resume_unfinished(app: &App, signup: Signup, now: Timestamp) -> Result<Next, FlowError> {
    let end_at = expires_at(app, &signup);
    if now >= end_at {
        let hours = app.config.retention.unfinished_signup_hours;
        let text = format!("The signup was not finished within {hours} hours, and its token was destroyed");
        end(app, signup.id, &FlowError::refused(Refusal::SignupExpired, text)).await?;
        return Ok(Next::Done);
    }
    let stored = StoredError::of(&signup);
    let interval = match stored {
        Some(stored) if stored.is_retried => RESUME_AFTER,
        Some(stored) if stored.next_step() == NextStep::AddNumber => NUMBER_CHECK_INTERVAL,
        _ => return Ok(Next::At(end_at)),
    };
    if now < signup.updated_at + interval {
        return Ok(Next::At(end_at.min(signup.updated_at + interval)));
    }
    let mut tx = app.store.write().await?;
    let is_mine = claim_unfinished(&mut tx, signup.clone(), now).await?;
    tx.commit().await?;
    if !is_mine {
        return Ok(Next::At(now + RESUME_AFTER));
    }
    let result = connect_and_set_up(app, signup.id).await;
    after_resuming(app, &signup, result, now).await
}

/// When the job runs again. A failure that is news is logged in the origin's words (E10).
async fn after_resuming(
    app: &App,
    before: &Signup,
    result: Result<Option<String>, FlowError>,
    now: Timestamp,
) -> Result<Next, FlowError> {
    let Err(error) = result else { return Ok(Next::Done) };
    let Some(after) = load(app, before.id).await? else { return Ok(Next::Done) };
    let code = |signup: &Signup| StoredError::of(signup).map(|stored| (stored.code, stored.is_retried));
    if code(before) == code(&after) {
        if !error.is_outage() {
            tracing::warn!(signup = %before.id, error = error.chain(), "a signup could not be resumed and is retried");
        }
    } else {
        log_failed(&error);
    }
    Ok(if after.state.is_ended() { Next::Done } else { Next::At(now + RESUME_AFTER) })
}

async fn load(app: &App, id: SignupId) -> Result<Option<Signup>, FlowError> {
    let mut tx = app.store.read().await?;
    Ok(signups::find(&mut tx, id).await?)
}
