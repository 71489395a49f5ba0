//! Disables an endpoint that is gone or fails for too long, and announces it to the account, once.

use domain::delivery::DisabledReason;
use serde_json::json;

use crate::App;
use crate::flows::{FlowError, announcements};
use crate::store::announcements::NewAnnouncement;
use crate::store::endpoints::{self, Endpoint};

/// Disables the endpoint. Its pending deliveries stay until retention removes them.
pub(super) async fn disable(app: &App, endpoint: &Endpoint, reason: DisabledReason) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if endpoints::disable(&mut tx, endpoint.id, reason, now).await? {
        let reason = reason.into_str();
        let announcement = NewAnnouncement {
            account_id: endpoint.account_id,
            channel_id: endpoint.channel_id,
            kind: "endpoint_disabled".to_owned(),
            args: json!({ "endpoint": endpoint.id.to_string(), "name": endpoint.settings.name,
                "host": endpoint.settings.host, "reason": reason }),
            at: now,
        };
        announcements::publish(&mut tx, &announcement).await?;
        tracing::warn!(endpoint = %endpoint.id, host = endpoint.settings.host, reason, "disabled an endpoint");
    }
    tx.commit().await?;
    Ok(())
}
