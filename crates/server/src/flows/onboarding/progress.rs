//! The writes that move a persisted signup from one state to the next, and their announcements.
//! A crash between two of them is resumed from here.

use domain::meta::failure::{Failure, FailureKind};
use domain::signup::SignupState;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;

use super::stored_error::StoredError;
use crate::App;
use crate::flows::{FlowError, Refusal, announcements};
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::announcements::NewAnnouncement;
use crate::store::ids::SignupId;
use crate::store::signups::Signup;
use crate::store::{self, Tx, signups};

/// How long after its last step an interrupted signup is resumed.
pub(super) const RESUME_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// How long after it began an interrupted signup is tried again without a person.
pub(super) const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Stores the token that the code was exchanged for, before anything else is done with it.
pub(super) async fn store_token(
    app: &App,
    id: SignupId,
    token: &SecretString,
    expires_at: Option<Timestamp>,
) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    signups::set_token(&mut tx, id, token, expires_at, now).await?;
    if let Some(mut signup) = signups::find(&mut tx, id).await? {
        signup.state = SignupState::Exchanged;
        signups::update(&mut tx, &signup, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Marks a signup whose set-up ran, and announces it.
pub(super) async fn finish(app: &App, id: SignupId) -> Result<(), FlowError> {
    reached(Failpoint::SetupDone);
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if let Some(mut signup) = signups::find(&mut tx, id).await? {
        signup.state = SignupState::Done;
        signup.error = None;
        signups::update(&mut tx, &signup, now).await?;
        announce(&mut tx, &signup, "signup_finished", None, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Stores why a signup did not go on, and returns the same error. With a token it stays unfinished: the token is kept
/// until the signup is finished, revoked or too old. Without one it ends, unless the failure is uncertain and the
/// signup is still resumed without a person.
pub(super) async fn fail<T>(app: &App, id: SignupId, error: FlowError) -> Result<T, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let Some(mut signup) = signups::find(&mut tx, id).await? else { return Err(error) };
    let is_retried = is_uncertain(&error) && now < signup.created_at + GIVE_UP_AFTER;
    let before = StoredError::of(&signup);
    let after = StoredError::new(&error, is_retried, now);
    signup.state = match signup.state {
        SignupState::New if is_retried => SignupState::New,
        SignupState::New => SignupState::Failed,
        SignupState::Exchanged
        | SignupState::Connected
        | SignupState::Done
        | SignupState::Unfinished
        | SignupState::Failed => {
            if is_of_no_use(&error) {
                SignupState::Failed
            } else {
                SignupState::Unfinished
            }
        }
    };
    if matches!(error, FlowError::Refused { code: Refusal::NoAccessToWaba, .. }) {
        // a claim that Meta refuted is none: another account may be waiting for this WABA
        (signup.waba_id, signup.phone_number_id) = (None, None);
    }
    signup.error = Some(after.to_json());
    if signup.state == SignupState::Failed {
        signups::drop_token(&mut tx, id).await?;
    }
    signups::update(&mut tx, &signup, now).await?;
    let is_same = before.is_some_and(|it| (it.code == after.code) && (it.is_retried == after.is_retried));
    if signup.state == SignupState::Failed {
        announce(&mut tx, &signup, "signup_failed", Some(&after), now).await?;
    } else if signup.state == SignupState::Unfinished && !is_retried && !is_same {
        announce(&mut tx, &signup, "signup_unfinished", Some(&after), now).await?;
    }
    tx.commit().await?;
    Err(error)
}

/// Marks a signup of which there is no token as unfinished, and announces it.
pub(super) async fn begin_unfinished(
    tx: &mut Tx,
    id: SignupId,
    error: &FlowError,
    now: Timestamp,
) -> Result<(), store::Error> {
    let Some(mut signup) = signups::find(tx, id).await? else { return Ok(()) };
    let reason = StoredError::new(error, false, now);
    signup.state = SignupState::Unfinished;
    signup.error = Some(reason.to_json());
    signups::update(tx, &signup, now).await?;
    announce(tx, &signup, "signup_unfinished", Some(&reason), now).await
}

/// Ends an unfinished signup: destroys its token and announces it. Returns false for a signup in any other state.
pub(super) async fn end(app: &App, id: SignupId, error: &FlowError) -> Result<bool, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let Some(mut signup) = signups::find(&mut tx, id).await? else { return Ok(false) };
    if signup.state != SignupState::Unfinished || !signups::claim(&mut tx, &signup, now).await? {
        return Ok(false);
    }
    let reason = StoredError::new(error, false, now);
    signup.state = SignupState::Failed;
    signup.error = Some(reason.to_json());
    signups::drop_token(&mut tx, id).await?;
    signups::update(&mut tx, &signup, now).await?;
    announce(&mut tx, &signup, "signup_failed", Some(&reason), now).await?;
    tx.commit().await?;
    Ok(true)
}

/// When the kept token of an unfinished signup is destroyed.
pub fn expires_at(app: &App, signup: &Signup) -> Timestamp {
    signup.created_at + app.config.retention.unfinished_signup()
}

async fn announce(
    tx: &mut Tx,
    signup: &Signup,
    kind: &str,
    error: Option<&StoredError>,
    at: Timestamp,
) -> Result<(), store::Error> {
    let args = json!({ "signup": signup.id.to_string(), "reason": error.map(|it| it.code.as_str()),
        "text": error.map(|it| it.text.as_str()), "next_step": error.map(|it| it.next_step().into_str()) });
    let (account_id, channel_id) = (signup.account_id, signup.channel_id);
    announcements::publish(tx, &NewAnnouncement { account_id, channel_id, kind: kind.to_owned(), args, at }).await
}

fn is_uncertain(error: &FlowError) -> bool {
    match error {
        FlowError::Meta(failure) => failure.is_uncertain(),
        FlowError::Store(_) => true,
        FlowError::ChannelExists { .. } | FlowError::Refused { .. } => false,
    }
}

/// Whether the token can never be used, whatever else is sent.
fn is_of_no_use(error: &FlowError) -> bool {
    match error {
        FlowError::Refused { code, .. } => *code == Refusal::ForeignApp,
        FlowError::Meta(Failure { kind, .. }) => *kind == FailureKind::TokenDead,
        FlowError::Store(_) | FlowError::ChannelExists { .. } => false,
    }
}
