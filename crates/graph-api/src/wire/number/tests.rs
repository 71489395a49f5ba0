//! The documented examples, and what is not documented.

use super::*;
use serde_json::json;

/// The row of facts §1.5.
#[test]
fn the_documented_row_is_read() {
    let row = json!({"verified_name":"Example Bakery","code_verification_status":"VERIFIED",
        "display_phone_number":"+1 555-010-0001","quality_rating":"UNKNOWN","platform_type":"NOT_APPLICABLE",
        "throughput":{"level":"NOT_APPLICABLE"},"last_onboarded_time":"2026-09-20T10:00:00+0000",
        "webhook_configuration":{"application":"https://app.example/wh"},"id":"720000000000001"});
    let number = read(&row, true).unwrap();
    assert_eq!(number.id, Some(PhoneNumberId("720000000000001".to_owned())));
    assert_eq!(number.platform_type, Some(PlatformType::NotApplicable));
    assert_eq!(number.throughput, Some(ThroughputLevel::NotApplicable));
    assert_eq!(number.last_onboarded_time.unwrap().to_string(), "2026-09-20T10:00:00Z");
    assert_eq!(number.webhook_configuration.unwrap().effective(), Some("https://app.example/wh"));
    assert_eq!((number.certificate, number.health_status), (Some(false), None));
}

/// The example of facts §6.3: errors of a limited entity are read, noise included.
#[test]
fn health_is_read_entity_by_entity() {
    let node = json!({"health_status":{"can_send_message":"BLOCKED","entities":[
        {"entity_type":"PHONE_NUMBER","id":"720","can_send_message":"LIMITED","can_receive_call_sip":"BLOCKED",
         "errors":[{"error_code":138_024,"error_description":"no SIP","possible_solution":"Configure SIP"}],
         "additional_info":["Your display name has not been approved yet."]},
        {"entity_type":"BUSINESS","can_send_message":"LIMITED","errors":[{"error_code":"141010"}]},
        {"entity_type":"MOON","id":9}, {"id":"nothing"}, 7]},"id":"720"});
    let entities = read(&node, false).unwrap().health_status.unwrap();
    assert_eq!(entities.len(), 3);
    assert_eq!(entities[0].can_send, Some(CanSend::Limited));
    assert_eq!(entities[0].errors[0].code, 138_024);
    assert_eq!(entities[0].additional_info.len(), 1);
    assert_eq!(entities[1].errors[0].code, 141_010);
    assert_eq!(entities[2].entity_type, EntityType::Other("MOON".to_owned()));
    assert_eq!(entities[2].id.as_deref(), Some("9"));
}

#[test]
fn a_member_of_another_type_is_not_read_and_spoils_nothing() {
    let node = json!({"id":720,"status":["CONNECTED"],"throughput":"STANDARD","is_on_biz_app":"true",
        "is_pin_enabled":1,"health_status":"BLOCKED","webhook_configuration":[],"name_status":"SOMETHING_NEW",
        "last_onboarded_time":"soon","platform_type":null,"quality_rating":""});
    let number = read(&node, false).unwrap();
    assert_eq!(number.id, Some(PhoneNumberId("720".to_owned())));
    assert_eq!(number.is_on_biz_app, Some(true));
    assert_eq!(number.name_status, Some(NameStatus::Other("SOMETHING_NEW".to_owned())));
    let expected = NumberReading {
        id: number.id.clone(),
        is_on_biz_app: number.is_on_biz_app,
        name_status: number.name_status.clone(),
        ..NumberReading::default()
    };
    assert_eq!(number, expected);
    assert_eq!(read(&json!([]), true), None);
}
