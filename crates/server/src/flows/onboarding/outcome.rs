//! The answer to a signup: what its row and its channel say when the work ended, or when the deadline passed. Writes
//! nothing.

use std::time::Duration;

use domain::channel::Channel;
use domain::signup::SignupState;

use super::stored_error::StoredError;
use crate::App;
use crate::flows::FlowError;
use crate::flows::number::record::{NumberRecord, RegistrationState};
use crate::flows::number::view::view;
use crate::store::ids::SignupId;
use crate::store::signups::{self, Signup};

/// How often a request looks whether another request finished the same signup.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

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

/// The reason why a signup was refused, and the row that keeps what there is of it.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct SignupRefused {
    pub error: FlowError,
    /// `None` where nothing was stored.
    pub signup_id: Option<SignupId>,
}

impl<E: Into<FlowError>> From<E> for SignupRefused {
    fn from(error: E) -> Self {
        Self { error: error.into(), signup_id: None }
    }
}

impl SignupRefused {
    pub(super) fn of(signup_id: SignupId, error: impl Into<FlowError>) -> Self {
        Self { error: error.into(), signup_id: Some(signup_id) }
    }
}

/// The answer from what is stored now.
pub(super) async fn outcome(
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

/// The answer of a signup on which another request works: waits for its end, at most until the deadline.
pub(super) async fn answer_of_another(app: &App, id: SignupId, deadline: Duration) -> Result<SignedUp, SignupRefused> {
    let ended = async {
        loop {
            let mut tx = app.store.read().await?;
            let signup = signups::find(&mut tx, id).await?;
            drop(tx);
            match signup {
                None => return outcome(app, id, None, false).await.map_err(|error| SignupRefused::of(id, error)),
                Some(signup) => {
                    if let Some(answer) = stored_answer(app, &signup).await {
                        return answer;
                    }
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    match tokio::time::timeout(deadline, ended).await {
        Ok(answer) => answer,
        Err(_) => outcome(app, id, None, true).await.map_err(|error| SignupRefused::of(id, error)),
    }
}

/// The answer that the first request got; `None` while it is not known.
pub(super) async fn stored_answer(app: &App, signup: &Signup) -> Option<Result<SignedUp, SignupRefused>> {
    let id = signup.id;
    let refused = || StoredError::of(signup).map(|stored| Err(SignupRefused::of(id, stored.into_error())));
    match signup.state {
        SignupState::New | SignupState::Unfinished | SignupState::Failed => refused(),
        SignupState::Exchanged | SignupState::Connected => None,
        SignupState::Done => Some(outcome(app, id, None, false).await.map_err(|error| SignupRefused::of(id, error))),
    }
}
