//! One row per event of facts §3.3 and §3.4.

use super::*;
use crate::ids::{PhoneNumberId, WabaId};

use ChangeKind as K;
use Wake::{Health, Registration, Signup, Subscription, Token};

fn change(content: Content, phone: Option<&str>) -> Change {
    Change {
        entry_id: "710".to_owned(),
        field: "any".to_owned(),
        time: None,
        subject: Subject {
            waba_id: Some(WabaId("710".to_owned())),
            phone_digits: phone.map(str::to_owned),
            ..Subject::default()
        },
        content,
    }
}

fn account(word: &str) -> AccountUpdate {
    AccountUpdate {
        event: AccountEvent::parse(word),
        ban_state: None,
        ban_date: None,
        restrictions: Vec::new(),
        violation: None,
        disconnection: None,
        partner_app_id: None,
    }
}

#[test]
fn every_account_event_has_its_row() {
    type Row = (&'static str, Option<&'static str>, Vec<K>, Vec<Wake>, Vec<Note>);
    let all = vec![Token, Subscription, Registration, Health];
    let rows: Vec<Row> = vec![
        (
            "PARTNER_ADDED",
            None,
            vec![K::AccountEvent],
            vec![Signup, Token, Subscription, Registration, Health],
            vec![Note::Shared],
        ),
        ("PARTNER_REMOVED", None, vec![], vec![Token, Subscription, Health], vec![Note::Unshared]),
        (
            "PARTNER_REMOVED",
            Some("15550100001"),
            vec![K::CoexistenceEnded],
            all.clone(),
            vec![Note::Disconnected(Disconnection::default())],
        ),
        ("PARTNER_APP_INSTALLED", None, vec![K::AccountEvent], all, vec![Note::Shared]),
        ("PARTNER_APP_UNINSTALLED", None, vec![], vec![Token, Subscription, Health], vec![Note::Unshared]),
        ("PARTNER_CLIENT_CERTIFICATION_STATUS_UPDATE", None, vec![], vec![Health], vec![]),
        ("ACCOUNT_DELETED", None, vec![], vec![Registration, Health], vec![Note::Deleted]),
        ("ACCOUNT_VIOLATION", None, vec![], vec![Health], vec![Note::Violation(String::new())]),
        ("ACCOUNT_RESTRICTION", None, vec![], vec![Health], vec![Note::Restrictions(vec![])]),
        ("DISABLED_UPDATE", None, vec![], vec![Health], vec![]),
        ("ACCOUNT_OFFBOARDED", None, vec![], vec![Health], vec![Note::Paused]),
        ("ACCOUNT_RECONNECTED", None, vec![], vec![Registration, Health], vec![Note::Resumed]),
        ("AD_ACCOUNT_LINKED", None, vec![], vec![], vec![]),
        ("MM_LITE_TERMS_SIGNED", None, vec![], vec![], vec![]),
        ("AUTH_INTL_PRICE_ELIGIBILITY_UPDATE", None, vec![], vec![], vec![]),
        ("BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE", None, vec![], vec![], vec![]),
        ("VOLUME_BASED_PRICING_TIER_UPDATE", None, vec![], vec![], vec![]),
        ("VERIFIED_ACCOUNT", Some("15550100001"), vec![], vec![Registration, Health], vec![]),
        ("SOMETHING_NEW", None, vec![], vec![], vec![]),
    ];
    for word in AccountEvent::KNOWN {
        assert!(rows.iter().any(|row| row.0 == *word), "no row for {word}");
    }
    for (word, phone, proves, wakes, notes) in rows {
        let meaning = interpret(&change(Content::Account(account(word)), phone));
        let scope = if phone.is_some() { Scope::Number } else { Scope::Waba };
        assert_eq!(meaning, Meaning { scope, proves, wakes, notes }, "{word}");
    }
}

#[test]
fn a_ban_is_scheduled_made_and_lifted() {
    let on = date_of("September 21, 2026");
    assert!(on.is_some());
    let rows = [
        ("DISABLE", None, vec![], Note::Banned),
        ("SCHEDULE_FOR_DISABLE", Some("September 21, 2026"), vec![], Note::BanScheduled { on }),
        ("SCHEDULE_FOR_DISABLE", Some("soon"), vec![], Note::BanScheduled { on: None }),
        ("REINSTATE", None, vec![K::AccountEvent], Note::Reinstated),
    ];
    for (state, date, proves, note) in rows {
        let update = AccountUpdate {
            ban_state: Some(BanState::parse(state)),
            ban_date: date.map(str::to_owned),
            ..account("DISABLED_UPDATE")
        };
        let meaning = interpret(&change(Content::Account(update), None));
        assert_eq!(meaning.proves, proves, "{state}");
        assert_eq!(meaning.notes, vec![note], "{state}");
        assert!(meaning.wakes.contains(&Health), "{state}");
    }
}

