//! The webhook subscription: subscribed, overridden, verified and last seen are four separate facts.
//!
//! The app is subscribed to the account only where a read shows it is not (a bare POST erases an
//! override), then the callback is overridden: on the account for its first number, on the number
//! itself for further ones (a second account override would silence its sibling). The app-level
//! callback is ours too, so a refused override is a finding, not a failure.

use domain::channel::{Channel, callback_url};
use domain::ids::{AppId, ChannelId};
use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::SubscribedApp;
use graph_api::Account;
use jiff::{SignedDuration, Timestamp};

use super::number::assessment::assess_and_announce;
use super::number::record::NumberRecord;
use super::{FlowError, Next, Refusal};
use crate::App;
use crate::flows::queue::{Job, enqueue_now};
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::channels::{self, OverrideLevel, Webhook};
use crate::store::{self, Tx};

/// A foreign override is replaced once. Set again within this time it is a conflict: it is reported and left.
const CONFLICT_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// How long after a failed repair the next one is tried.
const RETRY_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// How a subscription that worked was made.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subscribed {
    /// Subscribed and overridden, on this level.
    Fully(OverrideLevel),
    /// Subscribed; Meta refused the override, messages come to the app-level callback.
    WithoutOverride(Failure),
}

/// What subscribing came to, and when. It is not stored yet: [`store_attempt`] does that.
#[derive(Debug)]
pub(crate) struct SubscribeAttempt {
    result: Outcome,
    ended_at: Timestamp,
}

impl SubscribeAttempt {
    /// Why it failed; `None` where the app is subscribed, with or without an override.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.result.as_ref().err().map(|(_, failure)| failure)
    }
}

/// `POST …/register_webhook` and the page's button: subscribes and overrides now.
pub async fn register_webhook(app: &App, channel: &Channel) -> Result<(), FlowError> {
    let mut record = NumberRecord::load_or_refuse(app, channel.id).await?;
    NumberRecord::check_complete(Some(&record))?;
    let attempt = subscribe(app, &record, None).await;
    store_and_assess(app, &mut record, &attempt, None).await?;
    match attempt.failure() {
        None => Ok(()),
        Some(failure) => Err(setup_failed(failure)),
    }
}

/// W8's words, logged once as an error.
pub(super) fn setup_failed(cause: &Failure) -> FlowError {
    let text = format!("Webhook setup failed: {}", cause.message);
    tracing::error!("[WHATSAPP] {text}");
    FlowError::refused(Refusal::WebhookSetupFailed, text)
}

/// Subscribes the app to the WABA where it is not, then sets the callback override. `apps` is a reading of the
/// WABA's subscriptions where the caller has one already.
pub(crate) async fn subscribe(app: &App, record: &NumberRecord, apps: Option<Vec<SubscribedApp>>) -> SubscribeAttempt {
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let result = try_subscribe(app, record, &account, apps).await;
    SubscribeAttempt { result, ended_at: app.clock.now() }
}

type Outcome = Result<Subscribed, (Stage, Failure)>;

/// The call of a subscription that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Read,
    Subscribe,
    Override,
}

async fn try_subscribe(
    app: &App,
    record: &NumberRecord,
    account: &Account<'_>,
    apps: Option<Vec<SubscribedApp>>,
) -> Outcome {
    let apps = match apps {
        Some(apps) => apps,
        None => account.subscribed_apps().await.map_err(|failure| (Stage::Read, failure))?,
    };
    let ours = apps.into_iter().find(|subscribed| subscribed.app_id == app.app_id());
    if ours.is_none() {
        account.subscribe().await.map_err(|failure| (Stage::Subscribe, failure))?;
        reached(Failpoint::Subscribed);
    }
    let account_override = ours.and_then(|subscribed| subscribed.override_callback_uri);
    match set_override(app, record, account, account_override.as_deref()).await {
        Ok(level) => {
            reached(Failpoint::Overridden);
            Ok(Subscribed::Fully(level))
        }
        Err(failure) if failure.kind == FailureKind::AccessLost => Ok(Subscribed::WithoutOverride(failure)),
        Err(failure) => Err((Stage::Override, failure)),
    }
}

