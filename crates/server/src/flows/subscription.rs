//! The webhook subscription of a number: subscribed, overridden, verified and last seen are four separate facts.
//!
//! The app is subscribed to the account only where a read shows it is not (a bare POST erases the account's override), then
//! the callback is set on the level where it takes effect, then all of it is read back: what is reported is what was read.
//! Which level that is, what is wrong and how often it is repaired is decided in `domain::callbacks`.

use domain::callbacks::{CallbackLevel, Callbacks, Problem, Repairs, Route, Target};
use domain::channel::Channel;
use domain::ids::ChannelId;
use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::{NumberReading, SubscribedApp, WabaReading, WebhookConfiguration};
use jiff::{SignedDuration, Timestamp};

use super::number::assessment::assess_and_announce;
use super::number::callbacks;
use super::number::reading::{apply_reading, read_number};
use super::number::record::NumberRecord;
use super::{FlowError, Next, Refusal};
use crate::App;
use crate::flows::queue::{Job, enqueue_now};
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::channels::{self, OverrideLevel};
use crate::store::{self, Tx};

/// How a change that worked was made.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subscribed {
    /// Subscribed and overridden, on this level.
    Fully(OverrideLevel),
    /// Subscribed; Meta refused the override, so messages follow the app's callback.
    WithoutOverride(Failure),
}

/// The call of a change that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Read,
    Subscribe,
    Override,
}

/// What changing the callbacks at Meta came to, and when. It is not stored yet: [`store_change`] does that.
#[derive(Debug)]
pub(crate) struct CallbackChange {
    result: Result<Subscribed, (Stage, Failure)>,
    ended_at: Timestamp,
}

/// A reading of a number together with its account's subscribed apps, so that every level is known.
#[derive(Debug)]
pub(crate) struct CallbackReading {
    pub(crate) number: Result<NumberReading, Failure>,
    pub(crate) apps: Result<Vec<SubscribedApp>, Failure>,
    asked_at: Timestamp,
}

impl CallbackReading {
    fn configuration(&self) -> Option<&WebhookConfiguration> {
        self.number.as_ref().ok()?.webhook_configuration.as_ref()
    }

    fn callbacks(&self, app: &App, record: &NumberRecord) -> Callbacks {
        callbacks::read(app, record, self.configuration(), self.apps.as_ref().ok().map(Vec::as_slice))
    }
}

/// Reads every level at the same time.
pub(crate) async fn read(app: &App, record: &NumberRecord) -> CallbackReading {
    let asked_at = app.clock.now();
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let (number, apps) = tokio::join!(read_number(app, record), account.subscribed_apps());
    CallbackReading { number, apps, asked_at }
}

/// `POST …/register_webhook` and the page's button: subscribes and overrides now, whatever stands there. Answers where
/// messages go by the reading made afterwards.
pub async fn register_webhook(app: &App, channel: &Channel) -> Result<Route, FlowError> {
    let record = NumberRecord::load_or_refuse(app, channel.id).await?;
    NumberRecord::check_complete(Some(&record))?;
    let lock = app.subscriptions.lock_of(channel.waba_id.clone());
    let _guard = lock.lock().await;
    let before = read(app, &record).await;
    let change = change(app, &record, before.configuration(), before.apps.as_ref().ok().cloned()).await;
    let after = match &change.result {
        Ok(_) => Some(read(app, &record).await),
        Err(_) => None,
    };
    let mut tx = app.store.write().await?;
    let Some(mut record) = NumberRecord::load_for_update(&mut tx, channel).await? else {
        return Err(FlowError::refused(Refusal::NotFound, "The inbox does not exist"));
    };
    let route = store_change(app, &mut tx, &mut record, &change, after.as_ref(), None).await?;
    assess_and_announce(app, &mut tx, &mut record, app.clock.now()).await?;
    tx.commit().await?;
    match failure_of(&change, &route) {
        None => Ok(route),
        Some(text) => Err(setup_failed(&text)),
    }
}

/// Why a number's messages do not come here after a change; `None` where they do, or where that was not read.
pub(crate) fn failure_of(change: &CallbackChange, route: &Route) -> Option<String> {
    let refused = match &change.result {
        Err((_, failure)) => return Some(failure.message.clone()),
        Ok(Subscribed::WithoutOverride(failure)) => format!("{}; ", failure.message),
        Ok(Subscribed::Fully(_)) => String::new(),
    };
    match route {
        Route::Unread | Route::Here(_) => None,
        Route::NotSubscribed => Some(format!("{refused}Meta shows the app as not subscribed to the account")),
        Route::Nowhere => Some(format!("{refused}no callback is set, neither for the number nor for the app")),
        Route::Elsewhere { level, url } => {
            let level = match level {
                CallbackLevel::Number => "the number",
                CallbackLevel::Account => "the WhatsApp account",
                CallbackLevel::App => "the Meta app",
            };
            Some(format!("{refused}Meta sends the messages to {url}, the callback of {level}"))
        }
    }
}