/// Reasons of the WhatsApp Business app, such as `CHANGE_NUMBER`, only come with coexistence.
#[test]
fn a_disconnection_reason_is_the_end_of_coexistence() {
    let why =
        Disconnection { reason: Some("COMPANION_INACTIVITY".to_owned()), initiated_by: Some("SYSTEM".to_owned()) };
    let update = AccountUpdate { disconnection: Some(why.clone()), ..account("PARTNER_REMOVED") };
    let meaning = interpret(&change(Content::Account(update), None));
    assert_eq!((meaning.scope, meaning.proves), (Scope::Waba, vec![K::CoexistenceEnded]));
    assert_eq!(meaning.notes, vec![Note::Disconnected(why)]);
}

#[test]
fn reviews_of_name_and_account() {
    let rows = [
        ("APPROVED", vec![K::NameGood], vec![K::AccountApproved], vec![Registration, Health]),
        ("REJECTED", vec![K::NameDeclined], vec![], vec![Registration, Health]),
        ("DEFERRED", vec![], vec![], vec![Health]),
        ("PENDING", vec![], vec![], vec![Health]),
        ("ODD", vec![], vec![], vec![Health]),
    ];
    for (word, name_proves, review_proves, name_wakes) in rows {
        let decision = ReviewDecision::parse(word);
        let name = Content::Name { decision: decision.clone(), requested_name: None, rejection_reason: None };
        let meaning = interpret(&change(name, Some("15550100001")));
        let decided = matches!(word, "APPROVED" | "REJECTED").then_some(Note::NameDecided { rejection_reason: None });
        assert_eq!(meaning.notes, Vec::from_iter(decided), "{word}");
        assert_eq!((meaning.scope, meaning.proves, meaning.wakes), (Scope::Number, name_proves, name_wakes), "{word}");
        let meaning = interpret(&change(Content::AccountReview { decision }, None));
        let wakes = if word == "APPROVED" { vec![Registration, Health] } else { vec![Health] };
        assert_eq!((meaning.scope, meaning.proves, meaning.wakes), (Scope::Waba, review_proves, wakes), "{word}");
    }
}

#[test]
fn security_events() {
    let rows = [
        ("PIN_REQUEST_SUCCESS", vec![K::TwoStepOff], vec![Registration, Health], vec![]),
        ("PIN_CHANGED", vec![K::PinChanged], vec![Registration, Health], vec![]),
        ("PIN_RESET_REQUEST", vec![], vec![], vec![]),
        ("ODD", vec![], vec![], vec![]),
    ];
    for (word, proves, wakes, notes) in rows {
        let content = Content::Security { event: SecurityEvent::parse(word) };
        let meaning = interpret(&change(content, Some("15550100001")));
        assert_eq!(meaning, Meaning { scope: Scope::Number, proves, wakes, notes }, "{word}");
    }
}

#[test]
fn messages_wake_only_when_they_tell_of_trouble() {
    let rows = [
        (vec![], 0, vec![], vec![]),
        (vec![], 3, vec![], vec![Note::Sending]),
        (vec![131_042], 0, vec![Health], vec![Note::SendRefused(131_042)]),
        (vec![131_031], 0, vec![Health], vec![Note::SendRefused(131_031)]),
        (vec![133_010], 0, vec![Registration, Health], vec![Note::SendRefused(133_010)]),
        (vec![131_045], 0, vec![Registration, Health], vec![Note::SendRefused(131_045)]),
        // a recipient's trouble, not the number's
        (vec![131_026, 131_047], 0, vec![], vec![]),
    ];
    for (error_codes, working_statuses, wakes, notes) in rows {
        let seen = MessagesSeen { inbound: 1, working_statuses, error_codes };
        let mut change = change(Content::Messages(seen.clone()), None);
        change.subject.phone_number_id = Some(PhoneNumberId("720".to_owned()));
        let meaning = interpret(&change);
        assert_eq!(meaning, Meaning { scope: Scope::Number, proves: vec![], wakes, notes }, "{seen:?}");
    }
}

#[test]
fn the_rest_is_read_again_or_only_kept() {
    let quality = |event: &str| Content::Quality { event: event.to_owned(), limit: None };
    let rows = [
        (quality("THROUGHPUT_UPGRADE"), vec![Health]),
        (quality("FLAGGED"), vec![Health]),
        (quality("ONBOARDING"), vec![Registration, Health]),
        (Content::Capability { limit: None, max_phone_numbers: Some(20) }, vec![Health]),
        (Content::Notice { event: "COMPROMISED_NOTIFICATION".to_owned() }, vec![Health]),
        (Content::Notice { event: "OBA_APPROVED".to_owned() }, vec![Health]),
        (Content::Template { name: "hello".to_owned(), event: "APPROVED".to_owned() }, vec![]),
        (Content::Coexistence { error_codes: vec![2_593_109] }, vec![]),
        (Content::Unread, vec![]),
    ];
    for (content, wakes) in rows {
        let meaning = interpret(&change(content.clone(), None));
        assert_eq!((meaning.proves, meaning.wakes), (vec![], wakes), "{content:?}");
    }
}

#[test]
fn metas_dates_are_read() {
    assert_eq!(date_of("April 17, 2025").unwrap().to_string(), "2025-04-17T00:00:00Z");
    assert_eq!(date_of("2025-04-17").unwrap().to_string(), "2025-04-17T00:00:00Z");
    assert_eq!(date_of("soon"), None);
}