/// Sets the override on the WABA, or on the number itself where a sibling's callback is set on the WABA.
async fn set_override(
    app: &App,
    record: &NumberRecord,
    account: &Account<'_>,
    account_override: Option<&str>,
) -> Result<OverrideLevel, Failure> {
    let channel = &record.channel;
    let url = callback_url(&app.config.public_url, &channel.phone_number);
    let verify_token = &record.credentials.verify_token;
    let level = level_for(account_override, &url, &app.config.public_url);
    match level {
        OverrideLevel::Number => account.set_number_override(&channel.phone_number_id, &url, verify_token).await?,
        OverrideLevel::Waba | OverrideLevel::None => account.subscribe_with_override(&url, verify_token).await?,
    }
    Ok(level)
}

fn level_for(account_override: Option<&str>, url: &str, public_url: &str) -> OverrideLevel {
    let is_ours = |it: &str| it.starts_with(&format!("{}/webhooks/whatsapp", public_url.trim_end_matches('/')));
    match account_override {
        Some(current) if current != url && is_ours(current) => OverrideLevel::Number,
        _ => OverrideLevel::Waba,
    }
}

/// Stores an attempt in the record and the database, in the transaction that loaded the record.
pub(crate) async fn store_attempt(
    app: &App,
    tx: &mut Tx,
    record: &mut NumberRecord,
    attempt: &SubscribeAttempt,
) -> Result<(), store::Error> {
    let ended_at = attempt.ended_at;
    let url = callback_url(&app.config.public_url, &record.channel.phone_number);
    let webhook = &mut record.webhook;
    webhook.checked_at = Some(ended_at);
    match &attempt.result {
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
    channels::set_webhook(tx, record.channel.id, webhook).await
}

async fn store_and_assess(
    app: &App,
    record: &mut NumberRecord,
    attempt: &SubscribeAttempt,
    reconciled_at: Option<Timestamp>,
) -> Result<(), FlowError> {
    let mut tx = app.store.write().await?;
    let Some(fresh) = NumberRecord::load_for_update(&mut tx, &record.channel).await? else { return Ok(()) };
    *record = fresh;
    if reconciled_at.is_some() {
        record.webhook.reconciled_at = reconciled_at;
    }
    store_attempt(app, &mut tx, record, attempt).await?;
    assess_and_announce(app, &mut tx, record, app.clock.now()).await?;
    tx.commit().await?;
    Ok(())
}

/// How the subscription at Meta differs from the one this installation set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    Unsubscribed,
    OverrideChanged,
}

/// The job: compares Meta's subscription with ours and repairs it. An override that somebody else set again
/// within [`CONFLICT_WINDOW`] of our repair is left alone and reported as a finding.
pub async fn reconcile(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(mut record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let now = app.clock.now();
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let apps = match account.subscribed_apps().await {
        Ok(apps) => apps,
        Err(failure) if failure.is_access_failure() => {
            enqueue_now(app, &[Job::Token(id)]).await?;
            return Ok(Next::Done);
        }
        Err(failure) => return Err(failure.into()),
    };
    let webhook = &record.webhook;
    let url = callback_url(&app.config.public_url, &record.channel.phone_number);
    let in_conflict = webhook.reconciled_at.is_some_and(|at| now < at + CONFLICT_WINDOW);
    match difference(&app.app_id(), &apps, webhook, &url) {
        None => return Ok(Next::Done),
        Some(Difference::OverrideChanged) if in_conflict => return Ok(Next::Done),
        Some(_) => {}
    }
    let was_set = webhook.subscribed_at.is_some() && webhook.error.is_none();
    let attempt = subscribe(app, &record, Some(apps)).await;
    let reconciled_at = (was_set && attempt.failure().is_none()).then_some(now);
    store_and_assess(app, &mut record, &attempt, reconciled_at).await?;
    match attempt.failure() {
        None => Ok(Next::Done),
        Some(failure) => {
            tracing::warn!(channel = id.0, "the subscription could not be repaired: {}", failure.message);
            Ok(Next::At(now + RETRY_AFTER))
        }
    }
}

/// `None` where Meta's subscription is ours.
fn difference(app_id: &AppId, apps: &[SubscribedApp], webhook: &Webhook, url: &str) -> Option<Difference> {
    let Some(ours) = apps.iter().find(|subscribed| subscribed.app_id == *app_id) else {
        return Some(Difference::Unsubscribed);
    };
    let on_waba = webhook.override_level == OverrideLevel::Waba && webhook.override_url.is_some();
    let is_changed = webhook.error.is_some() || (on_waba && ours.override_callback_uri.as_deref() != Some(url));
    is_changed.then_some(Difference::OverrideChanged)
}
