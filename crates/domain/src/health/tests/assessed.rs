//! What changes an assessment and what does not, one short story per test.

use super::*;
use crate::interpretation::Note;
use crate::meta::event::Restriction;
use crate::meta::failure::FailureKind;

use Action as A;
use Level::{ActionNeeded, AtRisk, Blocked, Live, Unknown, WaitingForMeta};
use Party::{Meta, Nobody};

#[test]
fn a_live_number_has_nothing_to_say() {
    let report = Case::live().report();
    assert_eq!((report.level, report.responsible, report.findings), (Live, Nobody, vec![]));
    assert_eq!(report.level_until, Some(now() - SignedDuration::from_mins(2) + STALE_AFTER));
}

/// Facts §6.1: neither makes a live number worse.
#[test]
fn what_is_normal_on_a_live_number_is_no_finding() {
    let mut case = Case::live();
    case.reading().code_verification = Some(CodeVerification::Expired);
    case.reading().name_status = Some(NameStatus::PendingReview);
    assert_eq!(case.report().findings, vec![]);
    case.reading().name_status = Some(NameStatus::AvailableWithoutReview);
    assert_eq!(case.report().findings, vec![]);
}

/// Facts §6.3: calling noise, even on an entity that is blocked for calls.
#[test]
fn calling_noise_is_dropped() {
    let mut case = Case::live();
    for code in [138_024, 138_025, 138_026] {
        error(&EntityType::PhoneNumber, code, CanSend::Available, &mut case);
        error(&EntityType::App, code, CanSend::Available, &mut case);
    }
    assert_eq!(case.report().findings, vec![]);
}

/// 141000 says "finish the OTP authentication": wrong for a number whose code is verified.
#[test]
fn an_unregistered_number_is_never_sent_to_a_code_by_141000() {
    let mut case = Case::pending();
    error(&EntityType::PhoneNumber, 141_000, CanSend::Blocked, &mut case);
    case.decide(waits(Reason::NameInReview));
    assert_eq!(case.codes(), vec!["name_in_review"]);
    assert!(case.report().findings.iter().all(|finding| finding.action != Some(A::VerifyByCode)));
}

/// E8: pending is "waiting for Meta", and wants to be looked at.
#[test]
fn a_pending_channel_waits_and_needs_attention() {
    let mut case = Case::pending();
    case.decide(Decision::Wait {
        reason: Reason::NameInReview,
        next_check_at: now() + hours(1),
        register_at: Some(now() + hours(72)),
    });
    let report = case.report();
    assert_eq!((report.level, report.responsible), (WaitingForMeta, Meta));
    assert!(report.needs_attention() && !Case::live().report().needs_attention());
    assert_eq!(report.waiting_until, Some(now() + hours(72)));
}

/// A single failed read leaves the assessment as it was, whatever the planner says without a reading.
#[test]
fn a_failed_read_changes_nothing_while_the_reading_is_fresh() {
    for reason in [Reason::FactsUnread, Reason::Throttled, Reason::HealthUnread] {
        let mut case = Case::live();
        read_failed(&mut case, FailureKind::Transient);
        case.decide(waits(reason));
        assert_eq!(case.report().level, Live);
    }
}

#[test]
fn what_needs_a_person_is_known_without_a_reading() {
    let mut case = Case::live();
    case.snapshot.checked_at = Some(now() - hours(30));
    assert_eq!(case.report().level, Unknown);
    case.context.token.state = TokenState::Dead { since: now() - hours(29) };
    assert_eq!(case.report().level, ActionNeeded);
    case.context.account.apply(&Note::Banned, now());
    assert_eq!(case.report().level, Blocked);
}

/// A restriction that ends, a ban that comes, a token that runs out: by time alone.
#[test]
fn levels_change_with_time_alone() {
    let mut case = Case::live();
    let until = now() + hours(2);
    let kind = "RESTRICTED_BIZ_INITIATED_MESSAGING".to_owned();
    case.context.account.apply(&Note::Restrictions(vec![Restriction { kind, until: Some(until) }]), now());
    let report = case.report();
    assert_eq!((report.level, report.level_until), (Blocked, Some(until)));
    case.now = until;
    assert_eq!(case.report().level, Live);

    let mut case = Case::live();
    case.context.token.state = TokenState::Good { expires_at: Some(now() + hours(1)) };
    assert_eq!(case.report().level, AtRisk);
    case.now = now() + hours(1);
    assert_eq!(case.report().level, ActionNeeded);
}

/// A REINSTATE that got lost is made up for by a later reading of the account.
#[test]
fn a_later_reading_lifts_a_ban() {
    let mut case = Case::live();
    case.context.account.apply(&Note::Banned, now() - days(2));
    assert_eq!(case.report().level, Live);
    case.entity(&EntityType::Waba).can_send = Some(CanSend::Limited);
    assert_eq!(case.report().level, Blocked);
}

#[test]
fn what_was_found_before_keeps_its_date() {
    let mut case = Case::live();
    case.reading().quality_rating = Some(QualityRating::Red);
    case.context.before = Some(next_assessment(None, &case.report()));
    case.now = now() + hours(1);
    let report = case.report();
    assert_eq!((report.since, report.findings[0].since), (now(), Some(now())));
}

#[test]
fn trouble_is_read_often_and_quiet_rarely() {
    let settled = now() - days(3);
    for level in Level::VARIANTS {
        let (new, later) = (next_check(*level, now(), now()), next_check(*level, settled, now()));
        assert!(now() < new && new <= later && later <= now() + hours(6), "{level:?}");
        if *level != Live {
            assert!(new <= now() + SignedDuration::from_mins(15), "{level:?}");
        }
    }
}
