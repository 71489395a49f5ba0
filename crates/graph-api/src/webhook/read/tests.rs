//! Every documented payload (`meta/webhook_fields.json`), read; every other field, kept.

use domain::interpretation::{Wake, interpret};
use serde_json::json;

use super::super::split;
use super::*;

fn file(name: &str) -> Value {
    let path = format!("{}/../../meta/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The one change of a documented payload, read; the quick look must agree with the full one.
fn documented(name: &str) -> Change {
    let body = file("webhook_fields.json")[name].to_string();
    let changes = split(body.as_bytes()).unwrap();
    assert_eq!(changes.len(), 1, "{name}");
    let (change, peek) = (changes[0].read(), changes[0].peek());
    assert_eq!(peek.subject, change.subject, "{name}");
    if let Content::Messages(messages) = &change.content {
        assert_eq!(&peek.messages, messages, "{name}");
    }
    change
}

fn account(event: &str) -> AccountUpdate {
    let Content::Account(update) = documented(event).content else { panic!("{event}") };
    update
}

fn about(waba: &str, owner: Option<&str>) -> Subject {
    let owner_business_id = owner.map(|id| BusinessId(id.to_owned()));
    Subject { waba_id: Some(WabaId(waba.to_owned())), owner_business_id, ..Subject::default() }
}

const WABA: &str = "710000000000001";
const OWNER: &str = "730000000000001";

/// Fields whose payload says nothing this version acts on.
const UNREAD: [&str; 2] = ["user_preferences", "payment_configuration_update"];

#[test]
fn every_documented_payload_is_read_and_names_its_account() {
    let payloads = file("webhook_fields.json");
    let mut seen = 0;
    for name in payloads.as_object().unwrap().keys() {
        let change = documented(name);
        let field = name.split('#').next().unwrap();
        assert_eq!(change.field, field, "{name}");
        assert_eq!(change.content == Content::Unread, UNREAD.contains(&field), "{name}: {:?}", change.content);
        let expected = if field == "partner_solutions" { None } else { Some(WABA) };
        assert_eq!(change.subject.waba_id.as_ref().map(WabaId::as_str), expected, "{name}");
        let has_time = change.entry_id.is_empty() || change.time.is_some();
        let is_message_like = change.subject.phone_number_id.is_some();
        assert!(has_time || is_message_like, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 60);
}

/// Every field named anywhere in the enums file but without a payload, and one nobody knows.
#[test]
fn a_field_this_version_does_not_read_is_kept() {
    for field in ["flows", "calls", "group_lifecycle_update", "message_echoes_of_the_moon", ""] {
        let change = RawChange::from_parts("710", field, Some(1_790_000_000), r#"{"x":[1]}"#).unwrap().read();
        assert_eq!((change.content, change.field.as_str()), (Content::Unread, field));
        assert_eq!(change.subject, about("710", None));
    }
}

#[test]
fn messages_are_counted_and_name_their_number() {
    let change = documented("messages");
    assert_eq!(change.subject.phone_number_id, Some(PhoneNumberId("720000000000001".to_owned())));
    assert_eq!(change.subject.phone_digits.as_deref(), Some("15550100001"));
    let seen = |payload: &str| {
        let Content::Messages(seen) = documented(payload).content else { panic!("{payload}") };
        (seen.inbound, seen.working_statuses, seen.error_codes)
    };
    assert_eq!(seen("messages"), (1, 0, vec![]));
    assert_eq!(seen("messages#system"), (1, 0, vec![]));
    for working in ["sent", "delivered", "read"] {
        assert_eq!(seen(&format!("messages#statuses.{working}")), (0, 1, vec![]));
    }
    assert_eq!(seen("messages#statuses.failed"), (0, 0, vec![131_042]));
    assert_eq!(seen("messages#errors"), (0, 0, vec![130_429]));
}

/// Facts §3.2: for `PARTNER_*` the entry is our own portfolio; the account stands in `waba_info`.
#[test]
fn partner_events_name_the_customers_account_not_ours() {
    for event in ["", "#PARTNER_ADDED.solution", "#PARTNER_REMOVED", "#AD_ACCOUNT_LINKED", "#MM_LITE_TERMS_SIGNED"] {
        let change = documented(&format!("account_update{event}"));
        assert_eq!(
            (change.entry_id.as_str(), change.subject),
            ("750000000000001", about(WABA, Some(OWNER))),
            "{event}"
        );
    }
    let without_info = RawChange::from_parts("750", "account_update", None, r#"{"event":"PARTNER_REMOVED"}"#).unwrap();
    assert_eq!(without_info.read().subject, Subject::default(), "our portfolio is never taken for an account");
}

#[test]
fn account_updates_are_read_in_detail() {
    assert_eq!(account("account_update").event, AccountEvent::PartnerAdded);
    let installed = account("account_update#PARTNER_APP_INSTALLED");
    assert_eq!(installed.partner_app_id, Some(AppId("740000000000001".to_owned())));
    let left = account("account_update#PARTNER_REMOVED.coexistence");
    let why = left.disconnection.unwrap();
    assert_eq!(why.reason.as_deref(), Some("PRIMARY_INACTIVITY"));
    assert!(why.initiated_by.is_some());
    assert_eq!(account("account_update#ACCOUNT_VIOLATION").violation.as_deref(), Some("SPAM"));
    let banned = account("account_update#DISABLED_UPDATE.SCHEDULE_FOR_DISABLE");
    assert_eq!(banned.ban_state, Some(BanState::ScheduleForDisable));
    assert_eq!(banned.ban_date.as_deref(), Some("September 21, 2026"));
    let restricted = account("account_update#ACCOUNT_RESTRICTION").restrictions;
    assert_eq!(restricted.len(), 2);
    assert_eq!(restricted[0].kind, "RESTRICTED_BIZ_INITIATED_MESSAGING");
    assert_eq!(restricted[0].until.map(jiff::Timestamp::as_second), Some(1_790_604_800));
    let verified = documented("account_update#VERIFIED_ACCOUNT");
    assert_eq!(verified.subject.phone_digits.as_deref(), Some("15550100001"));
}

#[test]
fn every_known_account_event_has_its_own_variant() {
    for word in AccountEvent::KNOWN {
        let value = json!({ "event": word }).to_string();
        let change = RawChange::from_parts("710", "account_update", None, &value).unwrap().read();
        let Content::Account(update) = change.content else { panic!("{word}") };
        assert_eq!(update.event.as_str(), *word);
        assert!(!matches!(update.event, AccountEvent::Other(_)));
    }
}

#[test]
fn names_quality_and_security_carry_digits_only() {
    let rejected = documented("phone_number_name_update#REJECTED");
    let expected = Content::Name {
        decision: ReviewDecision::Rejected,
        requested_name: Some("Best Deals 4U".to_owned()),
        rejection_reason: Some("NAME_NOT_CONSISTENT".to_owned()),
    };
    assert_eq!(rejected.content, expected);
    assert_eq!(
        (rejected.subject.phone_number_id, rejected.subject.phone_digits.as_deref()),
        (None, Some("15550100001"))
    );
    let legacy = documented("phone_number_quality_update#legacy_UPGRADE").content;
    assert_eq!(legacy, Content::Quality { event: "UPGRADE".to_owned(), limit: Some(MessagingLimit::Tier10k) });
    let security = documented("security#PIN_REQUEST_SUCCESS").content;
    assert_eq!(security, Content::Security { event: SecurityEvent::PinRequestSuccess });
    let review = documented("account_review_update#REJECTED").content;
    assert_eq!(review, Content::AccountReview { decision: ReviewDecision::Rejected });
}

/// Facts D13: a limit comes as text or as a number.
#[test]
fn limits_are_read_either_way() {
    for name in ["business_capability_update", "business_capability_update#numeric"] {
        let expected = Content::Capability { limit: Some(MessagingLimit::Tier2k), max_phone_numbers: Some(25) };
        assert_eq!(documented(name).content, expected, "{name}");
    }
    let legacy = Content::Capability { limit: Some(MessagingLimit::Tier250), max_phone_numbers: Some(2) };
    assert_eq!(documented("business_capability_update#legacy").content, legacy);
}

#[test]
fn notices_templates_and_coexistence() {
    let notice = |payload: &str| {
        let Content::Notice { event } = documented(payload).content else { panic!("{payload}") };
        event
    };
    assert_eq!(notice("account_alerts"), "INCREASED_CAPABILITIES_ELIGIBILITY_NEED_MORE_INFO");
    assert_eq!(notice("account_alerts#flat_legacy"), "OBA_APPROVED");
    assert_eq!(notice("business_status_update"), "COMPROMISED_NOTIFICATION");
    let flat = documented("account_alerts#flat_legacy").subject;
    assert_eq!(flat.phone_number_id, Some(PhoneNumberId("720000000000001".to_owned())));
    let template = |payload: &str| {
        let Content::Template { name, event } = documented(payload).content else { panic!("{payload}") };
        (name, event)
    };
    let order = |event: &str| ("order_confirmation".to_owned(), event.to_owned());
    assert_eq!(template("message_template_status_update#PAUSED"), order("PAUSED"));
    assert_eq!(template("message_template_quality_update"), order("YELLOW"));
    assert_eq!(template("template_category_update"), order("MARKETING"));
    assert_eq!(template("template_category_update#impending"), order("MARKETING"));
    assert_eq!(documented("history#declined").content, Content::Coexistence { error_codes: vec![2_593_109] });
    assert_eq!(documented("history").content, Content::Coexistence { error_codes: vec![] });
}

/// Facts §3.3: one example of Meta's carries the wrong field name.
#[test]
fn a_quality_update_under_the_wrong_name_is_told_by_its_content() {
    let value = json!({ "new_quality_score": "RED", "message_template_name": "promo" }).to_string();
    let change = RawChange::from_parts("710", "message_template_status_update", None, &value).unwrap().read();
    assert_eq!(change.field, "message_template_quality_update");
    assert_eq!(change.content, Content::Template { name: "promo".to_owned(), event: "RED".to_owned() });
}

#[test]
fn members_of_another_type_spoil_neither_look() {
    let value = json!({ "metadata": { "phone_number_id": 720, "display_phone_number": "+1 555" },
        "messages": null, "statuses": [{ "status": "sent" }, 7, { "errors": [{ "code": "131031" }, {}] }] });
    let text = value.to_string();
    let change = RawChange::from_parts("710", "messages", None, &text).unwrap();
    let expected = MessagesSeen { inbound: 0, working_statuses: 1, error_codes: vec![131_031] };
    assert_eq!(change.peek().messages, expected);
    assert_eq!(change.read().content, Content::Messages(expected));
    assert_eq!(change.peek().subject, change.read().subject);
    assert_eq!(change.read().subject.phone_number_id, Some(PhoneNumberId("720".to_owned())));
}

/// Found by the fuzz targets or beside what they found: where the metadata is not the whole truth.
#[test]
fn the_first_look_says_of_odd_members_what_the_full_one_says() {
    let beside = |more: Value| {
        let mut value = json!({ "metadata": { "phone_number_id": "720", "display_phone_number": "" } });
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    let cases = [
        ("messages", beside(json!({ "statuses": [{ "status": "sent\u{0}" }] }))),
        ("messages", beside(json!({ "metadata": { "phone_number_id": " " } }))),
        ("messages", beside(json!({ "display_phone_number": "15550100001" }))),
        ("messages", beside(json!({ "phone_number": "15550100001" }))),
        ("messages", beside(json!({ "waba_info": { "waba_id": "711", "owner_business_id": "730" } }))),
        ("account_alerts", beside(json!({ "entity_type": "WABA", "entity_id": "711" }))),
        ("account_update", beside(json!({ "event": "PARTNER_REMOVED" }))),
        ("business_status_update", beside(json!({ "business_id": "730" }))),
        ("partner_solutions", beside(json!({}))),
    ];
    for (field, value) in cases {
        let text = value.to_string();
        let change = RawChange::from_parts("710", field, None, &text).unwrap();
        let (peek, read) = (change.peek(), change.read());
        assert_eq!(peek.subject, read.subject, "{field} {text}");
        if let Content::Messages(messages) = read.content {
            assert_eq!(peek.messages, messages, "{field} {text}");
        }
    }
}

/// The order of facts §3.1: escaped text means the same and is kept as it came.
#[test]
fn escaped_text_is_understood() {
    let raw = r#"{"decision":"APPROVED","requested_verified_name":"B\u00e4ckerei \u041b\/\ud83c\udf5e"}"#;
    let change = RawChange::from_parts("710", "phone_number_name_update", None, raw).unwrap();
    let Content::Name { requested_name, .. } = change.read().content else { panic!("no name") };
    assert_eq!(requested_name.as_deref(), Some("Bäckerei Л/🍞"));
    assert_eq!(change.value.get(), raw);
}

/// What the domain makes of what was read: the way is open end to end.
#[test]
fn an_approved_name_wakes_the_registration() {
    let meaning = interpret(&documented("phone_number_name_update"));
    assert!(meaning.wakes.contains(&Wake::Registration));
}
