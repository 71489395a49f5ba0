//! Embedded signup: a code becomes a token, a number, a channel, and a channel set up at Meta.
//!
//! The token is stored before anything else is done with it. What a crash interrupts goes on from
//! the signup's row; what its browser never finished is begun by Meta's `PARTNER_ADDED`.

use std::time::Duration;

use domain::channel::{Channel, Onboarding, first_inbox_name};
use domain::graph::Failure;
use domain::ids::{AccountId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use domain::reading::NumberReading;
use domain::registration::{Caller, ChangeKind, Source};
use domain::signup::Handover;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use uuid::Uuid;

use super::setup::{self, Before};
use super::{FlowError, Next, Refusal, facts, registration};
use crate::App;
use crate::clock::random_token;
use crate::jobs::{Job, poke};
use crate::killpoint::{KillPoint, reached};
use crate::store::channels::{NewChannel, Reauthorization};
use crate::store::signups::{NewSignup, Signup};
use crate::store::ids::SignupId;
use crate::store::{self, Conflict, Tx, channels, numbers, signups};

mod shared;

pub use shared::shared;
pub(crate) use shared::owner_key as shared_owner_key;

/// A signup's states, as they stand in its row.
pub mod state {
    /// Written down, the code not exchanged.
    pub const NEW: &str = "new";
    /// The token is stored.
    pub const EXCHANGED: &str = "exchanged";
    /// The channel exists.
    pub const CONNECTED: &str = "connected";
    /// Set-up ran.
    pub const DONE: &str = "done";
    /// It ended without a channel.
    pub const FAILED: &str = "failed";
}

/// How long after its last step an interrupted signup is taken up again.
const TAKE_UP_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// A code whose exchange was cut short may be sent again once the exchange cannot be under way any
/// more; Meta decides whether it was used.
const SAME_CODE_AFTER: SignedDuration = SignedDuration::from_secs(12);

/// How long an interrupted signup is tried.
const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// A signup to be run.
#[derive(Debug)]
pub struct Request {
    /// For which account.
    pub account_id: AccountId,
    /// The browser's code: 30 seconds, single use (facts §1.1).
    pub code: SecretString,
    /// What the browser named; claims until Meta confirms them.
    pub handover: Handover,
    /// Which inbox is to be re-authorised (E6); `None` makes a new one (E5).
    pub inbox_id: Option<ChannelId>,
}

/// What a signup came to.
#[derive(Debug, Clone)]
pub struct SignedUp {
    /// Its row; goes on behind where `in_progress`.
    pub signup_id: SignupId,
    /// The channel; `None` only while Meta is still being asked for its number.
    pub channel: Option<Channel>,
    /// An existing inbox was re-authorised.
    pub reauthorized: bool,
    /// Where its registration stands; `None` without a channel.
    pub state: Option<registration::State>,
    /// W8: why the webhooks are not set up; retried by itself.
    pub webhook_error: Option<String>,
    /// E8: the number is still pending at Meta.
    pub reauthorization_required: bool,
    /// It did not end in time and goes on behind.
    pub in_progress: bool,
}

/// Runs a signup; what is not done within the deadline goes on behind.
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
    let id = write_down(app, &request).await?;
    reached(KillPoint::SignupWritten);
    // a task of its own: a client that hangs up does not end a signup half way
    let work = app.tasks.spawn({
        let app = app.clone();
        async move { exchange_and_go_on(&app, id, &request.code).await }
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

async fn write_down(app: &App, request: &Request) -> Result<SignupId, FlowError> {
    let now = app.clock.now();
    let Handover { waba_id, phone_number_id, business_id, is_coexistence } = &request.handover;
    let mut tx = app.store.write().await?;
    if let Some(inbox) = request.inbox_id {
        let known = channels::find_in_account(&mut tx, request.account_id, inbox).await?;
        known.ok_or_else(|| FlowError::refused(Refusal::NotFound, "Resource could not be found"))?;
    }
    // a signup that was cut short before its code was exchanged may be sent again
    if let Some(before) = signups::find_by_code(&mut tx, &request.code).await? {
        let is_idle = now >= before.updated_at + SAME_CODE_AFTER;
        if before.state == state::NEW && before.account_id == request.account_id && is_idle {
            return Ok(before.id);
        }
        return Err(replayed());
    }
    let new = NewSignup {
        account_id: request.account_id,
        inbox_id: request.inbox_id,
        state: state::NEW.to_owned(),
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
    poke(&mut tx, &Job::Signup(id.0), now + TAKE_UP_AFTER).await?;
    tx.commit().await?;
    Ok(id)
}

fn replayed() -> FlowError {
    FlowError::refused(
        Refusal::CodeReplayed,
        "This authorization code was used before. Codes work once, for 30 seconds: open the signup again.",
    )
}

/// Exchanges the code and keeps the token before anything else is done with it.
async fn exchange_and_go_on(app: &App, id: SignupId, code: &SecretString) -> Result<Option<String>, FlowError> {
    let token = match app.graph.exchange_code(code).await {
        Ok(token) => token,
        Err(failure) => return fail(app, id, failure.into()).await,
    };
    reached(KillPoint::CodeExchanged);
    let now = app.clock.now();
    keep_token(app, id, &token.access_token, token.expires_in.map(|life| now + life)).await?;
    reached(KillPoint::TokenStored);
    go_on(app, id).await
}

async fn keep_token(
    app: &App,
    id: SignupId,
    token: &SecretString,
    expires_at: Option<Timestamp>,
) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    signups::set_token(&mut tx, id, token, expires_at, now).await?;
    move_to(&mut tx, id, state::EXCHANGED, now).await?;
    tx.commit().await?;
    Ok(())
}

async fn move_to(tx: &mut Tx, id: SignupId, state: &str, now: Timestamp) -> Result<(), FlowError> {
    if let Some(mut signup) = signups::find(tx, id).await? {
        state.clone_into(&mut signup.state);
        signups::update(tx, &signup, now).await?;
    }
    Ok(())
}

/// From the stored token to a channel that is set up; what went wrong with its webhooks is `Some`.
async fn go_on(app: &App, id: SignupId) -> Result<Option<String>, FlowError> {
    match connect(app, id).await {
        Ok((channel, before)) => set_up(app, id, channel, before).await,
        Err(error) => fail(app, id, error).await,
    }
}

async fn set_up(app: &App, id: SignupId, channel: ChannelId, before: Before) -> Result<Option<String>, FlowError> {
    let done = setup::run(app, Some(channel), before).await?;
    finish(app, id).await?;
    Ok(done.webhook_error)
}

async fn finish(app: &App, id: SignupId) -> Result<(), FlowError> {
    reached(KillPoint::SetupDone);
    let mut tx = app.store.write().await?;
    move_to(&mut tx, id, state::DONE, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// E3, E4: reads the account with the new token, chooses the number, makes or re-authorises the
/// channel. One round of reads side by side.
async fn connect(app: &App, id: SignupId) -> Result<(ChannelId, Before), FlowError> {
    let mut tx = app.store.read().await?;
    let signup = signups::find(&mut tx, id).await?;
    let token = signups::token(&mut tx, id).await?;
    drop(tx);
    let (Some(mut signup), Some((token, expires_at))) = (signup, token) else {
        return Err(FlowError::Meta(Failure::unanswered("the signup's token is gone; open the signup again")));
    };
    let waba = match &signup.waba_id {
        Some(waba) => waba.clone(),
        None => newest_waba(app, &token).await?,
    };
    signup.waba_id = Some(waba.clone());
    let (listed, before) = read_account(app, &waba, &token, signup.phone_number_id.as_ref()).await;
    let listed = listed.map_err(|failure| no_access(failure, &waba))?;
    let row = choose(app, &signup, &waba, &listed).await?;
    let before = before.unwrap_or_else(|apps| Before {
        verification: Ok(row.code_verification.clone()),
        health: Ok(row.clone()),
        apps,
    });
    reached(KillPoint::NumbersRead);
    let channel = make_channel(app, &mut signup, &row, token, expires_at).await?;
    reached(KillPoint::ChannelCreated);
    Ok((channel, before))
}

/// The code alone came: the token says which accounts it reaches, the latest first (facts §1.3).
async fn newest_waba(app: &App, token: &SecretString) -> Result<WabaId, FlowError> {
    let info = app.graph.debug_token(token).await?;
    let newest = info.waba_ids.and_then(|ids| ids.into_iter().next());
    newest.ok_or_else(|| {
        FlowError::refused(
            Refusal::NoAccessToWaba,
            "The token names no WhatsApp Business Account; send waba_id along with the code",
        )
    })
}

type Listed = Result<Vec<NumberReading>, Failure>;

/// Everything set-up needs, side by side. Without a number's id its own two reads are not made: the
/// account's list answers both (`Err` carries the subscriptions that were read).
async fn read_account(
    app: &App,
    waba: &WabaId,
    token: &SecretString,
    number: Option<&PhoneNumberId>,
) -> (Listed, Result<Before, Option<Vec<domain::reading::SubscribedApp>>>) {
    let account = app.graph.on(waba, token);
    let Some(number) = number else {
        let (listed, apps) = tokio::join!(account.numbers(), account.subscribed_apps());
        return (listed, Err(apps.ok()));
    };
    let (listed, verification, health, apps) = tokio::join!(
        account.numbers(),
        account.code_verification(number),
        account.number(number),
        account.subscribed_apps()
    );
    (listed, Ok(Before { verification, health, apps: apps.ok() }))
}

fn no_access(failure: Failure, waba: &WabaId) -> FlowError {
    if failure.is_access() {
        FlowError::refused(Refusal::NoAccessToWaba, format!("Token does not have access to WABA {waba}"))
    } else {
        failure.into()
    }
}

/// E3: the number that was asked for, never another; where none was asked for, the one that is being
/// re-authorised, or the account's first.
async fn choose(
    app: &App,
    signup: &Signup,
    waba: &WabaId,
    listed: &[NumberReading],
) -> Result<NumberReading, FlowError> {
    let expected = match signup.inbox_id {
        Some(inbox) => {
            let mut tx = app.store.read().await?;
            channels::find_in_account(&mut tx, signup.account_id, inbox).await?
        }
        None => None,
    };
    let asked_for = signup.phone_number_id.as_ref();
    let by_id = |id: &PhoneNumberId| listed.iter().find(|row| row.id.as_ref() == Some(id));
    let row = match (asked_for, &expected) {
        (Some(id), _) => by_id(id),
        (None, Some(channel)) => by_id(&channel.phone_number_id).or_else(|| listed.first()),
        (None, None) => listed.first(),
    };
    row.cloned().ok_or_else(|| {
        let text = if asked_for.is_some() {
            format!("No matching phone number found for WABA {waba}")
        } else {
            format!("No phone numbers found for WABA {waba}")
        };
        FlowError::refused(Refusal::NoSuchNumber, text)
    })
}

/// E5, E6, A2, A3: one transaction makes the channel and everything a crash after it needs.
async fn make_channel(
    app: &App,
    signup: &mut Signup,
    row: &NumberReading,
    token: SecretString,
    expires_at: Option<Timestamp>,
) -> Result<ChannelId, FlowError> {
    let number = row.id.clone().ok_or_else(|| unreadable("its id"))?;
    let phone = E164::parse(row.display_phone_number.as_deref().unwrap_or_default())
        .map_err(|error| unreadable(&error.to_string()))?;
    let waba = signup.waba_id.clone().unwrap_or(WabaId(String::new()));
    if row.reads_as_coexistence() {
        signup.onboarding = Onboarding::Coexistence;
    }
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let id = match signup.inbox_id {
        Some(inbox) => {
            let new = Reauthorization {
                access_token: token,
                token_expires_at: expires_at,
                waba_id: waba,
                phone_number_id: number.clone(),
                business_id: signup.business_id.clone(),
                onboarding: signup.onboarding,
            };
            reauthorize(&mut tx, signup.account_id, inbox, &phone, &new, now).await?
        }
        None => {
            let business_name = row.verified_name.clone().filter(|name| !name.trim().is_empty());
            let new = NewChannel {
                account_id: signup.account_id,
                name: first_inbox_name(&business_name.unwrap_or_else(|| phone.to_string())),
                phone_number: phone.clone(),
                phone_number_id: number.clone(),
                waba_id: waba,
                business_id: signup.business_id.clone(),
                onboarding: signup.onboarding,
                access_token: token,
                token_expires_at: expires_at,
                verify_token: random_token(24),
                created_at: now,
            };
            insert(&mut tx, &new).await?
        }
    };
    signup.channel_id = Some(id);
    signup.phone_number_id = Some(number);
    state::CONNECTED.clone_into(&mut signup.state);
    signups::update(&mut tx, signup, now).await?;
    signups::drop_token(&mut tx, signup.id).await?;
    tx.commit().await?;
    Ok(id)
}

fn unreadable(what: &str) -> FlowError {
    FlowError::Meta(Failure::unanswered(format!("Meta's description of the number cannot be used: {what}")))
}

async fn insert(tx: &mut Tx, new: &NewChannel) -> Result<ChannelId, FlowError> {
    match channels::insert(tx, new).await {
        Ok(id) => Ok(id),
        Err(store::Error::Conflict(Conflict::PhoneNumber | Conflict::PhoneNumberId)) => {
            let text = format!("Channel already exists: {}", new.phone_number);
            Err(FlowError::refused(Refusal::ChannelExists, text))
        }
        Err(error) => Err(error.into()),
    }
}

async fn reauthorize(
    tx: &mut Tx,
    account: AccountId,
    inbox: ChannelId,
    phone: &E164,
    new: &Reauthorization,
    now: Timestamp,
) -> Result<ChannelId, FlowError> {
    let channel = channels::find_in_account(tx, account, inbox).await?;
    let channel = channel.ok_or_else(|| FlowError::refused(Refusal::NotFound, "Resource could not be found"))?;
    if channel.phone_number != *phone {
        let text = format!("Phone number mismatch. Expected {}, got {phone}", channel.phone_number);
        return Err(FlowError::refused(Refusal::PhoneNumberMismatch, text));
    }
    channels::reauthorize(tx, inbox, new, now).await?;
    numbers::note_changes(tx, &new.phone_number_id, &[ChangeKind::NewToken], now, Source::Person).await?;
    Ok(inbox)
}

/// Writes a failure down. One that passes leaves the signup to be taken up again.
async fn fail<T>(app: &App, id: SignupId, error: FlowError) -> Result<T, FlowError> {
    let passes = matches!(&error, FlowError::Meta(failure) if failure.is_uncertain());
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if let Some(mut signup) = signups::find(&mut tx, id).await? {
        signup.error = Some(json!({ "text": error.to_string(), "at": now.to_string() }));
        if !passes {
            state::FAILED.clone_into(&mut signup.state);
            signups::drop_token(&mut tx, id).await?;
        }
        signups::update(&mut tx, &signup, now).await?;
    }
    tx.commit().await?;
    Err(error)
}

async fn outcome(
    app: &App,
    id: SignupId,
    webhook_error: Option<String>,
    in_progress: bool,
) -> Result<SignedUp, FlowError> {
    let mut tx = app.store.read().await?;
    let signup = signups::find(&mut tx, id).await?;
    let channel = match signup.as_ref().and_then(|signup| signup.channel_id) {
        Some(channel) => channels::find(&mut tx, channel).await?,
        None => None,
    };
    drop(tx);
    let (state, reauthorization_required) = match &channel {
        Some(channel) => {
            let view = super::health::view(app, channel).await?;
            (Some(registration::state(app, channel, Caller::Planner).await?), view.reauthorization_required)
        }
        None => (None, false),
    };
    Ok(SignedUp {
        signup_id: id,
        reauthorized: signup.is_some_and(|signup| signup.inbox_id.is_some()),
        channel,
        state,
        webhook_error,
        reauthorization_required,
        in_progress,
    })
}

/// The job: takes an interrupted signup up again.
pub async fn resume(app: &App, id: Uuid) -> Result<Next, FlowError> {
    let id = SignupId(id);
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let Some(signup) = signups::find(&mut tx, id).await? else { return Ok(Next::Done) };
    drop(tx);
    if now < signup.updated_at + TAKE_UP_AFTER && signup.state != state::FAILED {
        return Ok(Next::At(signup.updated_at + TAKE_UP_AFTER));
    }
    let result = match signup.state.as_str() {
        state::NEW => shared::fetch_token(app, &signup).await,
        state::EXCHANGED => go_on(app, id).await.map(|_| ()),
        state::CONNECTED => set_up_again(app, id, signup.channel_id).await,
        _ => return Ok(Next::Done),
    };
    match result {
        Ok(()) => Ok(Next::Done),
        Err(error) if now < signup.created_at + GIVE_UP_AFTER => {
            tracing::warn!(signup = %id, %error, "an interrupted signup is tried again");
            Ok(Next::At(now + TAKE_UP_AFTER))
        }
        Err(error) => {
            let _: Result<(), _> = fail(app, id, FlowError::refused(Refusal::NotNow, error.to_string())).await;
            Ok(Next::Done)
        }
    }
}

async fn set_up_again(app: &App, id: SignupId, channel: Option<ChannelId>) -> Result<(), FlowError> {
    let Some(channel) = channel else { return Ok(()) };
    if facts::load(app, channel).await?.is_none() {
        return Ok(());
    }
    setup::again(app, Some(channel)).await?;
    finish(app, id).await
}
