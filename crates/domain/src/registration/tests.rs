//! Every rule as a table row; the properties that hold under any history are beside.

use jiff::{SignedDuration, Timestamp};
use strum::VariantArray as _;

use super::*;
use crate::channel::Onboarding;
use crate::meta::failure::{Failure, FailureKind, MetaError};
use crate::meta::reading::{CodeVerification, NameStatus, NumberReading, NumberStatus, PlatformType, ThroughputLevel};
use crate::registration::ledger::{Attempt, AttemptOutcome, Basis, CallKind};

mod properties;
mod spending;
mod stale;

fn hour(n: i64) -> Timestamp {
    minute(n * 60)
}

fn minute(n: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + n * 60).unwrap()
}

/// Verified, not registered, name in review: the request's own case.
fn pending() -> NumberReading {
    NumberReading {
        name_status: Some(NameStatus::PendingReview),
        code_verification: Some(CodeVerification::Verified),
        status: Some(NumberStatus::Pending),
        platform_type: Some(PlatformType::NotApplicable),
        throughput: Some(ThroughputLevel::NotApplicable),
        is_on_biz_app: Some(false),
        is_pin_enabled: Some(false),
        ..NumberReading::default()
    }
}

fn live() -> NumberReading {
    NumberReading {
        status: Some(NumberStatus::Connected),
        platform_type: Some(PlatformType::CloudApi),
        throughput: Some(ThroughputLevel::Standard),
        name_status: Some(NameStatus::Approved),
        ..pending()
    }
}

fn refusal(kind: FailureKind) -> AttemptOutcome {
    const CERTIFICATE: Option<i64> = Some(2_388_001);
    let rows = [
        (FailureKind::NameNotReady, 100, CERTIFICATE, "Your display name could not be processed."),
        (FailureKind::NumberTaken, 100, CERTIFICATE, "This number is registered to an existing WhatsApp account."),
        (FailureKind::TwoStepAtPreviousOwner, 100, CERTIFICATE, "Two-step authentication is on."),
        (FailureKind::CertificateRefused, 100, CERTIFICATE, "Something new."),
        (FailureKind::PinMismatch, 133_005, None, "Two step verification PIN Mismatch"),
        (FailureKind::ReverificationNeeded, 133_006, None, "re-verification needed"),
        (FailureKind::BudgetSpent, 133_016, None, "rate limit"),
        (FailureKind::DeregistrationIncomplete, 133_000, None, "Incomplete Deregistration"),
        (FailureKind::Throttled, 80_008, None, "too many calls"),
        (FailureKind::TokenDead, 190, None, "dead"),
        (FailureKind::PinGuessesSpent, 133_008, None, "Too many guesses"),
        (FailureKind::NotRegistered, 133_010, None, "not registered"),
        (FailureKind::Transient, 2, None, "unavailable"),
    ];
    let (_, code, subcode, text) = rows.into_iter().find(|row| row.0 == kind).unwrap();
    let error =
        MetaError { code, subcode, message: text.into(), user_message: Some(text.into()), ..MetaError::default() };
    AttemptOutcome::Failed(Failure::from_meta(error))
}

fn attempt(at: Timestamp, basis: Basis, outcome: AttemptOutcome) -> Attempt {
    Attempt { kind: CallKind::Register, basis, started_at: at, settled_at: Some(at), outcome: Some(outcome) }
}

fn history(attempts: Vec<Attempt>) -> History {
    let mut history = History::new(Onboarding::Standard, hour(0));
    history.ledger.attempts = attempts;
    history
}

fn plan(reading: NumberReading, history: &History, now: Timestamp) -> Decision {
    decide(Caller::Planner, &Reads::single(Ok(reading)), history, now)
}

fn set_up(
    verification: Result<Option<CodeVerification>, FailureKind>,
    health: Result<NumberReading, FailureKind>,
) -> Decision {
    decide(Caller::SetUp, &Reads { verification, health }, &history(vec![]), hour(0))
}

fn registers(decision: &Decision) -> bool {
    matches!(decision, Decision::Register { .. })
}

fn changed(history: &mut History, kind: ChangeKind, at: Timestamp, source: Source) {
    note_changes(&mut history.changes, &[kind], at, source);
}

