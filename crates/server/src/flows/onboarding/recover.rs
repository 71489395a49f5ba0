//! A signup whose browser never came back: Meta's webhook says that a WABA was shared with the app, and its
//! token is fetched with the installation's system token (facts §1.2, §3.4, §4.3).

use domain::channel::{Channel, Onboarding};
use domain::ids::{AccountId, BusinessId, WabaId};
use domain::meta::failure::Failure;
use domain::meta::reading::NumberReading;
use domain::signup::{SignupRoute, SignupState};
use jiff::SignedDuration;
use secrecy::SecretString;

use super::connect::{connect_and_set_up, refuse_foreign};
use super::progress::{RESUME_AFTER, begin_unfinished, fail, store_token};
use crate::App;
use crate::flows::number::owner;
use crate::flows::queue::{Job, enqueue};
use crate::flows::{FlowError, Next, Refusal};
use crate::runtime::clock::random_token;
use crate::store::ids::SignupId;
use crate::store::signups::{NewSignup, Signup};
use crate::store::{Tx, accounts, channels, signups};

/// How long the browser is waited for before its signup is recovered without it.
const BROWSER_TIME: SignedDuration = SignedDuration::from_mins(2);

/// A signup for the same WABA that began within this time is the one that Meta's webhook reports.
const RECENT: SignedDuration = SignedDuration::from_mins(30);

/// Recovers a signup whose repeated code is spent: the interrupted exchange spent it. Where the signup cannot
/// be recovered, Meta's refusal of the code is the answer.
pub(super) async fn recover_after_spent_code(
    app: &App,
    id: SignupId,
    spent: Failure,
) -> Result<Option<String>, FlowError> {
    let mut tx = app.store.read().await?;
    let signup = signups::find(&mut tx, id).await?;
    drop(tx);
    let Some(signup) = signup else { return Err(spent.into()) };
    match recover_token(app, &signup).await {
        Err(FlowError::Refused { code: Refusal::NotNow, .. }) => fail(app, id, spent.into()).await,
        done => done,
    }
}

/// Fetches a token for a signup whose code was lost, then connects and sets up its channel.
pub(super) async fn recover_token(app: &App, signup: &Signup) -> Result<Option<String>, FlowError> {
    let (Some(system_token), Some(business)) = (&app.config.meta.system_user_token, &signup.business_id) else {
        return Err(FlowError::refused(
            Refusal::NotNow,
            "The signup was cut short before its code was exchanged; open the signup again",
        ));
    };
    if !owner_is_proved(app, signup, business).await? {
        return Err(FlowError::refused(
            Refusal::NotNow,
            "The signup was cut short before its code was exchanged and nothing else proves whose it is; open it again",
        ));
    }
    let token = app.graph.refetch_business_token(business, system_token).await?;
    let info = app.graph.debug_token(&token).await?;
    refuse_foreign(app, &info)?;
    store_token(app, signup.id, &token, info.expires_at).await?;
    connect_and_set_up(app, signup.id).await
}

/// Whether a claimed portfolio may be used. Only the code proves whose a signup is; portfolio and WABA are
/// claims of a browser. With several accounts, Meta must have named that portfolio as the WABA's owner, and
/// no other account may have a number of the WABA or wait for one: else one could claim another's.
async fn owner_is_proved(app: &App, signup: &Signup, business: &BusinessId) -> Result<bool, FlowError> {
    let mut tx = app.store.read().await?;
    if accounts::list(&mut tx).await?.len() == 1 {
        return Ok(true);
    }
    let Some(waba) = &signup.waba_id else { return Ok(false) };
    let owner = owner::named_by_meta(&mut tx, waba).await?;
    let waiting = signups::waiting(&mut tx, waba).await?;
    let members = channels::list_by_waba(&mut tx, waba).await?;
    let is_alone = claimants(&waiting, &members).all(|account| account == signup.account_id);
    Ok(is_alone && owner.as_ref() == Some(business))
}

fn claimants<'a>(waiting: &'a [Signup], members: &'a [Channel]) -> impl Iterator<Item = AccountId> + 'a {
    waiting.iter().map(|signup| signup.account_id).chain(members.iter().map(|member| member.account_id))
}

