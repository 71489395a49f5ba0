//! From a signup's token to a channel that is set up: reads the accounts, chooses the number, and creates the
//! channel or gives an existing one its new token in one transaction. Nothing is called for a number that was not chosen.

use domain::channel::{Channel, Onboarding, first_inbox_name};
use domain::ids::{AccountId, ChannelId, PhoneNumberId, WabaId};
use domain::meta::failure::Failure;
use domain::meta::reading::{NumberReading, SubscribedApp};
use domain::phone::E164;
use domain::registration::{ChangeKind, Source};
use domain::signup::{NotChosen, SeenNumber, SignupRoute, SignupState, Wanted, choose};
use futures::future::join_all;
use graph_api::TokenInfo;
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
use crate::store::signups::{NotChosenNumber, Signup};
use crate::store::{self, Conflict, Tx, channels, numbers, signups};

/// A portfolio has at most 20 accounts (facts §4.5); no more of a token's are looked through.
const MOST_ACCOUNTS: usize = 20;

/// From the stored token to a channel that is set up; `Some` says why its webhooks are not (W8).
pub(super) async fn connect_and_set_up(app: &App, id: SignupId) -> Result<Option<String>, FlowError> {
    // boxed: what they hold between two reads is too large for every future around them
    match Box::pin(connect(app, id)).await {
        Ok((channel, before)) => Box::pin(set_up(app, id, channel, before)).await,
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

/// E3, E4: reads the accounts with the new token, chooses the number, creates or re-authorises the channel. All reads
/// of one account are made at the same time.
async fn connect(app: &App, id: SignupId) -> Result<(ChannelId, InitialReads), FlowError> {
    let mut tx = app.store.read().await?;
    let signup = signups::find(&mut tx, id).await?;
    let token = signups::token(&mut tx, id).await?;
    let inbox = match signup.as_ref().and_then(|signup| Some((signup.account_id, signup.inbox_id?))) {
        Some((account, inbox)) => channels::find_in_account(&mut tx, account, inbox).await?,
        None => None,
    };
    drop(tx);
    let (Some(mut signup), Some((token, expires_at))) = (signup, token) else {
        let text = "The signup's token is gone; open the signup again";
        return Err(FlowError::refused(Refusal::SignupExpired, text));
    };
    let asked_at = app.clock.now();
    let mut accounts = match &signup.waba_id {
        Some(waba) => vec![read_named(app, &signup, waba, &token).await?],
        None => read_reachable(app, &signup, inbox.as_ref(), &token).await?,
    };
    reached(Failpoint::NumbersRead);
    let seen: Vec<SeenNumber> = accounts.iter_mut().flat_map(AccountRead::take_numbers).collect();
    let wanted = Wanted {
        number: signup.phone_number_id.as_ref(),
        inbox: inbox.as_ref().map(|channel| (&channel.phone_number_id, &channel.phone_number)),
        takes_first: signup.route == SignupRoute::Origin,
    };
    let chosen = choose(wanted, &seen);
    signup.seen = seen.iter().filter(|number| chosen != Ok(*number)).filter_map(not_chosen).collect();
    let chosen = match chosen {
        Ok(chosen) => chosen.clone(),
        Err(reason) => {
            if let [only] = accounts.as_slice() {
                // Meta confirmed it
                signup.waba_id = Some(only.waba.clone());
            }
            save(app, &signup).await?;
            return Err(refusal(reason, &accounts, &seen));
        }
    };
    let before = initial_reads(accounts, &chosen, asked_at);
    let mut connected = signup.clone();
    connected.waba_id = Some(chosen.waba_id.clone());
    match create_channel(app, &mut connected, &chosen.reading, token, expires_at).await {
        Ok(channel) => {
            reached(Failpoint::ChannelCreated);
            Ok((channel, before))
        }
        Err(error) => {
            if matches!(error, FlowError::ChannelExists { .. }) {
                // it was chosen: the inbox that has it may be named next
                (signup.waba_id, signup.phone_number_id) = (connected.waba_id, connected.phone_number_id);
            }
            save(app, &signup).await?;
            Err(error)
        }
    }
}

/// What was read of the chosen number before its set-up; the list of its account stands in for reads that were not made.
fn initial_reads(accounts: Vec<AccountRead>, chosen: &SeenNumber, asked_at: Timestamp) -> InitialReads {
    let account = accounts.into_iter().find(|account| account.waba == chosen.waba_id);
    let (number, apps) = account.map_or((None, None), |account| (account.number, account.apps));
    let listed = || SetupReads {
        verification: Ok(chosen.reading.code_verification.clone()),
        health: Ok(chosen.reading.clone()),
    };
    InitialReads { asked_at, number: number.unwrap_or_else(listed), apps }
}

/// Stores what a signup saw, for whoever continues it.
async fn save(app: &App, signup: &Signup) -> Result<(), FlowError> {
    let mut tx = app.store.write().await?;
    signups::update(&mut tx, signup, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

fn not_chosen(number: &SeenNumber) -> Option<NotChosenNumber> {
    let SeenNumber { waba_id, reading } = number;
    Some(NotChosenNumber {
        waba_id: waba_id.clone(),
        phone_number_id: reading.id.clone()?,
        phone_number: reading.display_phone_number.clone().unwrap_or_default(),
        name: reading.verified_name.clone().unwrap_or_default(),
    })
}

fn refusal(reason: NotChosen, accounts: &[AccountRead], seen: &[SeenNumber]) -> FlowError {
    let names: Vec<&str> = accounts.iter().map(|account| account.waba.as_str()).collect();
    let names = names.join(", ");
    let (code, text) = match reason {
        NotChosen::NotFound => (Refusal::NoSuchNumber, format!("No matching phone number found for WABA {names}")),
        NotChosen::NoNumber => (Refusal::NoNumberYet, format!("No phone numbers found for WABA {names}")),
        NotChosen::Several => {
            let count = seen.len();
            (Refusal::NumberNotChosen, format!("{count} phone numbers found for WABA {names}: choose one"))
        }
    };
    FlowError::refused(code, text)
}

type Listed = Result<Vec<NumberReading>, Failure>;

/// What was read of one account with a signup's token.
struct AccountRead {
    waba: WabaId,
    listed: Vec<NumberReading>,
    /// The two reads of the number that the signup named.
    number: Option<SetupReads>,
    /// The account's subscriptions; `None` where they were not read.
    apps: Option<Vec<SubscribedApp>>,
}

impl AccountRead {
    fn take_numbers(&mut self) -> Vec<SeenNumber> {
        let listed = std::mem::take(&mut self.listed).into_iter();
        listed.map(|reading| SeenNumber { waba_id: self.waba.clone(), reading }).collect()
    }
}

/// Reads the account that the signup names, and at the same time asks Meta whose token it is.
async fn read_named(app: &App, signup: &Signup, waba: &WabaId, token: &SecretString) -> Result<AccountRead, FlowError> {
    let (info, (listed, number, apps)) =
        tokio::join!(app.graph.debug_token(token), read_account(app, waba, token, signup.phone_number_id.as_ref()));
    // what a token says of itself only informs: access is proven by the list
    if let Ok(info) = info {
        refuse_foreign(app, &info)?;
    }
    let listed = listed.map_err(|failure| no_access(failure, waba))?;
    Ok(AccountRead { waba: waba.clone(), listed, number, apps })
}

/// Looks through every account that the token reaches; with an inbox its own account first. An account that cannot be
/// read is left out, unless none can.
async fn read_reachable(
    app: &App,
    signup: &Signup,
    inbox: Option<&Channel>,
    token: &SecretString,
) -> Result<Vec<AccountRead>, FlowError> {
    let info = app.graph.debug_token(token).await?;
    refuse_foreign(app, &info)?;
    let mut wabas = match info.waba_ids {
        Some(named) => named,
        None => app.graph.accounts_of(token, signup.business_id.as_ref()).await?,
    };
    if let Some(inbox) = inbox {
        wabas.retain(|waba| *waba != inbox.waba_id);
        wabas.insert(0, inbox.waba_id.clone());
    }
    wabas.truncate(MOST_ACCOUNTS);
    let reads = wabas.into_iter().map(|waba| async move {
        let read = read_account(app, &waba, token, None).await;
        (waba, read)
    });
    let (mut found, mut failed) = (Vec::new(), None);
    for (waba, (listed, number, apps)) in join_all(reads).await {
        match listed {
            Ok(listed) => found.push(AccountRead { waba, listed, number, apps }),
            Err(failure) => failed = failed.or(Some(no_access(failure, &waba))),
        }
    }
    match (found.is_empty(), failed) {
        (true, Some(failed)) => Err(failed),
        (true, None) => Err(FlowError::refused(
            Refusal::NoAccountNamed,
            "The token names no WhatsApp Business Account; send waba_id along with the code",
        )),
        (false, _) => Ok(found),
    }
}

/// Reads everything set-up needs at the same time. Without a number's id its own two reads are not made: the
/// WABA's list answers both.
async fn read_account(
    app: &App,
    waba: &WabaId,
    token: &SecretString,
    number: Option<&PhoneNumberId>,
) -> (Listed, Option<SetupReads>, Option<Vec<SubscribedApp>>) {
    let account = app.graph.on(waba, token);
    let Some(number) = number else {
        let (listed, apps) = tokio::join!(account.numbers(), account.subscribed_apps());
        return (listed, None, apps.ok());
    };
    let (listed, verification, health, apps) = tokio::join!(
        account.numbers(),
        account.code_verification(number),
        account.number(number),
        account.subscribed_apps()
    );
    (listed, Some(SetupReads { verification, health }), apps.ok())
}

/// Refuses a token that was made for another Meta app: with it nothing of this installation works.
pub(super) fn refuse_foreign(app: &App, info: &TokenInfo) -> Result<(), FlowError> {
    let ours = &app.config.meta.app_id;
    match &info.app_id {
        Some(other) if other.as_str() != ours => {
            let text = format!("The token belongs to the Meta app {other}; this installation is the app {ours}");
            Err(FlowError::refused(Refusal::ForeignApp, text))
        }
        _ => Ok(()),
    }
}

fn no_access(failure: Failure, waba: &WabaId) -> FlowError {
    if failure.is_access_failure() {
        FlowError::refused(Refusal::NoAccessToWaba, format!("Token does not have access to WABA {waba}"))
    } else {
        failure.into()
    }
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
    signup.phone_number_id = Some(number.clone());
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let known = known_channel(&mut tx, &phone, &number).await?;
    let of_account = known.as_ref().filter(|channel| channel.account_id == signup.account_id).map(|channel| channel.id);
    if signup.inbox_id.is_none() && signup.route == SignupRoute::Own {
        // our own route: a known number of the same account is re-authorised
        signup.inbox_id = of_account;
    }
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
        None if known.is_some() => return Err(FlowError::ChannelExists { phone, inbox: of_account }),
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
    signup.state = SignupState::Connected;
    signups::update(&mut tx, signup, now).await?;
    signups::drop_token(&mut tx, signup.id).await?;
    tx.commit().await?;
    Ok(id)
}

fn unreadable(what: &str) -> FlowError {
    FlowError::Meta(Failure::unanswered(format!("Meta's description of the number cannot be used: {what}")))
}

/// The channel that has a number, by its phone number or by its id at Meta, in whichever account.
async fn known_channel(tx: &mut Tx, phone: &E164, number: &PhoneNumberId) -> Result<Option<Channel>, store::Error> {
    match channels::find_by_phone(tx, phone).await? {
        Some(channel) => Ok(Some(channel)),
        None => channels::find_by_phone_number_id(tx, number).await,
    }
}

async fn insert(tx: &mut Tx, new: &NewChannel) -> Result<ChannelId, FlowError> {
    match channels::insert(tx, new).await {
        Ok(id) => Ok(id),
        // another request connected it at the same time
        Err(store::Error::Conflict(Conflict::PhoneNumber | Conflict::PhoneNumberId)) => {
            Err(FlowError::ChannelExists { phone: new.phone_number.clone(), inbox: None })
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
