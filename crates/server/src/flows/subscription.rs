//! Webhook subscription: subscribed, overridden, verified and last heard are four separate facts.
//!
//! The app is subscribed to the account only where a read shows it is not (a bare POST erases an
//! override), then the callback is overridden: on the account for its first number, on the number
//! itself for further ones (a second account override would silence its sibling). The app-level
//! callback is ours too, so a refused override is a finding, not a failure.

use domain::channel::{Channel, callback_url};
use domain::ids::ChannelId;
use domain::meta::failure::{Failure, FailureKind};
use domain::meta::reading::SubscribedApp;
use graph_api::Account;
use jiff::SignedDuration;

use super::number::assessment::assess_and_announce;
use super::number::record::NumberRecord;
use super::{FlowError, Next, Refusal};
use crate::App;
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::channels::{self, OverrideLevel, Webhook};

/// A foreign override is put back once; changed again within this time it is told, not fought.
const CONFLICT_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Meta needs this long at most between a repair and the next look.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// What subscribing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscribed {
    /// Subscribed and overridden, on this level.
    Fully(OverrideLevel),
    /// Subscribed; Meta refused the override, messages come to the app-level callback.
    WithoutOverride(Failure),
}

/// `POST …/register_webhook` and the page's button: subscribes and overrides now.
pub async fn register_webhook(app: &App, channel: &Channel) -> Result<(), FlowError> {
    let record = NumberRecord::load(app, channel.id)
        .await?
        .ok_or_else(|| FlowError::refused(Refusal::NotFound, "The inbox does not exist"))?;
    NumberRecord::check_complete(Some(&record))?;
    let result = subscribe(app, &record, None).await;
    assess_and_announce(app, channel).await?;
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(setup_failed(&error)),
    }
}

/// W8's words, logged once as an error.
pub(super) fn setup_failed(cause: &FlowError) -> FlowError {
    let text = format!("Webhook setup failed: {cause}");
    tracing::error!("[WHATSAPP] {text}");
    FlowError::refused(Refusal::WebhookSetupFailed, text)
}

/// Subscribes where needed, then overrides. `apps` is a reading of the account's subscriptions where
/// the caller has one already.
pub(crate) async fn subscribe(
    app: &App,
    record: &NumberRecord,
    apps: Option<Vec<SubscribedApp>>,
) -> Result<Subscribed, FlowError> {
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let result = try_subscribe(app, record, &account, apps).await;
    record_result(app, record, &result).await?;
    result.map_err(|(_, failure)| failure.into())
}

type Outcome = Result<Subscribed, (Step, Failure)>;

/// Where subscribing failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
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
        None => account.subscribed_apps().await.map_err(|failure| (Step::Read, failure))?,
    };
    let ours = apps.into_iter().find(|subscribed| subscribed.app_id == app.app_id());
    if ours.is_none() {
        account.subscribe().await.map_err(|failure| (Step::Subscribe, failure))?;
        reached(Failpoint::Subscribed);
    }
    let account_override = ours.and_then(|subscribed| subscribed.override_callback_uri);
    match set_override(app, record, account, account_override.as_deref()).await {
        Ok(level) => {
            reached(Failpoint::Overridden);
            Ok(Subscribed::Fully(level))
        }
        Err(failure) if failure.kind == FailureKind::AccessLost => Ok(Subscribed::WithoutOverride(failure)),
        Err(failure) => Err((Step::Override, failure)),
    }
}

/// On the account, unless a sibling's callback stands there: then on the number itself.
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
        Some(standing) if standing != url && is_ours(standing) => OverrideLevel::Number,
        _ => OverrideLevel::Waba,
    }
}

async fn record_result(app: &App, record: &NumberRecord, result: &Outcome) -> Result<(), FlowError> {
    let now = app.clock.now();
    let id = record.channel.id;
    let url = callback_url(&app.config.public_url, &record.channel.phone_number);
    let mut tx = app.store.write().await?;
    let mut webhook = channels::webhook(&mut tx, id).await?;
    webhook.checked_at = Some(now);
    match result {
        Ok(subscribed) => {
            webhook.subscribed_at = webhook.subscribed_at.or(Some(now));
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
        Err((step, failure)) => {
            if *step == Step::Override {
                webhook.subscribed_at = webhook.subscribed_at.or(Some(now));
            }
            webhook.error = Some(failure.message.clone());
        }
    }
    channels::set_webhook(&mut tx, id, &webhook).await?;
    tx.commit().await?;
    Ok(())
}

/// What a look at Meta's side found, against what we set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Well,
    Unsubscribed,
    OverrideChanged,
}

/// The job: looks at Meta's side and repairs what may be repaired.
pub async fn reconcile(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    let now = app.clock.now();
    let account = app.graph.on(&record.channel.waba_id, &record.credentials.access_token);
    let apps = match account.subscribed_apps().await {
        Ok(apps) => apps,
        Err(failure) if failure.is_access() => {
            crate::flows::queue::enqueue_now(app, &[crate::flows::queue::Job::Token(id)]).await?;
            return Ok(Next::Done);
        }
        Err(failure) => return Err(failure.into()),
    };
    let mut tx = app.store.read().await?;
    let webhook = channels::webhook(&mut tx, id).await?;
    drop(tx);
    let url = callback_url(&app.config.public_url, &record.channel.phone_number);
    let found = look(&app.app_id(), &apps, &webhook, &url);
    let fought = webhook.healed_at.is_some_and(|at| now < at + CONFLICT_WINDOW);
    if found == Found::Well || (found == Found::OverrideChanged && fought) {
        return Ok(Next::Done);
    }
    let was_set = webhook.subscribed_at.is_some() && webhook.error.is_none();
    match subscribe(app, &record, Some(apps)).await {
        Ok(_) => {
            if was_set {
                let mut tx = app.store.write().await?;
                let mut webhook = channels::webhook(&mut tx, id).await?;
                webhook.healed_at = Some(now);
                channels::set_webhook(&mut tx, id, &webhook).await?;
                tx.commit().await?;
            }
            assess_and_announce(app, &record.channel).await?;
            Ok(Next::Done)
        }
        Err(error) => {
            tracing::warn!(channel = id.0, %error, "the subscription could not be repaired");
            assess_and_announce(app, &record.channel).await?;
            Ok(Next::At(now + LOOK_AGAIN))
        }
    }
}

fn look(app_id: &domain::ids::AppId, apps: &[SubscribedApp], webhook: &Webhook, url: &str) -> Found {
    let Some(ours) = apps.iter().find(|subscribed| subscribed.app_id == *app_id) else { return Found::Unsubscribed };
    let on_account = webhook.override_level == OverrideLevel::Waba && webhook.override_url.is_some();
    if webhook.error.is_some() || (on_account && ours.override_callback_uri.as_deref() != Some(url)) {
        return Found::OverrideChanged;
    }
    Found::Well
}
