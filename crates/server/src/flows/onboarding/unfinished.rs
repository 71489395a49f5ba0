//! Unfinished signups in the hands of people: one is continued with what it lacked, another of the numbers that it saw
//! is connected, or it is revoked. Checks no permission: API and command line do that before they call.

use std::collections::BTreeSet;

use domain::ids::{ChannelId, PhoneNumberId, WabaId};
use domain::signup::{NextStep, SignupRoute, SignupState};

use super::outcome::{SignedUp, SignupRefused, answer_of_another, outcome, stored_answer};
use super::progress::{RESUME_AFTER, end, store_token};
use super::signup::{claim_unfinished, connect_in_time, deadline};
use super::stored_error::StoredError;
use crate::App;
use crate::flows::number::record::NumberRecord;
use crate::flows::queue::{Job, enqueue};
use crate::flows::{FlowError, Refusal};
use crate::runtime::clock::random_token;
use crate::store::signups::{NewSignup, NotChosenNumber, Signup};
use crate::store::{self, Tx, channels, signups};

/// What a person adds to a signup; what is `None` stays as it was.
#[derive(Debug, Clone, Default)]
pub struct Addition {
    pub waba_id: Option<WabaId>,
    pub phone_number_id: Option<PhoneNumberId>,
    /// The inbox to re-authorise.
    pub inbox_id: Option<ChannelId>,
}

/// Continues a signup. With a number that a finished signup saw and did not choose, it connects that number by a new
/// signup of its own.
pub async fn continue_with(app: &App, signup: &Signup, added: Addition) -> Result<SignedUp, SignupRefused> {
    let refuse = |error: FlowError| SignupRefused::of(signup.id, error);
    match signup.state {
        SignupState::Unfinished => {}
        SignupState::New | SignupState::Exchanged | SignupState::Connected => {
            return answer_of_another(app, signup.id, deadline(app)).await;
        }
        SignupState::Done => {
            let another = added.phone_number_id.as_ref();
            return match another.and_then(|id| signup.seen.iter().find(|seen| seen.phone_number_id == *id)) {
                Some(number) => connect_another(app, signup, number, added.inbox_id).await,
                None => Ok(outcome(app, signup.id, None, false).await?),
            };
        }
        SignupState::Failed => return stored_answer(app, signup).await.unwrap_or_else(|| Err(refuse(ended()))),
    }
    if let Some(stored) = StoredError::of(signup).filter(|stored| stored.next_step() == NextStep::SignUpAgain) {
        return Err(refuse(stored.into_error()));
    }
    let mut again = signup.clone();
    let seen = added.phone_number_id.as_ref().and_then(|id| signup.seen.iter().find(|it| it.phone_number_id == *id));
    let waba_of_number = seen.map(|number| number.waba_id.clone());
    again.waba_id = added.waba_id.or(waba_of_number).or(again.waba_id);
    again.phone_number_id = added.phone_number_id.or(again.phone_number_id);
    again.inbox_id = added.inbox_id.or(again.inbox_id);
    again.route = SignupRoute::Own;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    check_inbox(&mut tx, &again).await.map_err(refuse)?;
    let is_mine = claim_unfinished(&mut tx, again, now).await?;
    tx.commit().await?;
    if is_mine { connect_in_time(app, signup.id).await } else { answer_of_another(app, signup.id, deadline(app)).await }
}

async fn check_inbox(tx: &mut Tx, signup: &Signup) -> Result<(), FlowError> {
    let Some(inbox) = signup.inbox_id else { return Ok(()) };
    let known = channels::find_in_account(tx, signup.account_id, inbox).await?;
    known.map(|_| ()).ok_or_else(|| FlowError::refused(Refusal::NotFound, "Resource could not be found"))
}

/// Connects another number of a finished signup, with the token that its channel has now.
async fn connect_another(
    app: &App,
    done: &Signup,
    number: &NotChosenNumber,
    inbox_id: Option<ChannelId>,
) -> Result<SignedUp, SignupRefused> {
    let record = match done.channel_id {
        Some(channel) => NumberRecord::load(app, channel).await?,
        None => None,
    };
    let credentials = record.ok_or_else(|| SignupRefused::of(done.id, ended()))?.credentials;
    let new = NewSignup {
        account_id: done.account_id,
        inbox_id,
        route: SignupRoute::Own,
        onboarding: done.onboarding,
        waba_id: Some(number.waba_id.clone()),
        phone_number_id: Some(number.phone_number_id.clone()),
        business_id: done.business_id.clone(),
        code: random_token(24),
    };
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let id = signups::insert(&mut tx, &new, now).await?;
    enqueue(&mut tx, &Job::Signup(id.0), now + RESUME_AFTER);
    tx.commit().await?;
    store_token(app, id, &credentials.access_token, credentials.token_expires_at).await?;
    connect_in_time(app, id).await
}

/// The numbers that a signup saw and did not choose, and that no channel of the installation has by now.
pub async fn not_connected(tx: &mut Tx, signup: &Signup) -> Result<Vec<NotChosenNumber>, store::Error> {
    let wabas: BTreeSet<&WabaId> = signup.seen.iter().map(|number| &number.waba_id).collect();
    let mut connected = BTreeSet::new();
    for waba in wabas {
        connected.extend(channels::list_by_waba(tx, waba).await?.into_iter().map(|channel| channel.phone_number_id));
    }
    Ok(signup.seen.iter().filter(|number| !connected.contains(&number.phone_number_id)).cloned().collect())
}

/// Revokes an unfinished signup and destroys its token. A signup that ended or that is worked on is refused.
pub async fn revoke(app: &App, signup: &Signup) -> Result<(), FlowError> {
    let reason = FlowError::refused(Refusal::SignupRevoked, "The signup was revoked, and its token was destroyed");
    if end(app, signup.id, &reason).await? || signup.state == SignupState::Failed {
        return Ok(());
    }
    Err(FlowError::refused(Refusal::NotNow, "Only an unfinished signup can be revoked; delete the inbox instead"))
}

fn ended() -> FlowError {
    FlowError::refused(Refusal::NotNow, "The signup has ended; open the signup again")
}
