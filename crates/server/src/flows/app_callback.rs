//! The app-level callback: account, name, quality, security and review events ignore overrides and go there (facts §1.11),
//! and so do messages that follow no override. It has to be ours. One of another system that was never ours is taken over
//! only by a person: [`take_over`].

use domain::callbacks::{
    AppCallback, AppRecord, NEEDED, OwnAddresses, Repairs, missing_fields, wanted_fields, with_subscribed,
};
use domain::meta::failure::Failure;
use graph_api::AppSubscription;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::number::{load_app_callback, save_app_callback};
use super::{FlowError, Next};
use crate::App;
use crate::flows::queue::{Job, enqueue_if_absent};
use crate::runtime::clock::random_token;
use crate::store::{self, channels, settings};

const CHECK_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
const VERIFY_TOKEN: &str = "verify_token";

/// Meta's code for a parameter that it does not accept, such as a field.
const INVALID_PARAMETER: i64 = 100;

/// How many numbers are enqueued in one transaction.
const PAGE_SIZE: i64 = 500;

/// The URL of this installation's shared callback.
pub fn url(app: &App) -> String {
    format!("{}/webhooks/whatsapp", app.config.public_url.trim_end_matches('/'))
}

/// The fields that the app is to be subscribed to: needed ones, and configured or promised ones.
pub fn wanted(app: &App) -> Vec<String> {
    wanted_fields(&app.config.meta.webhook_fields)
}

/// The token that the handshake of the shared callback must carry: configured, or generated once and stored
/// sealed.
pub async fn verify_token(app: &App) -> Result<SecretString, FlowError> {
    if let Some(token) = &app.config.meta.verify_token {
        return Ok(token.clone());
    }
    let mut tx = app.store.read().await?;
    let known = settings::get_secret(&mut tx, VERIFY_TOKEN).await?;
    drop(tx);
    if let Some(token) = known {
        return Ok(token);
    }
    let mut tx = app.store.write().await?;
    let token = settings::secret_or(&mut tx, VERIFY_TOKEN, &random_token(24), app.clock.now()).await?;
    tx.commit().await?;
    Ok(token)
}

/// The app's callback as Meta shows it now.
#[derive(Debug, Clone)]
pub struct AppCallbackReading {
    pub callback: AppCallback,
    /// The callback that is set; `None` where none is.
    pub url: Option<String>,
    /// The fields that are subscribed.
    pub fields: Vec<String>,
}

/// Reads the app's callback at Meta. Stores nothing.
pub async fn read(app: &App) -> Result<AppCallbackReading, Failure> {
    Ok(reading_of(app, app.graph.app_subscription().await?))
}

fn reading_of(app: &App, found: Option<AppSubscription>) -> AppCallbackReading {
    let expected = url(app);
    let own = OwnAddresses { expected: &expected, last_set: None };
    let found = found.filter(|found| !found.callback_url.is_empty());
    let parts = found.as_ref().map(|found| (found.callback_url.as_str(), found.fields.as_slice()));
    AppCallbackReading {
        callback: AppCallback::read(&own, parts, &wanted(app)),
        url: found.as_ref().map(|found| found.callback_url.clone()),
        fields: found.map(|found| found.fields).unwrap_or_default(),
    }
}

/// Sets the app's callback to this installation, whatever stands there, and reads it back: what a person asked for.
pub async fn take_over(app: &App) -> Result<AppCallbackReading, FlowError> {
    let token = verify_token(app).await?;
    let after = set(app, &read(app).await?, &token).await?;
    let mut record = load(app).await?;
    if after.callback.is_ours() == Some(true) {
        record.repairs = Repairs::default();
    }
    save(app, record, &after).await?;
    Ok(after)
}

/// The job: reads the app's callback, and repairs it as often as `domain::callbacks` allows.
pub async fn reconcile(app: &App) -> Result<Next, FlowError> {
    let now = app.clock.now();
    let mut reading = match read(app).await {
        Ok(reading) => reading,
        // some apps may set it in the dashboard only (facts D16): it is reported, not retried
        Err(failure) if !failure.is_uncertain() => {
            tracing::warn!("the app-level callback cannot be read: {}", failure.message);
            return Ok(Next::At(now + CHECK_INTERVAL));
        }
        Err(failure) => return Err(failure.into()),
    };
    let mut record = load(app).await?;
    note(&mut record, &reading);
    if let Some(problem) = record.problem().filter(|_| app.config.meta.manage_app_callback)
        && record.repairs.decide(problem, now).is_due(now)
    {
        let token = verify_token(app).await?;
        let works = match set(app, &reading, &token).await {
            Ok(after) => {
                reading = after;
                reading.callback == AppCallback::Ours
            }
            Err(failure) => {
                tracing::warn!("the app-level callback cannot be set: {}", failure.message);
                false
            }
        };
        // the first time it is set is no repair
        if works && record.last_set.is_none() {
            record.repairs = Repairs::default();
        } else {
            record.repairs.add(problem, works, now);
        }
    }
    let record = save(app, record, &reading).await?;
    let due_at = record.problem().and_then(|problem| record.repairs.decide(problem, now).due_at);
    let next = now + CHECK_INTERVAL;
    Ok(Next::At(due_at.filter(|at| *at > now && app.config.meta.manage_app_callback).map_or(next, |at| at.min(next))))
}

