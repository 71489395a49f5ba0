//! `GET /{waba_id}` and its subscribed apps (facts §1.4, §1.11).

use domain::ids::{AppId, BusinessId, WabaId};
use domain::meta::reading::{AccountReview, BusinessVerification, SubscribedApp, WabaReading};
use serde_json::Value;

use super::number::health;
use super::{filled, text};

/// Reads an account; `None` when it is no object.
pub(crate) fn read(node: &Value) -> Option<WabaReading> {
    node.as_object()?;
    let owner = node.get("owner_business_info").unwrap_or(&Value::Null);
    Some(WabaReading {
        id: filled(node, "id").map(WabaId),
        name: text(node, "name"),
        account_review: filled(node, "account_review_status").map(|word| AccountReview::parse(&word)),
        business_verification: filled(node, "business_verification_status")
            .map(|word| BusinessVerification::parse(&word)),
        status: filled(node, "status"),
        owner_business_id: filled(owner, "id").map(BusinessId),
        owner_business_name: filled(owner, "name"),
        health_status: health(node),
        subscribed_apps: None,
    })
}

/// Reads one row of `subscribed_apps`.
pub(crate) fn subscribed_app(row: &Value) -> Option<SubscribedApp> {
    let app = row.get("whatsapp_business_api_data")?;
    let override_callback_uri = filled(row, "override_callback_uri");
    Some(SubscribedApp { app_id: AppId(filled(app, "id")?), override_callback_uri })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The example of facts §1.4.
    #[test]
    fn the_documented_example_is_read() {
        let node = json!({"id":"710000000000001","name":"Example Bakery","currency":"EUR","timezone_id":"25",
            "country":"DE","status":"ACTIVE","account_review_status":"APPROVED",
            "business_verification_status":"NOT_VERIFIED","ownership_type":"CLIENT_OWNED",
            "owner_business_info":{"id":"730000000000001","name":"Example Bakery GmbH"}});
        let waba = read(&node).unwrap();
        assert_eq!(waba.business_verification, Some(BusinessVerification::NotVerified));
        assert_eq!(waba.account_review, Some(AccountReview::Approved));
        assert_eq!(waba.owner_business_id, Some(BusinessId("730000000000001".to_owned())));
        assert_eq!(waba.status.as_deref(), Some("ACTIVE"));
    }

    #[test]
    fn apps_are_read_with_and_without_an_override() {
        let row = json!({"whatsapp_business_api_data":{"id":"740","name":"Onboarder"},"override_callback_uri":""});
        let app = subscribed_app(&row).unwrap();
        assert_eq!((app.app_id.as_str(), app.override_callback_uri), ("740", None));
        assert_eq!(subscribed_app(&json!({ "id": "740" })), None);
    }
}