#[test]
fn set_up_follows_the_rows_of_the_request() {
    let verified = || Ok(Some(CodeVerification::Verified));
    let transient = FailureKind::Transient;
    let with = |platform: PlatformType, throughput: ThroughputLevel| {
        Ok(NumberReading { platform_type: Some(platform), throughput: Some(throughput), ..pending() })
    };
    // W1
    assert!(registers(&set_up(Ok(Some(CodeVerification::NotVerified)), Ok(pending()))));
    // W1 even where both health fields look provisioned
    let odd = with(PlatformType::CloudApi, ThroughputLevel::Standard);
    assert!(registers(&set_up(Ok(Some(CodeVerification::NotVerified)), odd.clone())));
    // W2
    assert!(!registers(&set_up(verified(), odd)));
    assert!(!registers(&set_up(
        verified(),
        with(PlatformType::Other("APPLICABLE".into()), ThroughputLevel::Other("APPLICABLE".into()))
    )));
    // W3, W4
    assert!(registers(&set_up(verified(), with(PlatformType::NotApplicable, ThroughputLevel::Standard))));
    assert!(registers(&set_up(verified(), with(PlatformType::CloudApi, ThroughputLevel::NotApplicable))));
    // W5
    assert!(registers(&set_up(Err(transient), Ok(pending()))));
    assert!(registers(&set_up(Err(transient), Err(transient))));
    // W6
    assert_eq!(set_up(verified(), Err(transient)).reason(), Reason::HealthUnread);
}

#[test]
fn no_read_at_all_registers_nothing_even_in_set_up() {
    for kind in [FailureKind::TokenDead, FailureKind::AccessLost, FailureKind::Throttled] {
        assert!(!registers(&set_up(Err(kind), Err(kind))), "{kind:?}");
        assert!(!registers(&set_up(Err(kind), Ok(pending()))), "{kind:?}");
    }
    let mut unknown = history(vec![]);
    unknown.onboarding = Onboarding::Unknown;
    let reads = Reads { verification: Err(FailureKind::Transient), health: Err(FailureKind::Transient) };
    assert_eq!(decide(Caller::SetUp, &reads, &unknown, hour(0)).reason(), Reason::OnboardingUnknown);
}

#[test]
fn coexistence_is_never_registered_by_reading_or_by_onboarding() {
    let by_reading = NumberReading { is_on_biz_app: Some(true), ..live() };
    let mut by_onboarding = history(vec![]);
    by_onboarding.onboarding = Onboarding::Coexistence;
    for caller in [Caller::SetUp, Caller::Press, Caller::Planner, Caller::ApplyNewName] {
        let reads = Reads::single(Ok(by_reading.clone()));
        assert_eq!(decide(caller, &reads, &history(vec![]), hour(0)).reason(), Reason::Coexistence);
        let unread = Reads { verification: Err(FailureKind::Transient), health: Err(FailureKind::Transient) };
        assert_eq!(decide(caller, &unread, &by_onboarding, hour(0)).reason(), Reason::Coexistence);
    }
}

#[test]
fn a_coexistence_number_that_reads_unregistered_is_given_minutes_then_a_second_reading() {
    let mut number = history(vec![]);
    number.onboarding = Onboarding::Coexistence;
    // right after onboarding Meta does not show the link yet, however often it is read
    number.coexistence_misses = 3;
    let Decision::Wait { reason: Reason::CoexistenceStarting, next_check_at, .. } = plan(pending(), &number, minute(0))
    else {
        panic!("{:?}", plan(pending(), &number, minute(0)));
    };
    assert!(next_check_at <= minute(1), "the first readings are dense");
    number.coexistence_misses = 0;
    assert!(matches!(plan(pending(), &number, minute(20)), Decision::Wait { reason: Reason::CoexistenceLost, .. }));
    number.coexistence_misses = 1;
    assert!(matches!(plan(pending(), &number, minute(21)), Decision::Ask { remedy: Remedy::ReconnectApp, .. }));
    // a number that reads as in the app is one, whatever signup said of it
    let in_app = NumberReading { is_on_biz_app: Some(true), ..pending() };
    assert_eq!(plan(in_app.clone(), &history(vec![]), minute(0)).reason(), Reason::CoexistenceStarting);
    let press = decide(Caller::Press, &Reads::single(Ok(in_app)), &history(vec![]), minute(0));
    assert!(!registers(&press));
}

