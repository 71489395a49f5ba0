//! What holds under any history: the ledger's limits, a decision for every input, none that loops hot.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use strum::VariantArray as _;

use super::{attempt, history, hour, minute, pending, refusal, registers};
use crate::meta::failure::FailureKind;
use crate::meta::reading::{
    CodeVerification, NameStatus, NumberReading, NumberStatus, PlatformType, Provisioned, ThroughputLevel,
};
use crate::registration::ledger::{
    Attempt, AttemptOutcome, BUDGET, Basis, CallKind, MAX_AUTOMATIC, MAX_BLIND, MAX_WITH_PEOPLE, WINDOW, hold_after,
};
use crate::registration::{Caller, ChangeKind, Decision, History, Reads, Source, decide, note_changes};

/// One step of a random life: how long it takes, who asks, what Meta says, what becomes known.
type Step = (i64, u8, u8, u8);

fn outcome(pick: u8) -> AttemptOutcome {
    let kinds = [
        FailureKind::NameNotReady,
        FailureKind::NumberTaken,
        FailureKind::CertificateRefused,
        FailureKind::PinMismatch,
        FailureKind::Transient,
        FailureKind::Throttled,
        FailureKind::DeregistrationIncomplete,
        FailureKind::PinGuessesSpent,
        FailureKind::ReverificationNeeded,
        FailureKind::NotRegistered,
    ];
    match kinds.get(usize::from(pick) % (kinds.len() + 1)) {
        Some(kind) => refusal(*kind),
        None => AttemptOutcome::Success,
    }
}

/// Lives through the steps, doing what is decided; says what was called and when.
fn live_through(steps: &[Step]) -> (History, Vec<(Timestamp, Basis, bool)>) {
    let (mut record, mut now, mut calls) = (history(vec![]), hour(0), Vec::new());
    for (minutes, caller, says, learns) in steps {
        now += SignedDuration::from_mins(*minutes);
        let caller =
            [Caller::Planner, Caller::Planner, Caller::Planner, Caller::SetUp, Caller::Press][usize::from(caller % 5)];
        if let Some(kind) = ChangeKind::VARIANTS.get(usize::from(learns % 36)) {
            let source = [Source::Webhook, Source::Reading][usize::from(says % 2)];
            note_changes(&mut record.changes, &[*kind], now, source);
        }
        let mut reading = pending();
        if record.changes.name_is_good() {
            reading.name_status = Some(NameStatus::Approved);
        }
        let decision = decide(caller, &Reads::single(Ok(reading.clone())), &record, now);
        if let Some(next_check_at) = decision.next_check_at() {
            assert!(next_check_at > now, "would loop hot: {decision:?}");
        }
        let (kind, basis) = if let Decision::Register { basis, .. } = decision {
            (CallKind::Register, basis)
        } else if let Decision::Deregister { basis } = decision {
            (CallKind::Deregister, basis)
        } else {
            continue;
        };
        calls.push((now, basis, record.changes.name_is_good()));
        let result = outcome(*says);
        if let AttemptOutcome::Failed(failure) = &result {
            record.ledger.held_until = hold_after(failure, now).max(record.ledger.held_until);
        }
        record.has_pin = true;
        record.ledger.attempts.push(Attempt { kind, ..attempt(now, basis, result) });
        record.previous_read_at = Some(now);
        assert_eq!(reading.provisioned(), Provisioned::No);
    }
    (record, calls)
}

/// A reading from picked words: each field is a known word, one of a newer version, or unread. The flags are whether the
/// number is in the phone app and whether two-step verification is on.
fn reading_of(
    fields: (usize, usize, usize, usize, usize),
    (is_on_biz_app, is_pin_enabled): (Option<bool>, Option<bool>),
) -> NumberReading {
    let word = |known: &[&str], n: usize| {
        known.get(n).map(|w| (*w).to_owned()).or_else(|| (n == known.len()).then(|| "NEW".to_owned()))
    };
    NumberReading {
        platform_type: word(PlatformType::KNOWN, fields.0).map(|w| PlatformType::parse(&w)),
        throughput: word(ThroughputLevel::KNOWN, fields.1).map(|w| ThroughputLevel::parse(&w)),
        code_verification: word(CodeVerification::KNOWN, fields.2).map(|w| CodeVerification::parse(&w)),
        status: word(NumberStatus::KNOWN, fields.3).map(|w| NumberStatus::parse(&w)),
        name_status: word(NameStatus::KNOWN, fields.4).map(|w| NameStatus::parse(&w)),
        is_on_biz_app,
        is_pin_enabled,
        ..NumberReading::default()
    }
}

