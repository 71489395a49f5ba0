//! A signup whose browser never came back: Meta's webhook says that a WABA was shared with the app, and its
//! token is fetched with the installation's system token (facts §1.2, §3.4, §4.3).

use domain::channel::{Channel, Onboarding};
use domain::ids::{AccountId, BusinessId, WabaId};
use domain::meta::failure::Failure;
use jiff::SignedDuration;
use secrecy::SecretString;

use super::connect::connect_and_set_up;
use super::progress::{GIVE_UP_AFTER, fail, store_token};
use crate::App;
use crate::flows::number::owner;
use crate::flows::{FlowError, Next, Refusal};
use crate::runtime::clock::random_token;
use crate::store::ids::SignupId;
use crate::store::signups::{NewSignup, Signup};
use crate::store::{Tx, accounts, channels, signups};

/// How long the browser is waited for before its signup is recovered without it.
const BROWSER_TIME: SignedDuration = SignedDuration::from_mins(2);

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

/// The job that `PARTNER_ADDED` enqueues: connects the numbers of a WABA whose signup never came.
pub async fn adopt_shared_waba(app: &App, waba: &WabaId) -> Result<Next, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let owner = owner::named_by_meta(&mut tx, waba).await?;
    let waiting = signups::waiting(&mut tx, waba).await?;
    let members = channels::list_by_waba(&mut tx, waba).await?;
    let account = owning_account(&mut tx, &waiting, &members).await?;
    drop(tx);
    // its browser may still finish
    if let Some(signup) = waiting.iter().find(|s| now < s.updated_at + BROWSER_TIME) {
        return Ok(Next::At(signup.updated_at + BROWSER_TIME));
    }
    let (Some(system_token), Some(owner)) = (&app.config.meta.system_user_token, owner) else {
        tracing::warn!(%waba, "a WABA was shared and no signup came; without meta.system_user_token its numbers cannot be connected");
        return Ok(Next::Done);
    };
    let Some(account) = account else {
        tracing::warn!(%waba, "a WABA was shared and its account is not known");
        return Ok(Next::Done);
    };
    let token = app.graph.refetch_business_token(&owner, system_token).await?;
    let listed = app.graph.on(waba, &token).numbers().await?;
    for row in listed {
        let Some(number) = row.id.filter(|id| !members.iter().any(|m| m.phone_number_id == *id)) else { continue };
        let new = NewSignup {
            account_id: account,
            inbox_id: None,
            onboarding: if row.is_on_biz_app == Some(true) { Onboarding::Coexistence } else { Onboarding::Standard },
            waba_id: Some(waba.clone()),
            phone_number_id: Some(number),
            business_id: Some(owner.clone()),
            code: random_token(24),
        };
        adopt_number(app, &new, &token).await?;
    }
    Ok(Next::Done)
}

async fn adopt_number(app: &App, new: &NewSignup, token: &SecretString) -> Result<(), FlowError> {
    let mut tx = app.store.write().await?;
    let id = signups::insert(&mut tx, new, app.clock.now()).await?;
    tx.commit().await?;
    store_token(app, id, token, None).await?;
    tracing::info!(signup = %id, give_up_after = %GIVE_UP_AFTER, "a shared WABA is connected without its browser");
    match connect_and_set_up(app, id).await {
        // a channel that exists was connected by its browser meanwhile
        Ok(_) | Err(FlowError::Refused { code: Refusal::ChannelExists, .. }) => Ok(()),
        Err(error) => Err(error),
    }
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