/// The job that `PARTNER_ADDED` enqueues: makes up for a signup whose browser never came back. It takes the WABA's only
/// number; of several it chooses none, and asks. Where a browser came back, there is nothing to make up for.
pub async fn adopt_shared_waba(app: &App, waba: &WabaId) -> Result<Next, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let recent = signups::since(&mut tx, now - RECENT).await?;
    let owner = owner::named_by_meta(&mut tx, waba).await?;
    let waiting = signups::waiting(&mut tx, waba).await?;
    let members = channels::list_by_waba(&mut tx, waba).await?;
    let account = owning_account(&mut tx, &waiting, &members).await?;
    drop(tx);
    let of_browser = || recent.iter().filter(|signup| signup.route != SignupRoute::Recovered);
    if of_browser().any(|signup| came_back(signup, waba)) || waiting.iter().any(is_unfinished) {
        return Ok(Next::Done);
    }
    // its browser may still finish, or may be about to name this WABA
    let is_begun = |signup: &&Signup| {
        matches!(signup.state, SignupState::New | SignupState::Exchanged)
            && signup.waba_id.as_ref().is_none_or(|named| named == waba)
            && now < signup.updated_at + BROWSER_TIME
    };
    if let Some(signup) = of_browser().chain(&waiting).find(is_begun) {
        return Ok(Next::At(signup.updated_at + BROWSER_TIME));
    }
    let Some(account) = account else {
        tracing::warn!(%waba, "a WABA was shared, no signup came, and its account is not known");
        return Ok(Next::Done);
    };
    let mut new = NewSignup {
        account_id: account,
        inbox_id: None,
        route: SignupRoute::Recovered,
        onboarding: Onboarding::Standard,
        waba_id: Some(waba.clone()),
        phone_number_id: None,
        business_id: owner.clone(),
        code: random_token(24),
    };
    let (Some(system_token), Some(owner)) = (&app.config.meta.system_user_token, owner) else {
        let text = format!(
            "WABA {waba} was shared and its browser did not return; without meta.system_user_token its numbers cannot be \
             read: open the signup again"
        );
        list_without_token(app, &new, FlowError::refused(Refusal::BrowserLost, text)).await?;
        return Ok(Next::Done);
    };
    let token = app.graph.refetch_business_token(&owner, system_token).await?;
    let listed = app.graph.on(waba, &token).numbers().await?;
    let is_known = |row: &NumberReading| members.iter().any(|member| row.id.as_ref() == Some(&member.phone_number_id));
    if !listed.is_empty() && listed.iter().all(is_known) {
        return Ok(Next::Done);
    }
    if listed.iter().any(|row| row.is_on_biz_app == Some(true)) {
        new.onboarding = Onboarding::Coexistence;
    }
    adopt(app, &new, &token).await?;
    Ok(Next::Done)
}

/// Whether a signup's browser came back for a WABA: Meta confirmed that its token reaches it. A signup that failed proves
/// nothing; what it named is a claim.
fn came_back(signup: &Signup, waba: &WabaId) -> bool {
    let is_confirmed = matches!(signup.state, SignupState::Connected | SignupState::Done | SignupState::Unfinished);
    let is_about = signup.waba_id.as_ref() == Some(waba) || signup.seen.iter().any(|number| number.waba_id == *waba);
    is_confirmed && is_about
}

fn is_unfinished(signup: &Signup) -> bool {
    signup.state == SignupState::Unfinished
}

/// Begins the signup without its browser. From then on it is resumed like any other.
async fn adopt(app: &App, new: &NewSignup, token: &SecretString) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let id = signups::insert(&mut tx, new, now).await?;
    enqueue(&mut tx, &Job::Signup(id.0), now + RESUME_AFTER);
    tx.commit().await?;
    store_token(app, id, token, None).await?;
    match connect_and_set_up(app, id).await {
        Ok(_) => tracing::info!(signup = %id, "a shared WABA was connected without its browser"),
        Err(error) => tracing::warn!(signup = %id, %error, "a shared WABA could not be connected without its browser"),
    }
    Ok(())
}

/// Lists a signup of which there is no token, so that its owner is asked to open it again.
async fn list_without_token(app: &App, new: &NewSignup, reason: FlowError) -> Result<(), FlowError> {
    let now = app.clock.now();
    tracing::warn!("{reason}");
    let mut tx = app.store.write().await?;
    let id = signups::insert(&mut tx, new, now).await?;
    begin_unfinished(&mut tx, id, &reason, now).await?;
    enqueue(&mut tx, &Job::Signup(id.0), now + RESUME_AFTER);
    tx.commit().await?;
    Ok(())
}

/// The account that owns a WABA: that of waiting signups and connected numbers where they agree, or the only one.
async fn owning_account(tx: &mut Tx, waiting: &[Signup], members: &[Channel]) -> Result<Option<AccountId>, FlowError> {
    let mut named = claimants(waiting, members);
    if let Some(account) = named.next() {
        return Ok(named.all(|other| other == account).then_some(account));
    }
    let accounts = accounts::list(tx).await?;
    Ok(match accounts.as_slice() {
        [only] => Some(only.id),
        _ => None,
    })
}