proptest! {
    /// The three limits and Meta's own hold in every window, whatever happens.
    #[test]
    fn the_ledger_holds_in_every_window(steps in proptest::collection::vec((1_i64..600, 0_u8..10, 0_u8..40, 0_u8..72), 1..300)) {
        let (_, calls) = live_through(&steps);
        for (start, ..) in &calls {
            let window: Vec<_> = calls.iter().filter(|(at, ..)| start <= at && *at < *start + WINDOW).collect();
            let people = window.iter().filter(|(_, basis, _)| *basis == Basis::Person).count();
            let blind = window.iter().filter(|(_, basis, _)| *basis == Basis::Blind).count();
            let evidence = window.iter().filter(|(_, basis, _)| *basis == Basis::Evidence).count();
            prop_assert!(window.len() <= BUDGET);
            prop_assert!(window.len() - people <= MAX_AUTOMATIC);
            prop_assert!(blind <= MAX_BLIND);
            prop_assert!(window.len() <= MAX_WITH_PEOPLE || evidence >= 1);
        }
    }

    /// Nothing said the name is good: at most five automatic calls.
    #[test]
    fn blind_calls_are_few(steps in proptest::collection::vec((1_i64..300, 0_u8..3, 0_u8..40), 1..300)) {
        let steps: Vec<Step> = steps.into_iter().map(|(m, c, s)| (m, c, s, 35)).collect();
        let (_, calls) = live_through(&steps);
        for (start, ..) in &calls {
            let unsaid = calls.iter().filter(|(at, _, good)| start <= at && *at < *start + WINDOW && !good).count();
            prop_assert!(unsaid <= MAX_BLIND, "{unsaid}");
        }
    }

    /// R2 under failing reads: a number on record as provisioned and not dropped is never registered while its status,
    /// platform or throughput is unread, whoever asks and however each read failed. On a provisioned reading, only the
    /// calls of policy rule 2 are made.
    #[test]
    fn a_number_on_record_as_provisioned_is_not_registered_on_an_unread_reading(
        fields in (0_usize..5, 0_usize..5, 0_usize..6, 0_usize..12, 0_usize..8),
        failed in (0_usize..8, 0_usize..8),
        flags in (any::<Option<bool>>(), any::<Option<bool>>(), any::<bool>(), any::<bool>()),
        record in (0_usize..3, 0_u8..12, proptest::option::of(0_i64..400), proptest::option::of(0_i64..400)),
        callers in (0_usize..4, 1_i64..40_000),
    ) {
        let reading = reading_of(fields, (flags.0, flags.1));
        let failures = [FailureKind::Transient, FailureKind::Throttled, FailureKind::TokenDead, FailureKind::AccessLost];
        let reads = Reads {
            verification: failures.get(failed.0).map_or_else(|| Ok(reading.code_verification.clone()), |kind| Err(*kind)),
            health: failures.get(failed.1).map_or_else(|| Ok(reading.clone()), |kind| Err(*kind)),
        };
        let attempts = [vec![], vec![attempt(hour(0), Basis::Blind, outcome(record.1))],
            vec![attempt(hour(0), Basis::Blind, AttemptOutcome::Success)]];
        let mut history = history(attempts[record.0].clone());
        (history.has_pin, history.was_registered) = (flags.2, flags.3);
        history.provisioned_at = record.2.map(minute);
        history.not_provisioned_at = record.3.map(minute);
        let caller = [Caller::SetUp, Caller::Press, Caller::ApplyNewName, Caller::Planner][callers.0];
        let decision = decide(caller, &reads, &history, minute(callers.1));
        let seen = reads.health.clone().unwrap_or_default();
        let is_unread = seen.status.is_none() || seen.platform_type.is_none() || seen.throughput.is_none();
        if history.shows_provisioned() && is_unread {
            prop_assert!(!registers(&decision), "{:?}", decision);
        }
        if seen.provisioned() == Provisioned::Yes && registers(&decision) {
            let never_registered = record.0 != 2;
            let by_set_up = caller.is_set_up() && never_registered && seen.status.is_some_and(|status| status != NumberStatus::Connected);
            prop_assert!(caller == Caller::ApplyNewName || by_set_up, "{:?}", decision);
        }
    }

    /// Every combination of readings gets a decision that does not loop hot.
    #[test]
    fn every_input_gets_a_decision(
        fields in (0_usize..5, 0_usize..5, 0_usize..6, 0_usize..12, 0_usize..8),
        flags in (any::<Option<bool>>(), any::<Option<bool>>(), any::<bool>(), any::<bool>()),
        callers in (0_usize..4, 0_u8..40, 0_i64..40_000),
    ) {
        let reading = reading_of(fields, (flags.0, flags.1));
        let caller = [Caller::SetUp, Caller::Press, Caller::ApplyNewName, Caller::Planner][callers.0];
        let mut record = history(vec![attempt(hour(0), Basis::Blind, outcome(callers.1))]);
        record.has_pin = flags.2;
        record.was_registered = flags.3;
        let now = minute(callers.2);
        let decision = decide(caller, &Reads::single(Ok(reading.clone())), &record, now);
        prop_assert!(decision.next_check_at().is_none_or(|at| at > now), "{:?}", decision);
        if caller == Caller::Planner && reading.provisioned() != Provisioned::No {
            let reconciles = matches!(decision, Decision::Register { basis: Basis::Reconcile, .. });
            prop_assert!(!registers(&decision) || reconciles);
        }
    }
}
