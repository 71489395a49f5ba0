//! Readings of a number and of its account as JSON: only what was read is written.
//!
//! Meta's words are kept as Meta wrote them, known or not. Adding a field to a reading breaks the
//! build here, on purpose.

use domain::ids::{AppId, BusinessId, PhoneNumberId, WabaId};
use domain::meta::reading::{
    AccountMode, AccountReview, BusinessVerification, CanSend, CodeVerification, EntityError, EntityType, HealthEntity,
    MessagingLimit, NameStatus, NumberReading, NumberStatus, PlatformType, QualityRating, SubscribedApp,
    ThroughputLevel, WabaReading, WebhookConfiguration,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Writes a reading of a number.
pub(crate) fn number_to_json(reading: &NumberReading) -> Value {
    // by name, so that a new field cannot be forgotten
    let NumberReading {
        id,
        display_phone_number,
        verified_name,
        name_status,
        new_display_name,
        new_name_status,
        certificate,
        code_verification,
        status,
        platform_type,
        throughput,
        quality_rating,
        messaging_limit_tier,
        portfolio_limit,
        account_mode,
        is_on_biz_app,
        is_pin_enabled,
        last_onboarded_time,
        webhook_configuration,
        health_status,
    } = reading;
    written([
        ("id", id.as_ref().map(|id| id.as_str().into())),
        ("display_phone_number", display_phone_number.as_deref().map(Value::from)),
        ("verified_name", verified_name.as_deref().map(Value::from)),
        ("name_status", name_status.as_ref().map(|word| word.as_str().into())),
        ("new_display_name", new_display_name.as_deref().map(Value::from)),
        ("new_name_status", new_name_status.as_ref().map(|word| word.as_str().into())),
        ("certificate", certificate.map(Value::from)),
        ("code_verification", code_verification.as_ref().map(|word| word.as_str().into())),
        ("status", status.as_ref().map(|word| word.as_str().into())),
        ("platform_type", platform_type.as_ref().map(|word| word.as_str().into())),
        ("throughput", throughput.as_ref().map(|word| word.as_str().into())),
        ("quality_rating", quality_rating.as_ref().map(|word| word.as_str().into())),
        ("messaging_limit_tier", messaging_limit_tier.as_ref().map(|word| word.as_str().into())),
        ("portfolio_limit", portfolio_limit.as_ref().map(|word| word.as_str().into())),
        ("account_mode", account_mode.as_ref().map(|word| word.as_str().into())),
        ("is_on_biz_app", is_on_biz_app.map(Value::from)),
        ("is_pin_enabled", is_pin_enabled.map(Value::from)),
        ("last_onboarded_time", last_onboarded_time.map(|at| at.to_string().into())),
        ("webhook_configuration", webhook_configuration.as_ref().map(callbacks_to_json)),
        ("health_status", health_status.as_deref().map(entities_to_json)),
    ])
}

/// Reads a reading of a number back; what is missing was not read.
pub(crate) fn number_from_json(value: &Value) -> NumberReading {
    let v = Reader(value);
    NumberReading {
        id: v.text("id").map(|id| PhoneNumberId(id.to_owned())),
        display_phone_number: v.owned("display_phone_number"),
        verified_name: v.owned("verified_name"),
        name_status: v.text("name_status").map(NameStatus::parse),
        new_display_name: v.owned("new_display_name"),
        new_name_status: v.text("new_name_status").map(NameStatus::parse),
        certificate: v.yes("certificate"),
        code_verification: v.text("code_verification").map(CodeVerification::parse),
        status: v.text("status").map(NumberStatus::parse),
        platform_type: v.text("platform_type").map(PlatformType::parse),
        throughput: v.text("throughput").map(ThroughputLevel::parse),
        quality_rating: v.text("quality_rating").map(QualityRating::parse),
        messaging_limit_tier: v.text("messaging_limit_tier").map(MessagingLimit::parse),
        portfolio_limit: v.text("portfolio_limit").map(MessagingLimit::parse),
        account_mode: v.text("account_mode").map(AccountMode::parse),
        is_on_biz_app: v.yes("is_on_biz_app"),
        is_pin_enabled: v.yes("is_pin_enabled"),
        last_onboarded_time: v.text("last_onboarded_time").and_then(|at| at.parse::<Timestamp>().ok()),
        webhook_configuration: value.get("webhook_configuration").map(callbacks_from_json),
        health_status: v.list("health_status", entity_from_json),
    }
}

/// Writes a reading of an account.
pub(crate) fn waba_to_json(reading: &WabaReading) -> Value {
    let WabaReading {
        id,
        name,
        account_review,
        business_verification,
        status,
        owner_business_id,
        owner_business_name,
        health_status,
        subscribed_apps,
    } = reading;
    let app = |app: &SubscribedApp| {
        let SubscribedApp { app_id, override_callback_uri } = app;
        json!({ "app_id": app_id.as_str(), "override_callback_uri": override_callback_uri })
    };
    written([
        ("id", id.as_ref().map(|id| id.as_str().into())),
        ("name", name.as_deref().map(Value::from)),
        ("account_review", account_review.as_ref().map(|word| word.as_str().into())),
        ("business_verification", business_verification.as_ref().map(|word| word.as_str().into())),
        ("status", status.as_deref().map(Value::from)),
        ("owner_business_id", owner_business_id.as_ref().map(|id| id.as_str().into())),
        ("owner_business_name", owner_business_name.as_deref().map(Value::from)),
        ("health_status", health_status.as_deref().map(entities_to_json)),
        ("subscribed_apps", subscribed_apps.as_ref().map(|apps| apps.iter().map(app).collect())),
    ])
}

/// Reads a reading of an account back; what is missing was not read.
pub(crate) fn waba_from_json(value: &Value) -> WabaReading {
    let v = Reader(value);
    let app = |value: &Value| {
        let v = Reader(value);
        SubscribedApp {
            app_id: AppId(v.owned("app_id").unwrap_or_default()),
            override_callback_uri: v.owned("override_callback_uri"),
        }
    };
    WabaReading {
        id: v.text("id").map(|id| WabaId(id.to_owned())),
        name: v.owned("name"),
        account_review: v.text("account_review").map(AccountReview::parse),
        business_verification: v.text("business_verification").map(BusinessVerification::parse),
        status: v.owned("status"),
        owner_business_id: v.text("owner_business_id").map(|id| BusinessId(id.to_owned())),
        owner_business_name: v.owned("owner_business_name"),
        health_status: v.list("health_status", entity_from_json),
        subscribed_apps: v.list("subscribed_apps", app),
    }
}

fn callbacks_to_json(callbacks: &WebhookConfiguration) -> Value {
    let WebhookConfiguration { application, whatsapp_business_account, phone_number } = callbacks;
    json!({
        "application": application,
        "whatsapp_business_account": whatsapp_business_account,
        "phone_number": phone_number,
    })
}

fn callbacks_from_json(value: &Value) -> WebhookConfiguration {
    let v = Reader(value);
    WebhookConfiguration {
        application: v.owned("application"),
        whatsapp_business_account: v.owned("whatsapp_business_account"),
        phone_number: v.owned("phone_number"),
    }
}

fn entities_to_json(entities: &[HealthEntity]) -> Value {
    let error = |error: &EntityError| {
        let EntityError { code, description, possible_solution } = error;
        json!({ "code": code, "description": description, "possible_solution": possible_solution })
    };
    let entity = |entity: &HealthEntity| {
        let HealthEntity { entity_type, id, can_send, errors, additional_info } = entity;
        json!({
            "entity_type": entity_type.as_str(),
            "id": id,
            "can_send": can_send.as_ref().map(CanSend::as_str),
            "errors": errors.iter().map(error).collect::<Vec<_>>(),
            "additional_info": additional_info,
        })
    };
    entities.iter().map(entity).collect()
}

fn entity_from_json(value: &Value) -> HealthEntity {
    let v = Reader(value);
    let error = |value: &Value| {
        let v = Reader(value);
        EntityError {
            code: value.get("code").and_then(Value::as_i64).unwrap_or_default(),
            description: v.owned("description").unwrap_or_default(),
            possible_solution: v.owned("possible_solution"),
        }
    };
    HealthEntity {
        entity_type: EntityType::parse(v.text("entity_type").unwrap_or_default()),
        id: v.owned("id"),
        can_send: v.text("can_send").map(CanSend::parse),
        errors: v.list("errors", error).unwrap_or_default(),
        additional_info: v
            .list("additional_info", |text| text.as_str().unwrap_or_default().to_owned())
            .unwrap_or_default(),
    }
}

/// An object of the members that have a value.
fn written<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// Reads members of an object; what is absent or null is `None`.
struct Reader<'a>(&'a Value);