/// W8's words, logged once as an error.
pub(super) fn setup_failed(cause: &str) -> FlowError {
    let text = format!("Webhook setup failed: {cause}");
    tracing::error!("[WHATSAPP] {text}");
    FlowError::refused(Refusal::WebhookSetupFailed, text)
}

/// Subscribes the app to the WABA where it is not, then sets the callback on the level where it takes effect. Both
/// readings are the caller's, where it has them; the subscriptions are read here otherwise.
pub(crate) async fn change(
    app: &App,
    record: &NumberRecord,
    configuration: Option<&WebhookConfiguration>,
    apps: Option<Vec<SubscribedApp>>,
) -> CallbackChange {
    let result = try_change(app, record, configuration, apps).await;
    CallbackChange { result, ended_at: app.clock.now() }
}

async fn try_change(
    app: &App,
    record: &NumberRecord,
    configuration: Option<&WebhookConfiguration>,
    apps: Option<Vec<SubscribedApp>>,
) -> Result<Subscribed, (Stage, Failure)> {
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let apps = match apps {
        Some(apps) => apps,
        None => account.subscribed_apps().await.map_err(|failure| (Stage::Read, failure))?,
    };
    let url = callbacks::expected(app, record);
    let plan = callbacks::read(app, record, configuration, Some(&apps)).plan(&url);
    if plan.subscribes {
        account.subscribe().await.map_err(|failure| (Stage::Subscribe, failure))?;
        reached(Failpoint::Subscribed);
    }
    let token = &record.credentials.verify_token;
    let (level, set) = if plan.level == CallbackLevel::Number {
        let number = &record.channel.phone_number_id;
        (OverrideLevel::Number, account.set_number_override(number, &url, token).await)
    } else {
        (OverrideLevel::Waba, account.subscribe_with_override(&url, token).await)
    };
    match set {
        Ok(()) => {
            reached(Failpoint::Overridden);
            Ok(Subscribed::Fully(level))
        }
        Err(failure) if failure.kind == FailureKind::AccessLost => Ok(Subscribed::WithoutOverride(failure)),
        Err(failure) => Err((Stage::Override, failure)),
    }
}

/// Stores a change and the reading made after it in the record and the database, in the transaction that loaded the record.
/// `repaired` is the problem that was repaired without a person; without one a person acted. Answers where messages go now.
pub(crate) async fn store_change(
    app: &App,
    tx: &mut Tx,
    record: &mut NumberRecord,
    change: &CallbackChange,
    after: Option<&CallbackReading>,
    repaired: Option<Problem>,
) -> Result<Route, store::Error> {
    note_change(app, record, change);
    match after {
        Some(after) => store_reading(tx, record, after).await?,
        // a reading of the same instant was asked for before the change
        None => record.webhook.checked_at = change.ended_at.checked_add(SignedDuration::from_micros(1)).ok(),
    }
    let route = callbacks::stored(app, record).route();
    let works = failure_of(change, &route).is_none();
    let repairs = &mut record.webhook.repairs;
    match repaired {
        Some(problem) => repairs.add(problem, works, change.ended_at),
        None if works => *repairs = Repairs::default(),
        None => {}
    }
    channels::set_webhook(tx, record.channel.id, &record.webhook).await?;
    Ok(route)
}

fn note_change(app: &App, record: &mut NumberRecord, change: &CallbackChange) {
    let url = callbacks::expected(app, record);
    let webhook = &mut record.webhook;
    let ended_at = change.ended_at;
    webhook.checked_at = Some(ended_at);
    match &change.result {
        Ok(subscribed) => {
            webhook.subscribed_at = webhook.subscribed_at.or(Some(ended_at));
            webhook.error = None;
            match subscribed {
                Subscribed::Fully(level) => {
                    webhook.override_level = *level;
                    webhook.override_url = Some(url);
                    webhook.override_error = None;
                }
                Subscribed::WithoutOverride(failure) => {
                    webhook.override_level = OverrideLevel::None;
                    webhook.override_url = None;
                    webhook.override_error = Some(failure.message.clone());
                }
            }
        }
        Err((stage, failure)) => {
            if *stage == Stage::Override {
                webhook.subscribed_at = webhook.subscribed_at.or(Some(ended_at));
            }
            webhook.error = Some(failure.message.clone());
        }
    }
}

