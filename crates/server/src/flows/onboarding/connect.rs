//! From a signup's token to a channel that is set up: reads the WABA, chooses the number, and creates the
//! channel or gives an existing one its new token in one transaction.

use domain::channel::{Onboarding, first_inbox_name};
use domain::ids::{AccountId, ChannelId, PhoneNumberId, WabaId};
use domain::meta::failure::Failure;
use domain::meta::reading::{NumberReading, SubscribedApp};
use domain::phone::E164;
use domain::registration::{ChangeKind, Source};
use domain::signup::SignupState;
use jiff::Timestamp;
use secrecy::SecretString;

use super::progress::{fail, finish};
use super::setup::{self, InitialReads};
use crate::App;
use crate::flows::number::reading::SetupReads;
use crate::flows::number::record::{NumberRecord, not_found};
use crate::flows::queue::{Job, enqueue};
use crate::flows::{FlowError, Refusal};
use crate::runtime::clock::random_token;
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::channels::{NewChannel, Reauthorization};
use crate::store::ids::SignupId;
use crate::store::signups::Signup;
use crate::store::{self, Conflict, Tx, channels, numbers, signups};

/// From the stored token to a channel that is set up; `Some` says why its webhooks are not (W8).
pub(super) async fn connect_and_set_up(app: &App, id: SignupId) -> Result<Option<String>, FlowError> {
    match connect(app, id).await {
        Ok((channel, before)) => set_up(app, id, channel, before).await,
        Err(error) => fail(app, id, error).await,
    }
}

async fn set_up(
    app: &App,
    id: SignupId,
    channel: ChannelId,
    before: InitialReads,
) -> Result<Option<String>, FlowError> {
    let record = NumberRecord::load(app, channel).await?;
    NumberRecord::check_complete(record.as_ref())?;
    let record = record.ok_or_else(not_found)?;
    let done = setup::run(app, record, before).await?;
    finish(app, id).await?;
    Ok(done.webhook_error)
}

/// Sets up a channel whose signup was interrupted after the channel was created. A channel deleted since is skipped.
pub(super) async fn set_up_again(app: &App, id: SignupId, channel: Option<ChannelId>) -> Result<(), FlowError> {
    let Some(channel) = channel else { return Ok(()) };
    if NumberRecord::load(app, channel).await?.is_none() {
        return Ok(());
    }
    setup::set_up(app, Some(channel)).await?;
    finish(app, id).await
}

/// E3, E4: reads the WABA with the new token, chooses the number, creates or re-authorises the channel. All
/// reads are made at the same time.
async fn connect(app: &App, id: SignupId) -> Result<(ChannelId, InitialReads), FlowError> {
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
    let asked_at = app.clock.now();
    let (listed, before) = read_account(app, &waba, &token, signup.phone_number_id.as_ref()).await;
    let listed = listed.map_err(|failure| no_access(failure, &waba))?;
    let row = choose(app, &signup, &waba, &listed).await?;
    let before = before.unwrap_or_else(|apps| InitialReads {
        asked_at,
        number: SetupReads { verification: Ok(row.code_verification.clone()), health: Ok(row.clone()) },
        apps,
    });
    reached(Failpoint::NumbersRead);
    let channel = create_channel(app, &mut signup, &row, token, expires_at).await?;
    reached(Failpoint::ChannelCreated);
    Ok((channel, before))
}

/// The WABA of a signup that named none: the token names those it reaches, the latest first (facts §1.3).
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

/// Reads everything set-up needs at the same time. Without a number's id its own two reads are not made: the
/// WABA's list answers both. `Err` carries the subscriptions that were read.
async fn read_account(
    app: &App,
    waba: &WabaId,
    token: &SecretString,
    number: Option<&PhoneNumberId>,
) -> (Listed, Result<InitialReads, Option<Vec<SubscribedApp>>>) {
    let account = app.graph.on(waba, token);
    let asked_at = app.clock.now();
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
    (listed, Ok(InitialReads { asked_at, number: SetupReads { verification, health }, apps: apps.ok() }))
}

fn no_access(failure: Failure, waba: &WabaId) -> FlowError {
    if failure.is_access_failure() {
        FlowError::refused(Refusal::NoAccessToWaba, format!("Token does not have access to WABA {waba}"))
    } else {
        failure.into()
    }
}

/// E3: the number the signup named, never another. Where it named none: the number that is re-authorised, or
/// the WABA's first, which is the one onboarded last (facts §1.5).
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

/// E5, E6, A2, A3: one transaction creates the channel and stores everything that a resumed signup needs.
async fn create_channel(
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
            let new = NewChannel {
                account_id: signup.account_id,
                name: first_inbox_name(row.verified_name.as_deref().unwrap_or_default(), &phone).into_string(),
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
    enqueue(&mut tx, &Job::AssignEarlier(id), now);
    signup.channel_id = Some(id);
    signup.phone_number_id = Some(number);
    signup.state = SignupState::Connected;
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
    // the number's row before the channel's, as every other transaction takes them
    numbers::note_changes(tx, &new.phone_number_id, &[ChangeKind::NewToken], now, Source::Person).await?;
    channels::reauthorize(tx, inbox, new, now).await?;
    Ok(inbox)
}