#[test]
fn a_disconnected_coexistence_number_is_registered_by_its_owners_decision_alone() {
    for onboarding in [Onboarding::Coexistence, Onboarding::Standard, Onboarding::Unknown] {
        let mut number = history(vec![]);
        number.onboarding = onboarding;
        number.provisioned_at = Some(hour(4));
        changed(&mut number, ChangeKind::AppLinked, hour(1), Source::Reading);
        changed(&mut number, ChangeKind::CoexistenceEnded, hour(5), Source::Webhook);
        let not_in_app = NumberReading { is_on_biz_app: Some(false), ..pending() };
        let reads = Reads::single(Ok(not_in_app.clone()));
        for caller in [Caller::Planner, Caller::SetUp, Caller::Press, Caller::ApplyNewName] {
            let decision = decide(caller, &reads, &number, hour(6));
            assert_eq!(decision.reason(), Reason::CoexistenceDisconnected, "{onboarding:?} {caller:?}");
        }
        assert!(can_leave_app(&reads, &number, hour(6)));
        changed(&mut number, ChangeKind::AppLeft, hour(7), Source::Person);
        assert!(registers(&decide(Caller::Press, &reads, &number, hour(7))), "{onboarding:?}");
        // Meta reports the end that the decision brought about
        changed(&mut number, ChangeKind::CoexistenceEnded, hour(8), Source::Webhook);
        assert!(registers(&plan(not_in_app, &number, hour(9))), "{onboarding:?}");
    }
    assert!(!can_leave_app(&Reads::single(Ok(live())), &history(vec![]), hour(0)));
}

#[test]
fn a_lost_registration_is_made_again_once_and_told_when_it_is_lost_again_within_three_days() {
    let success = || AttemptOutcome::Success;
    let lost = |reconciled: Vec<Attempt>, provisioned: Timestamp| {
        let mut number = history(reconciled);
        number.was_registered = true;
        number.provisioned_at = Some(provisioned);
        number
    };
    let first = lost(vec![attempt(hour(0), Basis::Blind, success())], hour(99));
    let decision = plan(pending(), &first, hour(100));
    assert!(matches!(decision, Decision::Register { basis: Basis::Reconcile, .. }), "{decision:?}");
    let calls = || vec![attempt(hour(0), Basis::Blind, success()), attempt(hour(100), Basis::Reconcile, success())];
    // seen provisioned after it was registered again, and gone within 72 h of that
    let second = lost(calls(), hour(150));
    for at in [151, 171, 400] {
        let decision = plan(pending(), &second, hour(at));
        assert!(matches!(decision, Decision::Ask { remedy: Remedy::ClaimAgain, .. }), "hour {at}: {decision:?}");
    }
    let press = decide(Caller::Press, &Reads::single(Ok(pending())), &second, hour(151));
    assert!(matches!(press, Decision::Register { basis: Basis::Person, .. }), "{press:?}");
    // it held for longer than 72 h: a new loss
    let later = lost(calls(), hour(180));
    assert!(matches!(plan(pending(), &later, hour(181)), Decision::Register { basis: Basis::Reconcile, .. }));
}

#[test]
fn a_provisioned_number_is_never_registered_again() {
    for status in ["CONNECTED", "PENDING", "FLAGGED", "RESTRICTED", "SOMETHING_NEW"] {
        let reading = NumberReading { status: Some(NumberStatus::parse(status)), ..live() };
        for caller in [Caller::SetUp, Caller::Press, Caller::Planner] {
            let decision = decide(caller, &Reads::single(Ok(reading.clone())), &history(vec![]), hour(0));
            assert!(matches!(decision, Decision::Done { .. }), "{status} {caller:?} {decision:?}");
        }
    }
    let on_premise = NumberReading { platform_type: Some(PlatformType::OnPremise), ..live() };
    assert!(matches!(
        plan(on_premise, &history(vec![]), hour(0)),
        Decision::Ask { remedy: Remedy::MigrateFromOnPremise, .. }
    ));
}

#[test]
fn a_banned_number_is_left_alone() {
    for status in [NumberStatus::Banned, NumberStatus::Deleted, NumberStatus::Migrated] {
        let decision = plan(NumberReading { status: Some(status), ..pending() }, &history(vec![]), hour(0));
        assert!(matches!(decision, Decision::Stop { reason: Reason::NumberGone, .. }));
    }
}

