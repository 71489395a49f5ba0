//! The app-level callback: account, name, quality, security and review events ignore overrides and go
//! there (facts §1.11), so it has to be ours. It is replaced only where it was empty or ours before.

use domain::health::{AppCallback, is_of_this_installation};
use domain::registration::UNANSWERED_AFTER;
use jiff::SignedDuration;
use secrecy::SecretString;

use super::number::{load_app_callback, save_app_callback};
use super::{FlowError, Next};
use crate::App;
use crate::runtime::clock::random_token;
use crate::store::settings;

/// The webhook fields the product needs; Meta stores them per app (facts §1.12).
pub const FIELDS: &[&str] = &[
    "messages",
    "account_update",
    "account_review_update",
    "account_alerts",
    "phone_number_name_update",
    "phone_number_quality_update",
    "business_capability_update",
    "business_status_update",
    "security",
    "message_template_status_update",
    "message_template_quality_update",
    "message_template_components_update",
    "template_category_update",
    "history",
    "smb_app_state_sync",
    "smb_message_echoes",
    "user_preferences",
];

const CHECK_INTERVAL: SignedDuration = SignedDuration::from_hours(1);
const VERIFY_TOKEN: &str = "verify_token";

/// The URL of this installation's shared callback.
pub fn url(app: &App) -> String {
    format!("{}/webhooks/whatsapp", app.config.public_url.trim_end_matches('/'))
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

/// The job: reads the app-level callback, and sets it where it is empty, ours or lacks fields.
pub async fn reconcile(app: &App) -> Result<Next, FlowError> {
    let now = app.clock.now();
    let wanted = url(app);
    let mut found = match app.graph.app_subscription().await {
        Ok(found) => found,
        // some apps may set it in the dashboard only (facts D16): it is reported, not retried
        Err(failure) if !failure.is_uncertain() => {
            tracing::warn!("the app-level callback cannot be read: {}", failure.message);
            return Ok(Next::At(now + CHECK_INTERVAL));
        }
        Err(failure) => return Err(failure.into()),
    };
    let mut tx = app.store.read().await?;
    let was_ours = matches!(load_app_callback(&mut tx).await?, AppCallback::Ours | AppCallback::LacksFields(_));
    drop(tx);
    let (is_ours, is_empty) = match &found {
        Some(it) => (is_of_this_installation(&wanted, &it.callback_url), it.callback_url.is_empty()),
        None => (false, true),
    };
    let lacks = found.as_ref().is_none_or(|it| FIELDS.iter().any(|field| !it.fields.iter().any(|f| f == field)));
    if app.config.meta.manage_app_callback && (is_empty || was_ours || is_ours) && (!is_ours || lacks) {
        let token = verify_token(app).await?;
        match app.graph.subscribe_app(&wanted, &token, FIELDS).await {
            Ok(()) => found = app.graph.app_subscription().await?,
            Err(failure) => tracing::warn!("the app-level callback cannot be set: {}", failure.message),
        }
    }
    let callback = match &found {
        None => AppCallback::Missing,
        Some(it) if is_of_this_installation(&wanted, &it.callback_url) => {
            let missing = FIELDS.iter().filter(|field| !it.fields.iter().any(|f| f == *field));
            let missing: Vec<_> = missing.map(|field| (*field).to_owned()).collect();
            if missing.is_empty() { AppCallback::Ours } else { AppCallback::LacksFields(missing) }
        }
        Some(it) => AppCallback::Foreign(it.callback_url.clone()),
    };
    let is_well = matches!(callback, AppCallback::Ours | AppCallback::LacksFields(_));
    let mut tx = app.store.write().await?;
    save_app_callback(&mut tx, &callback, now).await?;
    tx.commit().await?;
    Ok(Next::At(now + if is_well { CHECK_INTERVAL } else { UNANSWERED_AFTER }))
}
