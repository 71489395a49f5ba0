//! The writes that move a persisted signup from one state to the next.
//! A crash between two of them is resumed from here.

use domain::signup::SignupState;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;

use crate::App;
use crate::flows::FlowError;
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::ids::SignupId;
use crate::store::{Tx, signups};

/// How long after it began an interrupted signup is tried again.
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
    set_state(&mut tx, id, SignupState::Exchanged, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn set_state(tx: &mut Tx, id: SignupId, state: SignupState, now: Timestamp) -> Result<(), FlowError> {
    if let Some(mut signup) = signups::find(tx, id).await? {
        signup.state = state;
        signups::update(tx, &signup, now).await?;
    }
    Ok(())
}

/// Marks a signup whose set-up ran.
pub(super) async fn finish(app: &App, id: SignupId) -> Result<(), FlowError> {
    reached(Failpoint::SetupDone);
    let mut tx = app.store.write().await?;
    set_state(&mut tx, id, SignupState::Done, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// Stores why a signup failed, and returns the same error. An uncertain failure of Meta leaves the signup
/// in its state, to be resumed; any other ends it and deletes its token.
pub(super) async fn fail<T>(app: &App, id: SignupId, error: FlowError) -> Result<T, FlowError> {
    let is_uncertain = matches!(&error, FlowError::Meta(failure) if failure.is_uncertain());
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if let Some(mut signup) = signups::find(&mut tx, id).await? {
        signup.error = Some(json!({ "text": error.to_string(), "at": now.to_string() }));
        if !is_uncertain {
            signup.state = SignupState::Failed;
            signups::drop_token(&mut tx, id).await?;
        }
        signups::update(&mut tx, &signup, now).await?;
    }
    tx.commit().await?;
    Err(error)
}
