//! Meta's verification request for a callback: which token it must carry, and the note that it was answered.

use secrecy::SecretString;

use crate::App;
use crate::flows::{FlowError, app_callback};
use crate::store::channels;

/// The token that the request must carry: the app's own without a phone number, else the number's.
/// `None` for a number that is not connected.
pub async fn expected_token(app: &App, phone: Option<&str>) -> Result<Option<SecretString>, FlowError> {
    let Some(phone) = phone else { return app_callback::verify_token(app).await.map(Some) };
    let Ok(phone) = domain::phone::E164::parse(phone) else { return Ok(None) };
    let mut tx = app.store.read().await?;
    let Some(channel) = channels::find_by_phone(&mut tx, &phone).await? else { return Ok(None) };
    Ok(channels::credentials(&mut tx, channel.id).await?.map(|credentials| credentials.verify_token))
}

/// Records that the verification of a number's callback succeeded.
pub async fn record_verified(app: &App, phone: &str) -> Result<(), FlowError> {
    let Ok(phone) = domain::phone::E164::parse(phone) else { return Ok(()) };
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if let Some(channel) = channels::find_by_phone(&mut tx, &phone).await? {
        channels::record_verified(&mut tx, channel.id, now).await?;
    }
    tx.commit().await?;
    Ok(())
}
