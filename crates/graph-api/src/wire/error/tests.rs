//! Every row of `meta/errors.json` through wire and domain, and bodies of every other shape.

use domain::meta::failure::{Failure, FailureKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn rows() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../meta/errors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The body Meta would send for a row: its message, and what tells it apart where people read it.
fn body_of(row: &Value) -> Value {
    let code = &row["code"];
    let message =
        text(row, "message_example").unwrap_or_else(|| format!("(#{code}) {}", row["title"].as_str().unwrap()));
    let mut error = json!({ "message": message, "type": row["type"], "code": code, "fbtrace_id": "Az8or2yhq" });
    if let Some(subcode) = row["subcode"].as_i64() {
        error["error_subcode"] = json!(subcode);
    }
    match row["match"].as_str() {
        Some(words) if row["subcode"] == json!(2_388_001) => {
            error["error_user_title"] = json!("Cannot Create Certificate");
            error["error_user_msg"] = json!(format!("Sorry: {words}."));
        }
        Some(words) => error["message"] = json!(format!("(#{code}) {words}.")),
        None => {}
    }
    json!({ "error": error })
}

fn failure_of(row: &Value) -> Failure {
    let status = row["http_status"].as_u64().map_or(400, |status| u16::try_from(status).unwrap());
    Failure::from_meta(read(&body_of(row), status, &[]).expect("an error of Meta's"))
}

/// The kinds a class of the table may become: a caller must not treat a wait as a dead end, nor a
/// person's task as something that passes by itself.
fn allowed(class: &str) -> &'static [FailureKind] {
    use FailureKind as K;
    match class {
        "token" => &[K::TokenDead],
        "permission" => &[K::AccessLost],
        "transient" => &[K::Transient, K::NameNotReady, K::DeregistrationIncomplete],
        "rate_limited" => &[K::Throttled, K::BudgetSpent, K::PinGuessesSpent, K::PinGuessedTooFast],
        "user_action" => &[
            K::NumberTaken,
            K::OwnershipUnconfirmed,
            K::TwoStepAtPreviousOwner,
            K::CertificateRefused,
            K::PinMismatch,
            K::ReverificationNeeded,
            K::NotRegistered,
            K::AccountLocked,
            K::PolicyBlocked,
            K::CodeSpent,
            K::CoexistenceRefused,
            K::PaymentMissing,
            K::BusinessUnverified,
            K::Permanent,
        ],
        "permanent" => &[K::Permanent, K::AppMisconfigured, K::UnknownField, K::AlreadyVerified, K::NotRegistered],
        other => panic!("a class without a rule: {other}"),
    }
}

#[test]
fn every_row_of_graph_and_its_kin_is_classified_within_its_class() {
    let mut seen = 0;
    for row in rows().iter().filter(|row| row["surface"] != "embedded_signup_popup") {
        // 131000 is "try again" as an answer, and a finding ("profile incomplete") in a health report.
        if row["surface"] == "health_status" && row["code"] == json!(131_000) {
            continue;
        }
        let (kind, class) = (failure_of(row).kind, row["class"].as_str().unwrap());
        assert!(allowed(class).contains(&kind), "{kind:?} is not {class}: {row}");
        seen += 1;
    }
    assert_eq!(seen, 144);
}

/// Codes the popup shows to people never come back from a call; if one did, nothing must break.
#[test]
fn popup_rows_are_read_and_never_taken_for_a_dead_token() {
    for row in rows().iter().filter(|row| row["surface"] == "embedded_signup_popup") {
        let failure = failure_of(row);
        assert!(!failure.is_access_failure(), "{:?}: {row}", failure.kind);
        assert!(!failure.message.is_empty());
    }
}