/// Sets the callback with every wanted field and those that stand there, and reads it back. Where Meta refuses a field, the
/// needed ones alone are set: account events matter more than what only endpoints may want.
async fn set(app: &App, before: &AppCallbackReading, token: &SecretString) -> Result<AppCallbackReading, Failure> {
    let url = url(app);
    let all = with_subscribed(&wanted(app), &before.fields);
    if let Err(failure) = app.graph.subscribe_app(&url, token, &all).await {
        let needed: Vec<String> = NEEDED.iter().map(|field| (*field).to_owned()).collect();
        let fewer = with_subscribed(&needed, &before.fields);
        let is_parameter = failure.meta.as_ref().is_some_and(|meta| meta.code == INVALID_PARAMETER);
        if !is_parameter || fewer == all {
            return Err(failure);
        }
        tracing::warn!(
            "Meta refused the callback with the fields {}: {}; it is tried with the needed ones",
            missing_fields(&all, &fewer).join(", "),
            failure.message
        );
        app.graph.subscribe_app(&url, token, &fewer).await?;
    }
    let after = read(app).await?;
    match &before.url {
        Some(before) if *before != url => {
            tracing::warn!("the callback of the Meta app was set to {url}; it led to {before}");
        }
        Some(_) | None => tracing::info!("the callback of the Meta app was set to {url}"),
    }
    Ok(after)
}

async fn load(app: &App) -> Result<AppRecord, store::Error> {
    load_app_callback(&mut app.store.read().await?).await
}

fn note(record: &mut AppRecord, reading: &AppCallbackReading) {
    record.callback = reading.callback.clone();
    if reading.callback.is_ours() == Some(true) {
        record.last_set.clone_from(&reading.url);
    }
}

/// Stores what was read, and has every number assessed again if that changed where messages and account events go.
async fn save(app: &App, mut record: AppRecord, reading: &AppCallbackReading) -> Result<AppRecord, store::Error> {
    let now = app.clock.now();
    note(&mut record, reading);
    let problem = record.problem();
    record.repairs.note(problem, now);
    log(app, &record.callback);
    let mut tx = app.store.write().await?;
    let before = load_app_callback(&mut tx).await?;
    save_app_callback(&mut tx, &record, now).await?;
    tx.commit().await?;
    if before.callback != record.callback || before.repairs.asked != record.repairs.asked {
        assess_all(app, now).await?;
    }
    Ok(record)
}

async fn assess_all(app: &App, now: Timestamp) -> Result<(), store::Error> {
    let mut after = None;
    loop {
        let mut tx = app.store.write().await?;
        let page = channels::all(&mut tx, after, PAGE_SIZE).await?;
        for channel in &page {
            enqueue_if_absent(&mut tx, &Job::Assess(channel.id), now);
        }
        tx.commit().await?;
        after = page.last().map(|channel| channel.id);
        if i64::try_from(page.len()).is_ok_and(|count| count < PAGE_SIZE) {
            return Ok(());
        }
    }
}

/// Says what is wrong with the callback once: when the process starts, and when it changes.
fn log(app: &App, callback: &AppCallback) {
    const FIX: &str = "take it over with `linekeeper callback take-over`, or forward those events here";
    if !app.logged_callback.is_new(callback) {
        return;
    }
    match callback {
        AppCallback::Unread | AppCallback::Ours => {}
        AppCallback::Missing => {
            tracing::warn!("the Meta app has no callback: account, name and quality events are lost; {FIX}");
        }
        AppCallback::Foreign(url) => tracing::warn!(
            "the callback of the Meta app leads to another system, {url}: account, name and quality events go there, and \
             messages of numbers without a callback of their own; {FIX}"
        ),
        AppCallback::LacksFields(fields) => {
            tracing::warn!("the Meta app is not subscribed to {}; these events are not sent here", fields.join(", "));
        }
    }
}
