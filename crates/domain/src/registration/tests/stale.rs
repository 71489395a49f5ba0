//! A PIN that somebody else changed is not sent: rule 6.

use super::*;
use crate::meta::reading::{EntityError, EntityType, HealthEntity};

/// A number that dropped out, its PIN stored at minute 0 and proved by a call at minute 1.
fn dropped_out() -> (NumberReading, History) {
    let mut record = history(vec![attempt(minute(1), Basis::Blind, AttemptOutcome::Success)]);
    record.has_pin = true;
    record.pin_set_at = Some(minute(0));
    record.provisioned_at = Some(minute(2));
    let reading = NumberReading { status: Some(NumberStatus::Disconnected), is_pin_enabled: None, ..pending() };
    (reading, record)
}

/// What is different in a row.
type Change = fn(&mut History, &mut NumberReading);

fn asks_for_pin(decision: &Decision) -> bool {
    matches!(decision, Decision::Ask { remedy: Remedy::EnterPin, reason: Reason::PinUnknown, .. })
}

#[test]
fn a_pin_is_stale_by_what_was_heard_of_it_and_when() {
    let at = |seconds: i64| minute(0) + SignedDuration::from_secs(seconds);
    let off = Source::Webhook;
    let nothing: Change = |_, _| {};
    let rows: &[(&str, i64, Change, bool)] = &[
        ("before it was stored", -1, nothing, false),
        ("before a call that succeeded with it", 30, nothing, false),
        ("with our own call", 60, nothing, false),
        ("the echo of our own call", 119, nothing, false),
        ("later than an echo", 121, nothing, true),
        ("hours later", 7_200, nothing, true),
        ("a new PIN was entered since", 7_200, |it, _| it.pin_set_at = Some(minute(121)), false),
        ("two-step reads as off", 7_200, |_, reading| reading.is_pin_enabled = Some(false), false),
        ("two-step reads as on", 7_200, |_, reading| reading.is_pin_enabled = Some(true), true),
        ("no PIN is stored", 7_200, |it, _| (it.has_pin, it.pin_set_at) = (false, None), false),
        (
            "a later call succeeded with it",
            7_200,
            |it, _| it.ledger.attempts.push(attempt(minute(125), Basis::Reconcile, AttemptOutcome::Success)),
            false,
        ),
        (
            "a call that was refused set nothing",
            7_200,
            |it, _| it.ledger.attempts.push(attempt(minute(120), Basis::Reconcile, refusal(FailureKind::NumberTaken))),
            true,
        ),
        (
            "a call whose answer was lost may have set it",
            7_200,
            |it, _| it.ledger.attempts.push(attempt(minute(120), Basis::Reconcile, refusal(FailureKind::Transient))),
            false,
        ),
    ];
    for (name, seconds, change, stale) in rows {
        let (mut reading, mut record) = dropped_out();
        changed(&mut record, ChangeKind::PinChanged, at(*seconds), off);
        change(&mut record, &mut reading);
        let health = Reads::single(Ok(reading));
        for caller in [Caller::Planner, Caller::Press, Caller::SetUp] {
            let decision = decide(caller, &health, &record, hour(200));
            assert_eq!(asks_for_pin(&decision), *stale, "{name}: {caller:?} {decision:?}");
        }
    }
}

#[test]
fn two_step_turned_off_after_the_change_makes_the_pin_good_again() {
    let (reading, mut record) = dropped_out();
    changed(&mut record, ChangeKind::TwoStepOff, minute(100), Source::Webhook);
    changed(&mut record, ChangeKind::PinChanged, minute(120), Source::Webhook);
    assert!(asks_for_pin(&plan(reading.clone(), &record, hour(200))));
    changed(&mut record, ChangeKind::TwoStepOff, minute(200), Source::Webhook);
    assert!(registers(&plan(reading, &record, hour(200))));
}

#[test]
fn a_call_under_way_may_be_what_changed_it() {
    let (reading, mut record) = dropped_out();
    let open =
        Attempt { settled_at: None, outcome: None, ..attempt(minute(120), Basis::Reconcile, AttemptOutcome::Success) };
    record.ledger.attempts.push(open);
    changed(&mut record, ChangeKind::PinChanged, minute(121), Source::Webhook);
    assert_eq!(plan(reading, &record, minute(121)).reason(), Reason::CallInProgress);
}

#[test]
fn neither_a_reconciliation_nor_a_new_name_spends_a_call_on_a_stale_pin() {
    let (_, mut record) = dropped_out();
    let renamed = NumberReading { new_name_status: Some(NameStatus::Approved), is_pin_enabled: Some(true), ..live() };
    let apply = |record: &History| decide(Caller::ApplyNewName, &Reads::single(Ok(renamed.clone())), record, hour(200));
    assert!(registers(&apply(&record)));
    changed(&mut record, ChangeKind::PinChanged, hour(100), Source::Webhook);
    assert!(asks_for_pin(&apply(&record)));
    // live as it is, nothing is asked: no call is due
    assert_eq!(plan(renamed.clone(), &record, hour(200)).reason(), Reason::Live);

    let error = EntityError { code: 141_000, description: "not registered".into(), possible_solution: None };
    let entity = HealthEntity {
        entity_type: EntityType::PhoneNumber,
        id: None,
        can_send: None,
        errors: vec![error],
        additional_info: Vec::new(),
    };
    let dropped = NumberReading { health_status: Some(vec![entity]), ..renamed };
    record.registration_lost_at = Some(hour(150));
    assert!(asks_for_pin(&plan(dropped.clone(), &record, hour(200))));
    record.pin_set_at = Some(hour(160));
    assert!(matches!(plan(dropped, &record, hour(200)), Decision::Register { basis: Basis::Reconcile, .. }));
}