/// The rows rules depend on, one by one.
#[test]
fn rows_with_a_rule_of_their_own_have_a_kind_of_their_own() {
    use FailureKind as K;
    let expected = [
        (json!(100), json!(2_388_001), json!("display name could not be processed"), K::NameNotReady),
        (json!(100), json!(2_388_001), json!("registered to an existing WhatsApp account"), K::NumberTaken),
        (json!(100), json!(2_388_001), json!("confirm ownership"), K::OwnershipUnconfirmed),
        (json!(100), json!(2_388_001), json!("two-step"), K::TwoStepAtPreviousOwner),
        (json!(100), json!(2_388_001), json!(null), K::CertificateRefused),
        (json!(100), json!(36_007), json!("authorization code has expired"), K::CodeSpent),
        (json!(100), json!(36_008), json!("redirect_uri is identical"), K::AppMisconfigured),
        (json!(100), json!(36_009), json!("authorization code has been used"), K::CodeSpent),
        (json!(100), json!(33), json!("does not exist, cannot be loaded"), K::AccessLost),
        (json!(100), json!(2_207_051), json!(null), K::NotRegistered),
        (json!(100), json!(null), json!("appsecret_proof"), K::AppMisconfigured),
        (json!(100), json!(null), json!("Tried accessing nonexisting field"), K::UnknownField),
        (json!(100), json!(null), json!("not available for API solution for SMB"), K::CoexistenceRefused),
        (json!(1), json!(null), json!("Error validating client secret"), K::AppMisconfigured),
        (json!(101), json!(null), json!(null), K::AppMisconfigured),
        (json!(191), json!(null), json!(null), K::AppMisconfigured),
        (json!(368), json!(null), json!(null), K::PolicyBlocked),
        (json!(131_031), json!(null), json!(null), K::AccountLocked),
        (json!(131_042), json!(null), json!(null), K::PaymentMissing),
        (json!(131_045), json!(null), json!(null), K::NotRegistered),
        (json!(133_000), json!(null), json!(null), K::DeregistrationIncomplete),
        (json!(133_004), json!(null), json!(null), K::Transient),
        (json!(133_005), json!(null), json!(null), K::PinMismatch),
        (json!(133_006), json!(null), json!(null), K::ReverificationNeeded),
        (json!(133_008), json!(null), json!(null), K::PinGuessesSpent),
        (json!(133_009), json!(null), json!(null), K::PinGuessedTooFast),
        (json!(133_010), json!(null), json!(null), K::NotRegistered),
        (json!(133_015), json!(null), json!(null), K::Transient),
        (json!(133_016), json!(null), json!(null), K::BudgetSpent),
        (json!(134_102), json!(null), json!(null), K::Permanent),
        (json!(136_024), json!(null), json!(null), K::AlreadyVerified),
        (json!(141_000), json!(null), json!(null), K::NotRegistered),
        (json!(141_006), json!(null), json!(null), K::PaymentMissing),
        (json!(141_010), json!(null), json!(null), K::BusinessUnverified),
    ];
    let rows = rows();
    for (code, subcode, words, kind) in expected {
        let found = rows.iter().find(|r| r["code"] == code && r["subcode"] == subcode && r["match"] == words);
        let row = found.unwrap_or_else(|| panic!("no row {code} {subcode} {words}"));
        assert_eq!(failure_of(row).kind, kind, "{row}");
    }
}

/// The example of facts §2.1, with every member.
#[test]
fn every_member_is_read() {
    let body = json!({"error":{"message":"(#130429) Rate limit hit","type":"OAuthException","code":130_429,
        "error_subcode":2_494_055,"is_transient":false,"error_user_title":"T","error_user_msg":"M",
        "error_data":{"messaging_product":"whatsapp","details":"D"},"fbtrace_id":"Az8"}});
    let expected = MetaError {
        code: 130_429,
        subcode: Some(2_494_055),
        http_status: Some(400),
        message: "(#130429) Rate limit hit".to_owned(),
        user_title: Some("T".to_owned()),
        user_message: Some("M".to_owned()),
        details: Some("D".to_owned()),
        fbtrace_id: Some("Az8".to_owned()),
    };
    assert_eq!(read(&body, 400, &[]), Some(expected));
}

#[test]
fn error_data_is_an_object_a_text_or_json_in_a_text() {
    let details = |data: Value| read(&json!({"error":{"code":1,"error_data":data}}), 500, &[]).unwrap().details;
    assert_eq!(details(json!({"details":"wait"})).as_deref(), Some("wait"));
    assert_eq!(details(json!("wait")).as_deref(), Some("wait"));
    assert_eq!(details(json!("{\"details\":\"wait\"}")).as_deref(), Some("wait"));
    assert_eq!(details(json!("")), None);
    assert_eq!(details(json!(["wait"])), None);
    assert_eq!(details(json!({"blame_field_specs":[["pin"]]})), None);
}

#[test]
fn missing_members_are_nothing_and_numbers_may_be_texts() {
    let error = read(&json!({"error":{"code":"190","error_subcode":"463","message":7}}), 401, &[]).unwrap();
    assert_eq!((error.code, error.subcode, error.message.as_str()), (190, Some(463), "7"));
    for body in [json!({}), json!({"error":"invalid_request"}), json!({"error":{}}), json!({"error":null}), json!([])] {
        assert_eq!(read(&body, 400, &[]), None, "{body}");
    }
}

#[test]
fn what_meta_quotes_back_is_cleaned() {
    let body = json!({"error":{"code":190,"message":"Malformed access token tok-1","error_user_msg":"tok-1?",
        "error_data":"tok-1!"}});
    let failure = Failure::from_meta(read(&body, 401, &["tok-1"]).unwrap());
    assert!(!format!("{failure:?}").contains("tok-1"));
    assert_eq!(failure.meta.unwrap().message, "Malformed access token [redacted]");
}

/// Any JSON at all, a few levels deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let name = prop_oneof!["error", "code", "message", "error_data", "details", "error_subcode", "[a-z]{1,5}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_makes_it_panic(body in any_json(), status in 100_u16..600, wrapped in any::<bool>()) {
        let body = if wrapped { json!({ "error": body }) } else { body };
        if let Some(error) = read(&body, status, &["secret"]) {
            let failure = Failure::from_meta(error);
            prop_assert!(failure.meta.is_some());
        }
    }
}