#[test]
fn an_unanswered_call_is_settled_by_reading_never_repeated_meanwhile() {
    let mut open = attempt(minute(0), Basis::Blind, AttemptOutcome::Success);
    (open.settled_at, open.outcome) = (None, None);
    let mut record = history(vec![open]);
    for caller in [Caller::SetUp, Caller::Press, Caller::Planner] {
        assert_eq!(decide(caller, &Reads::single(Ok(pending())), &record, minute(1)).reason(), Reason::CallInProgress);
    }
    assert_eq!(plan(pending(), &record, minute(2)).reason(), Reason::CallUnanswered);
    assert_eq!(plan(live(), &record, minute(2)), Decision::Settle { outcome: AttemptOutcome::Success });
    record.previous_read_at = Some(minute(2));
    assert!(matches!(plan(pending(), &record, minute(3)), Decision::Settle { outcome: AttemptOutcome::Failed(_) }));
    // a failed read settles nothing
    let blind = decide(Caller::Planner, &Reads::single(Err(FailureKind::Transient)), &record, minute(3));
    assert_eq!(blind.reason(), Reason::CallUnanswered);
}

#[test]
fn an_accepted_call_that_does_not_show_is_repeated_no_sooner_than_1_6_24_hours_after_the_first() {
    let mut record = history(vec![attempt(hour(0), Basis::Blind, AttemptOutcome::Success)]);
    let at = |record: &History, now| {
        let decision = plan(pending(), record, now);
        let Decision::Wait { reason: Reason::AcceptedNotShown, register_at, .. } = decision else { return None };
        register_at
    };
    assert_eq!(at(&record, minute(1)), Some(hour(1)));
    assert!(registers(&plan(pending(), &record, hour(1))));
    record.ledger.attempts.push(attempt(hour(1), Basis::Blind, AttemptOutcome::Success));
    assert_eq!(at(&record, hour(2)), Some(hour(6)));
    record.ledger.attempts.push(attempt(hour(6), Basis::Blind, AttemptOutcome::Success));
    assert_eq!(at(&record, hour(7)), Some(hour(24)));
    record.ledger.attempts.push(attempt(hour(24), Basis::Blind, AttemptOutcome::Success));
    assert_eq!(at(&record, hour(25)), Some(hour(48)));
}

#[test]
fn the_planner_never_registers_on_an_unknown_reading() {
    let unknowns = [
        NumberReading { platform_type: None, ..pending() },
        NumberReading { throughput: None, ..pending() },
        NumberReading { code_verification: None, ..pending() },
        NumberReading::default(),
    ];
    for reading in unknowns {
        assert!(!registers(&plan(reading, &history(vec![]), hour(0))));
    }
    assert!(registers(&plan(NumberReading { name_status: None, ..pending() }, &history(vec![]), hour(0))));
}

#[test]
fn what_only_its_owner_can_do_is_asked_for() {
    let cases = [
        (NumberReading { is_pin_enabled: Some(true), ..pending() }, Remedy::EnterPin),
        (NumberReading { name_status: Some(NameStatus::Declined), ..pending() }, Remedy::ChooseNewName),
        (NumberReading { code_verification: Some(CodeVerification::NotVerified), ..pending() }, Remedy::VerifyByCode),
        (NumberReading { code_verification: Some(CodeVerification::Expired), ..pending() }, Remedy::VerifyByCode),
    ];
    for (reading, remedy) in cases {
        let decision = plan(reading, &history(vec![]), hour(0));
        assert!(matches!(decision, Decision::Ask { remedy: asked, .. } if asked == remedy), "{decision:?}");
    }
    let late = plan(pending(), &history(vec![]), hour(14 * 24));
    assert!(matches!(late, Decision::Ask { remedy: Remedy::SignUpAgain, .. }));
}

#[test]
fn a_name_in_review_is_read_often_and_tried_once_in_72_hours() {
    let record = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NameNotReady))]);
    let Decision::Wait { reason, next_check_at, register_at } = plan(pending(), &record, minute(1)) else { panic!() };
    assert_eq!((reason, next_check_at), (Reason::NameInReview, minute(15)));
    assert_eq!(register_at, Some(minute(72 * 60 + 10)));
    assert!(registers(&plan(pending(), &record, minute(72 * 60 + 10))));
}

