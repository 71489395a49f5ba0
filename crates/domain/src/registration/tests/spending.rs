//! What a call is counted as, and what it leaves for those after it: found by the simulation of whole
//! lives (`crates/server/tests/it/simulate.rs`).

use super::*;

fn at_call(basis: Basis) -> impl Fn(&Decision) -> bool {
    move |decision| matches!(decision, Decision::Register { basis: made, .. } if *made == basis)
}

#[test]
fn evidence_that_says_nothing_of_the_name_is_counted_blind() {
    let mut record = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NameNotReady))]);
    for n in 1..10 {
        changed(&mut record, ChangeKind::AccountApproved, hour(n), Source::Webhook);
        let decision = plan(pending(), &record, hour(n));
        if n < 5 {
            assert!(at_call(Basis::Blind)(&decision) && decision.reason() == Reason::NewEvidence, "{n}: {decision:?}");
            record.ledger.attempts.push(attempt(hour(n), Basis::Blind, refusal(FailureKind::NameNotReady)));
        } else {
            assert_eq!(decision.reason(), Reason::BudgetSpent, "{n}");
        }
    }
    changed(&mut record, ChangeKind::NameGood, hour(10), Source::Webhook);
    assert!(at_call(Basis::Evidence)(&plan(pending(), &record, hour(10))));
}

#[test]
fn a_call_that_failed_in_passing_spends_neither_evidence_nor_the_schedule() {
    let mut approved = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NameNotReady))]);
    changed(&mut approved, ChangeKind::NameGood, hour(5), Source::Webhook);
    approved.ledger.attempts.push(attempt(hour(5), Basis::Evidence, refusal(FailureKind::Transient)));
    assert_eq!(plan(pending(), &approved, hour(5)).reason(), Reason::BackOff);
    let again = plan(pending(), &approved, hour(5) + SignedDuration::from_mins(1));
    assert!(at_call(Basis::Probe)(&again), "the tenth call is for the first alone: {again:?}");

    let mut blind = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::NameNotReady))]);
    blind.ledger.attempts.push(attempt(hour(73), Basis::Blind, refusal(FailureKind::Transient)));
    assert!(registers(&plan(pending(), &blind, hour(73) + SignedDuration::from_mins(1))));
}

#[test]
fn where_failures_took_their_share_the_probes_that_are_left_are_spread() {
    let good = NumberReading { name_status: Some(NameStatus::Approved), ..pending() };
    let mut record = history(vec![]);
    changed(&mut record, ChangeKind::NameGood, hour(0), Source::Reading);
    // three wasted on failures, one refused: the next would be three hours after the name was good
    for n in 0..3 {
        record.ledger.attempts.push(attempt(minute(n), Basis::Probe, refusal(FailureKind::Transient)));
    }
    let (mut now, mut made) = (hour(1), Vec::new());
    record.ledger.attempts.push(attempt(now, Basis::Probe, refusal(FailureKind::NameNotReady)));
    while now < hour(72) {
        now += SignedDuration::from_mins(10);
        if registers(&plan(good.clone(), &record, now)) {
            made.push(now.duration_since(hour(0)).as_hours());
            record.ledger.attempts.push(attempt(now, Basis::Probe, refusal(FailureKind::NameNotReady)));
        }
    }
    assert_eq!(made, [7, 19, 43], "and not 3, 6 and 12, with nothing left until 72");
}

#[test]
fn a_press_that_only_failed_in_passing_is_made_again() {
    let refused = refusal(FailureKind::TwoStepAtPreviousOwner);
    let mut record = history(vec![attempt(hour(0), Basis::Blind, refused.clone())]);
    assert!(!registers(&plan(pending(), &record, hour(5))));
    record.ledger.attempts.push(attempt(hour(5), Basis::Person, refusal(FailureKind::Transient)));
    assert_eq!(plan(pending(), &record, hour(5)).reason(), Reason::BackOff);
    assert!(at_call(Basis::Blind)(&plan(pending(), &record, minute(5 * 60 + 1))));
    record.ledger.attempts.push(attempt(minute(5 * 60 + 1), Basis::Blind, refused));
    assert!(!registers(&plan(pending(), &record, hour(30))), "it was answered");
}

#[test]
fn a_reconciliation_counts_as_blind_while_nothing_says_the_name_is_good() {
    let dropped = NumberReading { status: Some(NumberStatus::Disconnected), ..pending() };
    let tries = (0..4).map(|n| attempt(minute(n), Basis::Blind, refusal(FailureKind::Transient)));
    let mut record = history(tries.collect());
    assert!(at_call(Basis::Reconcile)(&plan(dropped.clone(), &record, hour(10))));
    record.ledger.attempts.push(attempt(hour(10), Basis::Reconcile, refusal(FailureKind::Transient)));
    assert_eq!(plan(dropped.clone(), &record, hour(40)).reason(), Reason::BudgetSpent);
    let good = NumberReading { name_status: Some(NameStatus::Approved), ..dropped };
    assert!(at_call(Basis::Reconcile)(&plan(good, &record, hour(40))), "with a good name it does not");
}

#[test]
fn new_evidence_ends_a_back_off_and_begins_a_new_row() {
    let failed = |at| attempt(at, Basis::Blind, refusal(FailureKind::Transient));
    let mut record = history((0..4).map(|n| failed(minute(n))).collect());
    assert_eq!(plan(pending(), &record, hour(1)).reason(), Reason::BackOff, "six hours after the fourth");
    changed(&mut record, ChangeKind::NameGood, hour(1), Source::Webhook);
    assert!(registers(&plan(pending(), &record, hour(1))));
    record.ledger.attempts.push(attempt(hour(1), Basis::Probe, refusal(FailureKind::Transient)));
    assert_eq!(plan(pending(), &record, hour(1)).reason(), Reason::BackOff);
    assert!(registers(&plan(pending(), &record, minute(61))), "a minute after the first, not a day after the fifth");
    // a throttle is obeyed whatever came
    let mut throttled = history(vec![attempt(hour(0), Basis::Blind, refusal(FailureKind::Throttled))]);
    changed(&mut throttled, ChangeKind::NameGood, minute(1), Source::Webhook);
    assert_eq!(plan(pending(), &throttled, minute(2)).reason(), Reason::Throttled);
}
