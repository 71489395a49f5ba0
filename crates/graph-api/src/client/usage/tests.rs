//! What the headers mean and when a bucket closes and opens.

use super::*;

const HEADER: &str = "x-business-use-case-usage";

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + minute * 60).unwrap()
}

fn headers(name: &'static str, json: &str) -> HeaderMap {
    [(reqwest::header::HeaderName::from_static(name), json.parse().unwrap())].into_iter().collect()
}

fn throttled(code: i64) -> MetaError {
    MetaError { code, ..MetaError::default() }
}

#[test]
fn a_full_bucket_closes_for_the_minutes_meta_names_and_no_other_bucket_with_it() {
    let budgets = Budgets::default();
    let json = r#"{"710":[{"type":"whatsapp","call_count":100,"estimated_time_to_regain_access":90},
        {"type":"whatsapp_business_management","call_count":3,"total_cputime":100,"total_time":1,"estimated_time_to_regain_access":7}]}"#
        .replace('\n', " ");
    budgets.note_headers(&headers(HEADER, &json), at(0));
    let refusal = budgets.refusal(Some("710"), at(2)).unwrap();
    assert_eq!((refusal.until, refusal.wait), (at(7), SignedDuration::from_mins(5)));
    assert!(budgets.refusal(Some("710"), at(7)).is_none());
    assert!(budgets.refusal(Some("711"), at(2)).is_none() && budgets.refusal(None, at(2)).is_none());
}

#[test]
fn high_usage_is_told_and_grows_old() {
    let budgets = Budgets::default();
    budgets.note_headers(&headers(HEADER, r#"{"710":[{"type":"whatsapp","call_count":80.4}]}"#), at(0));
    let usage = budgets.account_usage("710", at(1));
    assert!(usage.percent == Some(80) && usage.is_high() && usage.blocked_until.is_none());
    assert_eq!(budgets.account_usage("710", at(61)), Usage::default());
}

#[test]
fn a_full_app_closes_everything() {
    let budgets = Budgets::default();
    budgets.note_headers(&headers("x-app-usage", r#"{"call_count":100,"total_time":2}"#), at(0));
    assert!(budgets.refusal(Some("710"), at(0)).is_some());
    assert!(budgets.refusal(Some("710"), at(1)).is_none());
    assert_eq!(budgets.app_usage(at(1)).percent, Some(100));
}

#[test]
fn throttle_errors_without_a_time_double_the_pause_until_a_call_goes_through() {
    let budgets = Budgets::default();
    let throttle = |now| budgets.note_throttle(Some("710"), Some(&throttled(80_008)), None, now).as_mins();
    assert_eq!([throttle(at(0)), throttle(at(6)), throttle(at(20))], [5, 10, 20]);
    assert_eq!([throttle(at(100)), throttle(at(200)), throttle(at(300))], [40, 60, 60]);
    assert_eq!(throttle(at(301)), 59, "an answer that was under way changes nothing");
    budgets.note_success(Some("710"));
    assert_eq!(throttle(at(400)), 5);
}

#[test]
fn a_named_time_wins_and_code_4_closes_the_app() {
    let budgets = Budgets::default();
    let wait = budgets.note_throttle(Some("710"), Some(&throttled(4)), Some(SignedDuration::from_secs(30)), at(0));
    assert_eq!(wait, SignedDuration::from_secs(30));
    assert!(budgets.refusal(Some("999"), at(0)).is_some() && budgets.refusal(None, at(0)).is_some());
}

#[test]
fn nonsense_in_headers_is_nothing() {
    let budgets = Budgets::default();
    for json in ["", "null", "[]", "{", r#"{"710":7}"#, r#"{"710":[7,{"call_count":-3},{"call_count":"x"}]}"#] {
        budgets.note_headers(&headers(HEADER, json), at(0));
        budgets.note_headers(&headers("x-app-usage", json), at(0));
    }
    let huge = r#"{"710":[{"call_count":1e300,"estimated_time_to_regain_access":4294967295},{"call_count":101,"estimated_time_to_regain_access":4294967295}]}"#;
    budgets.note_headers(&headers(HEADER, huge), at(0));
    assert!(budgets.refusal(Some("710"), at(0)).is_some());
}