#[test]
fn an_approval_registers_at_once_and_only_once() {
    let mut record = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NameNotReady))]);
    changed(&mut record, ChangeKind::NameGood, minute(1), Source::Webhook);
    let decision = plan(pending(), &record, minute(1));
    assert!(matches!(decision, Decision::Register { basis: Basis::Evidence, .. }), "{decision:?}");
    record.ledger.attempts.push(attempt(minute(1), Basis::Evidence, refusal(FailureKind::NameNotReady)));
    assert_eq!(plan(pending(), &record, minute(2)).reason(), Reason::NameGoodStillRefused);
    // the same approval again, and its reading, are no new evidence
    changed(&mut record, ChangeKind::NameGood, minute(3), Source::Webhook);
    let approved = NumberReading { name_status: Some(NameStatus::Approved), ..pending() };
    changed(&mut record, ChangeKind::NameGood, minute(4), Source::Reading);
    let Decision::Wait { register_at, .. } = plan(approved.clone(), &record, minute(5)) else { panic!() };
    assert_eq!(register_at, Some(minute(61)));
    assert!(matches!(plan(approved, &record, minute(61)), Decision::Register { basis: Basis::Probe, .. }));
}

#[test]
fn a_name_read_as_good_within_ten_minutes_of_the_refusal_was_good_already() {
    let mut record = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NameNotReady))]);
    changed(&mut record, ChangeKind::NameGood, minute(9), Source::Reading);
    assert_eq!(plan(pending(), &record, minute(9)).reason(), Reason::NameGoodStillRefused);
    let mut later = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NameNotReady))]);
    changed(&mut later, ChangeKind::NameGood, minute(15), Source::Reading);
    assert!(registers(&plan(pending(), &later, minute(15))));
}

#[test]
fn each_refusal_waits_for_what_unblocks_it_and_for_nothing_else() {
    let rows: &[(FailureKind, &[ChangeKind], bool)] = &[
        (FailureKind::NumberTaken, &[], true),
        (FailureKind::PinMismatch, &[ChangeKind::PinEntered, ChangeKind::TwoStepOff], true),
        (FailureKind::ReverificationNeeded, &[ChangeKind::CodeVerified], true),
        (FailureKind::TokenDead, &[ChangeKind::NewToken, ChangeKind::AccessRestored], false),
    ];
    for (kind, unblocking, by_press) in rows {
        let base = history(vec![attempt(hour(0), Basis::Blind, refusal(*kind))]);
        assert!(matches!(plan(pending(), &base, hour(3)), Decision::Ask { .. }), "{kind:?}");
        for change in ChangeKind::VARIANTS {
            let mut record = base.clone();
            changed(&mut record, *change, hour(1), Source::Webhook);
            let unblocked = registers(&plan(pending(), &record, hour(3)));
            assert_eq!(unblocked, unblocking.contains(change), "{kind:?} {change:?}");
        }
        let pressed = decide(Caller::Press, &Reads::single(Ok(pending())), &base, hour(3));
        assert_eq!(registers(&pressed), *by_press, "{kind:?} pressed");
    }
}

#[test]
fn an_occupied_number_is_probed_once_in_72_hours_and_an_unknown_text_once_after_six() {
    let taken = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NumberTaken))]);
    assert!(!registers(&plan(pending(), &taken, hour(72))));
    assert!(registers(&plan(pending(), &taken, hour(73))));
    let mut odd = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::CertificateRefused))]);
    assert!(!registers(&plan(pending(), &odd, hour(5))));
    assert!(registers(&plan(pending(), &odd, hour(6))));
    odd.ledger.attempts.push(attempt(hour(6), Basis::Blind, refusal(FailureKind::CertificateRefused)));
    assert!(!registers(&plan(pending(), &odd, hour(100))));
}

#[test]
fn a_half_done_deregistration_is_finished_once_and_register_follows() {
    let mut record = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::DeregistrationIncomplete))]);
    assert!(matches!(plan(pending(), &record, minute(1)), Decision::Deregister { .. }));
    let mut call = attempt(minute(1), Basis::Blind, AttemptOutcome::Success);
    call.kind = CallKind::Deregister;
    record.ledger.attempts.push(call);
    assert_eq!(plan(pending(), &record, minute(2)).reason(), Reason::CompletingDeregistration);
    assert!(registers(&plan(pending(), &record, minute(6))));
    record.ledger.attempts.push(attempt(minute(6), Basis::Blind, refusal(FailureKind::DeregistrationIncomplete)));
    assert_eq!(plan(pending(), &record, minute(7)).reason(), Reason::BackOff);
    // a deregister that failed itself is made once more, and register waits for it
    let mut stubborn = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::DeregistrationIncomplete))]);
    for n in [0, 1] {
        let mut call = attempt(hour(n), Basis::Blind, refusal(FailureKind::DeregistrationIncomplete));
        call.kind = CallKind::Deregister;
        assert!(matches!(plan(pending(), &stubborn, hour(n)), Decision::Deregister { .. }), "{n}");
        stubborn.ledger.attempts.push(call);
        assert_eq!(registers(&plan(pending(), &stubborn, minute(n * 60 + 6))), n == 1, "{n}");
    }
    assert!(!matches!(plan(pending(), &stubborn, hour(3)), Decision::Deregister { .. }), "twice per 72 h");
}

