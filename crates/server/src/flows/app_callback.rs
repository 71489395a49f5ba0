//! The app-level callback: account, name, quality, security and review events ignore overrides and go
//! there (facts §1.11), so it has to be ours. Taken over without asking only if it was empty or ours
//! before.

use domain::health::{AppCallback, is_of_this_installation};
use domain::registration::UNANSWERED_AFTER;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{FlowError, Next};
use crate::App;
use crate::runtime::clock::random_token;
use crate::store::{self, Tx, settings};

/// The webhook fields we need; Meta keeps them per app (facts §1.12).
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

const LOOK_EVERY: SignedDuration = SignedDuration::from_hours(1);
const KEY: &str = "app_callback";
const VERIFY_TOKEN: &str = "verify_token";

/// The shared callback of this installation.
pub fn url(app: &App) -> String {
    format!("{}/webhooks/whatsapp", app.config.public_url.trim_end_matches('/'))
}

/// What the handshake of the shared callback must carry: configured, or drawn once and kept sealed.
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

/// The job: reads the app's subscription, sets it where it may.
pub async fn keep(app: &App) -> Result<Next, FlowError> {
    let now = app.clock.now();
    let wanted = url(app);
    let mut found = match app.graph.app_subscription().await {
        Ok(found) => found,
        // some apps may set it in the dashboard only (facts D16): told, not fought
        Err(failure) if !failure.is_uncertain() => {
            tracing::warn!("the app-level callback cannot be read: {}", failure.message);
            return Ok(Next::At(now + LOOK_EVERY));
        }
        Err(failure) => return Err(failure.into()),
    };
    let mut tx = app.store.read().await?;
    let was_ours = matches!(known(&mut tx).await?, AppCallback::Ours | AppCallback::LacksFields(_));
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
    let standing = match &found {
        None => json!({ "state": "missing" }),
        Some(it) if is_of_this_installation(&wanted, &it.callback_url) => {
            let missing: Vec<_> = FIELDS.iter().filter(|field| !it.fields.iter().any(|f| f == *field)).collect();
            json!({ "state": "ours", "missing": missing })
        }
        Some(it) => json!({ "state": "foreign", "url": it.callback_url }),
    };
    let is_well = standing["state"] == "ours";
    let mut tx = app.store.write().await?;
    settings::set(&mut tx, KEY, &standing.to_string(), now).await?;
    tx.commit().await?;
    Ok(Next::At(now + if is_well { LOOK_EVERY } else { UNANSWERED_AFTER }))
}

/// What was found last.
pub async fn known(tx: &mut Tx) -> Result<AppCallback, store::Error> {
    let Some(text) = settings::get(tx, KEY).await? else { return Ok(AppCallback::Unread) };
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    let texts = |name: &str| {
        let list = value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    Ok(match value.get("state").and_then(Value::as_str) {
        Some("ours") if texts("missing").is_empty() => AppCallback::Ours,
        Some("ours") => AppCallback::LacksFields(texts("missing")),
        Some("missing") => AppCallback::Missing,
        Some("foreign") => {
            AppCallback::Foreign(value.get("url").and_then(Value::as_str).unwrap_or_default().to_owned())
        }
        _ => AppCallback::Unread,
    })
}
