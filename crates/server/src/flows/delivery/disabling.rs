//! Switching an endpoint off that is gone or hopeless, and telling its account: once.

use domain::delivery::standing::WhyDisabled;
use serde_json::json;

use crate::App;
use crate::flows::{FlowError, notifications};
use crate::store::announcements::NewAnnouncement;
use crate::store::endpoints::{self, Endpoint};

/// It answered 410.
pub(super) const GONE: &str = WhyDisabled::Gone.as_str();

/// It took nothing for days.
pub(super) const HOPELESS: &str = WhyDisabled::Hopeless.as_str();

/// Switches it off. What waits for it stays, until it is as old as events get.
pub(super) async fn disable(app: &App, endpoint: &Endpoint, why: &'static str) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if endpoints::disable(&mut tx, endpoint.id, why, now).await? {
        let told = NewAnnouncement {
            account_id: endpoint.account_id,
            channel_id: endpoint.channel_id,
            kind: "endpoint_disabled".to_owned(),
            args: json!({ "endpoint": endpoint.id.to_string(), "name": endpoint.settings.name,
                "host": endpoint.settings.host, "why": why }),
            at: now,
        };
        notifications::publish(&mut tx, &told).await?;
        tracing::warn!(endpoint = %endpoint.id, host = endpoint.settings.host, why, "an endpoint was switched off");
    }
    tx.commit().await?;
    app.notifier.notify_endpoints();
    Ok(())
}