#[test]
fn a_press_skips_a_back_off_but_not_a_throttle_nor_a_hold() {
    let press = |record: &History, now| decide(Caller::Press, &Reads::single(Ok(pending())), record, now);
    let transient = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::Transient))]);
    assert_eq!(plan(pending(), &transient, minute(0) + SignedDuration::from_secs(30)).reason(), Reason::BackOff);
    assert!(registers(&press(&transient, minute(0) + SignedDuration::from_secs(30))));
    let throttled = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::Throttled))]);
    assert_eq!(press(&throttled, minute(1)).reason(), Reason::Throttled);
    let mut held = history(vec![attempt(hour(0), Basis::Person, refusal(FailureKind::BudgetSpent))]);
    held.ledger.held_until = Some(hour(72));
    assert_eq!(press(&held, hour(2)).reason(), Reason::Held);
    assert!(registers(&press(&held, hour(72))));
}

#[test]
fn presses_are_an_hour_apart_unless_something_changed() {
    let mut record = history(vec![attempt(hour(0), Basis::Person, refusal(FailureKind::NameNotReady))]);
    let press = |record: &History, now| decide(Caller::Press, &Reads::single(Ok(pending())), record, now);
    assert_eq!(press(&record, minute(30)).reason(), Reason::PressedRecently);
    assert!(registers(&press(&record, minute(60))));
    changed(&mut record, ChangeKind::AnyField, minute(20), Source::Reading);
    assert!(registers(&press(&record, minute(30))));
}

#[test]
fn a_failed_reconciliation_is_made_again_after_its_back_off() {
    let mut record = history(vec![attempt(hour(0), Basis::Blind, AttemptOutcome::Success)]);
    record.provisioned_at = Some(hour(1));
    record.was_registered = true;
    let dropped = NumberReading { status: Some(NumberStatus::Disconnected), ..pending() };
    assert!(matches!(plan(dropped.clone(), &record, hour(100)), Decision::Register { basis: Basis::Reconcile, .. }));
    // a call that failed in a retryable way does not count
    record.ledger.attempts.push(attempt(hour(100), Basis::Reconcile, refusal(FailureKind::Transient)));
    assert_eq!(plan(dropped.clone(), &record, hour(100)).reason(), Reason::BackOff);
    assert!(registers(&plan(dropped, &record, hour(100) + SignedDuration::from_mins(1))));
}

#[test]
fn an_approved_new_name_is_applied_only_when_asked_for() {
    let renamed = NumberReading { new_name_status: Some(NameStatus::Approved), ..live() };
    let mut record = history(vec![]);
    record.has_pin = true;
    assert!(!registers(&plan(renamed.clone(), &record, hour(0))));
    let apply = |reading: NumberReading| decide(Caller::ApplyNewName, &Reads::single(Ok(reading)), &record, hour(0));
    assert!(matches!(apply(renamed), Decision::Register { basis: Basis::Person, pin: PinPlan::Stored, .. }));
    assert_eq!(apply(live()).reason(), Reason::NoNewName);
}

/// Meta's instants and waits are outside input: none of them may end a job with a panic.
#[test]
fn instants_at_the_end_of_time_are_decided_without_a_panic() {
    for at in [Timestamp::MIN, Timestamp::MAX] {
        let reading = NumberReading { last_onboarded_time: Some(at), ..pending() };
        let record = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NameNotReady))]);
        for caller in [Caller::SetUp, Caller::Press, Caller::Planner, Caller::ApplyNewName] {
            let decision = decide(caller, &Reads::single(Ok(reading.clone())), &record, hour(1));
            assert!(decision.next_check_at().is_none_or(|next| next > hour(1)), "{caller:?} {decision:?}");
        }
    }
    let mut throttled = Failure::from_meta(MetaError { code: 80_008, ..MetaError::default() });
    throttled.wait = Some(SignedDuration::MAX);
    let record = history(vec![attempt(hour(0), Basis::Blind, AttemptOutcome::Failed(throttled))]);
    assert_eq!(plan(pending(), &record, hour(1)).reason(), Reason::Throttled);
}
