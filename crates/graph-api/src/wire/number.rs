//! `GET /{phone_number_id}` or one row of the account's list (facts §1.6), and `health_status`
//! (facts §6.3). Facts only: calling noise and the root verdict are not judged here.

use domain::ids::PhoneNumberId;
use domain::meta::reading::{
    AccountMode, CanSend, CodeVerification, EntityError, EntityType, HealthEntity, MessagingLimit, NameStatus,
    NumberReading, NumberStatus, PlatformType, QualityRating, ThroughputLevel, WebhookConfiguration,
};
use serde_json::Value;

use super::{filled, flag, list, text, texts, time, whole};

/// Reads a number; `None` when it is no object. Graph leaves out empty members: a certificate that was requested and did not
/// come means that there is none yet, one that was not requested means that it was not read.
pub(crate) fn read(node: &Value, certificate_asked: bool) -> Option<NumberReading> {
    node.as_object()?;
    let word = |name: &str| filled(node, name);
    let certificate = word("certificate").is_some();
    Some(NumberReading {
        id: word("id").map(PhoneNumberId),
        display_phone_number: word("display_phone_number"),
        verified_name: word("verified_name"),
        name_status: word("name_status").map(|w| NameStatus::parse(&w)),
        new_display_name: word("new_display_name"),
        new_name_status: word("new_name_status").map(|w| NameStatus::parse(&w)),
        certificate: (certificate || certificate_asked).then_some(certificate),
        code_verification: word("code_verification_status").map(|w| CodeVerification::parse(&w)),
        status: word("status").map(|w| NumberStatus::parse(&w)),
        platform_type: word("platform_type").map(|w| PlatformType::parse(&w)),
        throughput: node.get("throughput").and_then(|t| filled(t, "level")).map(|w| ThroughputLevel::parse(&w)),
        quality_rating: word("quality_rating").map(|w| QualityRating::parse(&w)),
        messaging_limit_tier: word("messaging_limit_tier").map(|w| MessagingLimit::parse(&w)),
        portfolio_limit: word("whatsapp_business_manager_messaging_limit").map(|w| MessagingLimit::parse(&w)),
        account_mode: word("account_mode").map(|w| AccountMode::parse(&w)),
        is_on_biz_app: flag(node, "is_on_biz_app"),
        is_pin_enabled: flag(node, "is_pin_enabled"),
        last_onboarded_time: time::instant(node, "last_onboarded_time"),
        webhook_configuration: node.get("webhook_configuration").and_then(callbacks),
        health_status: health(node),
    })
}

fn callbacks(levels: &Value) -> Option<WebhookConfiguration> {
    levels.as_object()?;
    Some(WebhookConfiguration {
        application: filled(levels, "application"),
        whatsapp_business_account: filled(levels, "whatsapp_business_account"),
        phone_number: filled(levels, "phone_number"),
    })
}

/// The entities of a node's `health_status`; `None` when it was not read.
pub(crate) fn health(node: &Value) -> Option<Vec<HealthEntity>> {
    let entities = node.get("health_status")?.get("entities")?.as_array()?;
    Some(entities.iter().filter_map(entity).collect())
}

fn entity(entity: &Value) -> Option<HealthEntity> {
    Some(HealthEntity {
        entity_type: EntityType::parse(&filled(entity, "entity_type")?),
        id: filled(entity, "id"),
        can_send: filled(entity, "can_send_message").map(|word| CanSend::parse(&word)),
        errors: list(entity, "errors").iter().filter_map(entity_error).collect(),
        additional_info: texts(entity, "additional_info"),
    })
}

fn entity_error(error: &Value) -> Option<EntityError> {
    Some(EntityError {
        code: whole(error, "error_code")?,
        description: text(error, "error_description").unwrap_or_default(),
        possible_solution: filled(error, "possible_solution"),
    })
}

#[cfg(test)]
mod tests;