impl<'a> Reader<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    fn yes(&self, name: &str) -> Option<bool> {
        self.0.get(name).and_then(Value::as_bool)
    }

    fn list<T>(&self, name: &str, read: impl FnMut(&Value) -> T) -> Option<Vec<T>> {
        self.0.get(name).and_then(Value::as_array).map(|items| items.iter().map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entities() -> Vec<HealthEntity> {
        let error = EntityError { code: 141_000, description: "not registered".into(), possible_solution: None };
        vec![HealthEntity {
            entity_type: EntityType::PhoneNumber,
            id: Some("1".into()),
            can_send: Some(CanSend::Other("MAYBE".into())),
            errors: vec![error],
            additional_info: vec!["a remark".into()],
        }]
    }

    #[test]
    fn a_reading_of_a_number_reads_back_as_it_was() {
        let full = NumberReading {
            id: Some(PhoneNumberId("106".into())),
            display_phone_number: Some("+1 555-010-0001".into()),
            verified_name: Some("Bäckerei".into()),
            name_status: Some(NameStatus::AvailableWithoutReview),
            new_display_name: Some("Neu".into()),
            new_name_status: Some(NameStatus::PendingReview),
            certificate: Some(true),
            code_verification: Some(CodeVerification::Verified),
            status: Some(NumberStatus::Other("ON_THE_MOON".into())),
            platform_type: Some(PlatformType::CloudApi),
            throughput: Some(ThroughputLevel::Standard),
            quality_rating: Some(QualityRating::Green),
            messaging_limit_tier: Some(MessagingLimit::Tier1k),
            portfolio_limit: Some(MessagingLimit::Tier2k),
            account_mode: Some(AccountMode::Live),
            is_on_biz_app: Some(false),
            is_pin_enabled: Some(true),
            last_onboarded_time: Some("2026-11-22T12:00:00.5Z".parse().unwrap()),
            webhook_configuration: Some(WebhookConfiguration {
                application: Some("https://a".into()),
                whatsapp_business_account: None,
                phone_number: Some("https://p".into()),
            }),
            health_status: Some(entities()),
        };
        for reading in [full, NumberReading::default()] {
            assert_eq!(number_from_json(&number_to_json(&reading)), reading);
        }
        assert_eq!(number_to_json(&NumberReading::default()), json!({}));
    }

    #[test]
    fn a_reading_of_an_account_reads_back_as_it_was() {
        let full = WabaReading {
            id: Some(WabaId("102".into())),
            name: Some("Bakery".into()),
            account_review: Some(AccountReview::Approved),
            business_verification: Some(BusinessVerification::PendingSubmission),
            status: Some("ACTIVE".into()),
            owner_business_id: Some(BusinessId("7".into())),
            owner_business_name: Some("Bakery Ltd".into()),
            health_status: Some(entities()),
            subscribed_apps: Some(vec![SubscribedApp {
                app_id: AppId("42".into()),
                override_callback_uri: Some("https://w".into()),
            }]),
        };
        for reading in [full, WabaReading::default()] {
            assert_eq!(waba_from_json(&waba_to_json(&reading)), reading);
        }
    }
}