/// Stores what was read, dated when it was asked for. A read that failed says nothing: the job that watches the number's
/// health reports it.
async fn store_reading(tx: &mut Tx, record: &mut NumberRecord, reading: &CallbackReading) -> Result<(), store::Error> {
    if reading.number.is_err() {
        return Ok(());
    }
    let waba = record.snapshot.waba.clone();
    let waba = waba.map(|waba| WabaReading { subscribed_apps: reading.apps.clone().ok(), ..waba });
    apply_reading(tx, record, &reading.number, waba.as_ref(), reading.asked_at).await?;
    Ok(())
}

/// The job: compares the callbacks at Meta with ours and repairs them, as often as `domain::callbacks` allows. What is left
/// to a person is a finding.
pub async fn reconcile(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let now = app.clock.now();
    if let Some(problem) = callbacks::problem(&record, &callbacks::stored(app, &record)) {
        let decision = record.webhook.repairs.decide(problem, now);
        if !decision.is_due(now) {
            return Ok(decision.due_at.map_or(Next::Done, Next::At));
        }
    }
    let lock = app.subscriptions.lock_of(record.channel.waba_id.clone());
    let _guard = lock.lock().await;
    let before = read(app, &record).await;
    match &before.apps {
        Ok(_) => {}
        Err(failure) if failure.is_access_failure() => {
            enqueue_now(app, &[Job::Token(id)]).await?;
            return Ok(Next::Done);
        }
        Err(failure) => return Err(failure.clone().into()),
    }
    let callbacks = before.callbacks(app, &record);
    let Some(problem) = callbacks::problem(&record, &callbacks) else {
        return note_well(app, &record, &before, &callbacks).await;
    };
    let now = app.clock.now();
    let decision = record.webhook.repairs.decide(problem, now);
    if !decision.is_due(now) {
        return store_and_assess(app, &record.channel, &before)
            .await
            .map(|()| decision.due_at.map_or(Next::Done, Next::At));
    }
    let change = change(app, &record, before.configuration(), before.apps.as_ref().ok().cloned()).await;
    let after = read(app, &record).await;
    let mut tx = app.store.write().await?;
    let Some(mut record) = NumberRecord::load_for_update(&mut tx, &record.channel).await? else {
        return Ok(Next::Done);
    };
    let route = store_change(app, &mut tx, &mut record, &change, Some(&after), Some(problem)).await?;
    let now = app.clock.now();
    assess_and_announce(app, &mut tx, &mut record, now).await?;
    tx.commit().await?;
    let Some(failure) = failure_of(&change, &route) else {
        tracing::info!(channel = id.0, problem = problem.into_str(), "the callbacks of the number were repaired");
        return Ok(Next::Done);
    };
    tracing::warn!(channel = id.0, problem = problem.into_str(), "the callbacks could not be repaired: {failure}");
    Ok(record.webhook.repairs.decide(problem, now).due_at.map_or(Next::Done, Next::At))
}

/// Nothing is wrong: the record says what is set at Meta, so that a failure of the past is not repaired once more.
async fn note_well(
    app: &App,
    record: &NumberRecord,
    reading: &CallbackReading,
    callbacks: &Callbacks,
) -> Result<Next, FlowError> {
    let expected = callbacks::expected(app, record);
    let (level, url) = match (&callbacks.number, &callbacks.account) {
        (Target::Ours(url), _) => (OverrideLevel::Number, url),
        (Target::Empty, Target::Ours(url)) if *url == expected => (OverrideLevel::Waba, url),
        _ => return Ok(Next::Done),
    };
    let webhook = &record.webhook;
    if webhook.error.is_none() && webhook.override_level == level && webhook.override_url.as_ref() == Some(url) {
        return Ok(Next::Done);
    }
    let mut tx = app.store.write().await?;
    let Some(mut record) = NumberRecord::load_for_update(&mut tx, &record.channel).await? else {
        return Ok(Next::Done);
    };
    let webhook = &mut record.webhook;
    webhook.subscribed_at = webhook.subscribed_at.or(Some(reading.asked_at));
    (webhook.override_level, webhook.override_url) = (level, Some(url.clone()));
    (webhook.override_error, webhook.error) = (None, None);
    channels::set_webhook(&mut tx, record.channel.id, &record.webhook).await?;
    store_reading(&mut tx, &mut record, reading).await?;
    assess_and_announce(app, &mut tx, &mut record, app.clock.now()).await?;
    tx.commit().await?;
    Ok(Next::Done)
}

/// Stores a reading after which nothing is done, and assesses it: a person may have to be asked.
async fn store_and_assess(app: &App, channel: &Channel, reading: &CallbackReading) -> Result<(), FlowError> {
    let mut tx = app.store.write().await?;
    let Some(mut record) = NumberRecord::load_for_update(&mut tx, channel).await? else { return Ok(()) };
    store_reading(&mut tx, &mut record, reading).await?;
    assess_and_announce(app, &mut tx, &mut record, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}
