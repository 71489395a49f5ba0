//! Meta's verification request for a callback: which token it must carry, and the note that it was answered.

use domain::ids::ChannelId;
use domain::phone::E164;
use secrecy::SecretString;

use crate::App;
use crate::flows::{FlowError, app_callback};
use crate::store::channels;

/// The callback that a verification request is about.
pub struct Callback {
    /// The token that the request must carry.
    pub token: SecretString,
    /// `None` for the callback of the app itself.
    channel: Option<ChannelId>,
}

/// Finds the callback of a number, or the app's own without one; `None` for a number that is not connected.
pub async fn find(app: &App, phone: Option<&str>) -> Result<Option<Callback>, FlowError> {
    let Some(phone) = phone else {
        let token = app_callback::verify_token(app).await?;
        return Ok(Some(Callback { token, channel: None }));
    };
    let Ok(phone) = E164::parse(phone) else { return Ok(None) };
    let found = channels::verify_token(&mut app.store.read().await?, &phone).await?;
    Ok(found.map(|(id, token)| Callback { token, channel: Some(id) }))
}

/// Records that a number's callback was verified.
pub async fn record_verified(app: &App, callback: &Callback) -> Result<(), FlowError> {
    let Some(id) = callback.channel else { return Ok(()) };
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    channels::record_verified(&mut tx, id, now).await?;
    tx.commit().await?;
    Ok(())
}
