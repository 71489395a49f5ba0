//! One row per finding: what leads to it, how bad it is, whose move, which button.

use super::*;
use crate::event::{Note, Restriction};
use crate::graph::{Failure, FailureKind, MetaError};
use crate::reading::EntityError;
use crate::registration::Remedy;

use Action as A;
use Level::{ActionNeeded, AtRisk, Blocked, Live, Unknown, WaitingForMeta};
use Move::{Meta, Nobody, Operator, Owner};

/// Where a row starts, what it changes, and what is found.
type Row = (&'static str, Case, fn(&mut Case), Level, Move, Option<Action>);

fn error(entity_type: &EntityType, code: i64, can_send: CanSend, case: &mut Case) {
    let entity = case.entity(entity_type);
    entity.can_send = Some(can_send);
    entity.errors.push(EntityError { code, description: "Meta's text".to_owned(), possible_solution: None });
}

fn asks(remedy: Remedy, why: Why) -> Decision {
    Decision::Ask { remedy, why, look_at: now() + hours(6) }
}

fn refused(kind: FailureKind) -> Why {
    Why::Refused(kind)
}

fn refusal(code: i64) -> Refusal {
    let meta = MetaError { code, message: "Meta's text".to_owned(), ..MetaError::default() };
    Refusal { failure: Failure::from_meta(meta), at: now() - hours(3) }
}

fn read_failed(case: &mut Case, kind: FailureKind) {
    case.snapshot.read_failure = Some(ReadFailure { kind, at: now() - hours(1), in_a_row: 2 });
}

fn check(rows: Vec<Row>) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for (word, mut case, change, severity, whose, action) in rows {
        change(&mut case);
        let report = case.report();
        let Some(finding) = report.finding(word) else { panic!("{word} not found among {:?}", case.codes()) };
        assert_eq!((finding.severity, finding.whose, finding.action), (severity, whose, action), "{word}");
        assert!(finding.since.is_some(), "{word}");
        // the level is at least as bad as the finding, and says Unknown only for want of a verdict
        assert!(report.level.urgency() >= severity.urgency(), "{word} makes {:?}", report.level);
        seen.push(word);
    }
    seen
}

fn unread_rows() -> Vec<Row> {
    let (live, pending) = (Case::live, Case::pending);
    vec![
        ("never_read", live(), |c| c.snapshot.checked_at = None, Unknown, Nobody, Some(A::Refresh)),
        (
            "reading_stale",
            live(),
            |c| c.snapshot.checked_at = Some(now() - hours(25)),
            Unknown,
            Nobody,
            Some(A::Refresh),
        ),
        ("facts_unread", live(), |c| c.reading().platform_type = None, Unknown, Nobody, Some(A::Refresh)),
        ("facts_unread", pending(), |c| c.decide(waits(Why::FactsUnread)), Unknown, Nobody, Some(A::Refresh)),
        ("read_failed", live(), |c| read_failed(c, FailureKind::Transient), Live, Nobody, Some(A::Refresh)),
        (
            "onboarding_unknown",
            pending(),
            |c| c.decide(waits(Why::OnboardingUnknown)),
            Unknown,
            Nobody,
            Some(A::Refresh),
        ),
    ]
}

fn waiting_rows() -> Vec<Row> {
    let pending = Case::pending;
    let press = Some(A::CompleteRegistration);
    vec![
        (
            "pending_registration",
            pending(),
            |c| c.decide(Decision::Done { why: Why::Live, look_at: None }),
            WaitingForMeta,
            Nobody,
            press,
        ),
        ("registration_under_way", pending(), |c| c.decide(waits(Why::CallUnderWay)), WaitingForMeta, Nobody, None),
        ("registration_unconfirmed", pending(), |c| c.decide(waits(Why::AcceptedNotShown)), WaitingForMeta, Meta, None),
        ("activating", Case::live(), |c| c.reading().status = Some(NumberStatus::Pending), WaitingForMeta, Meta, None),
        ("registration_retrying", pending(), |c| c.decide(waits(Why::BackOff)), WaitingForMeta, Nobody, press),
        ("throttled", pending(), |c| c.decide(waits(Why::Throttled)), WaitingForMeta, Meta, None),
        ("name_in_review", pending(), |c| c.decide(waits(Why::NameInReview)), WaitingForMeta, Meta, press),
        (
            "name_good_still_refused",
            pending(),
            |c| c.decide(waits(Why::NameGoodStillRefused)),
            WaitingForMeta,
            Meta,
            press,
        ),
        ("budget_spent", pending(), |c| c.decide(waits(Why::BudgetSpent)), WaitingForMeta, Nobody, None),
        (
            "registration_held",
            pending(),
            |c| {
                c.context.registration.hold = Some(Hold { until: now() + hours(70), cause: HoldCause::Budget });
            },
            WaitingForMeta,
            Meta,
            None,
        ),
        (
            "pin_guesses_held",
            pending(),
            |c| {
                c.context.registration.hold = Some(Hold { until: now() + hours(7), cause: HoldCause::PinGuesses });
            },
            WaitingForMeta,
            Meta,
            None,
        ),
        (
            "onboarding_window_ending",
            pending(),
            |c| c.context.channel_created_at = now() - days(11),
            WaitingForMeta,
            Nobody,
            press,
        ),
        (
            "dropped_out",
            Case::live(),
            |c| error(&EntityType::PhoneNumber, 141_000, CanSend::Blocked, c),
            WaitingForMeta,
            Nobody,
            press,
        ),
        (
            "coexistence_paused",
            Case::live(),
            |c| c.context.account.take(&Note::Paused, now() - hours(1)),
            WaitingForMeta,
            Nobody,
            None,
        ),
        (
            "account_in_review",
            Case::pending(),
            |c| {
                c.snapshot.waba.account_review = Some(AccountReview::Pending);
                c.entity(&EntityType::Waba).can_send = Some(CanSend::Limited);
            },
            WaitingForMeta,
            Meta,
            None,
        ),
    ]
}

fn asking_rows() -> Vec<Row> {
    use FailureKind as K;
    use Remedy as R;
    let pending = Case::pending;
    vec![
        (
            "name_declined",
            pending(),
            |c| c.reading().name_status = Some(NameStatus::Declined),
            ActionNeeded,
            Owner,
            Some(A::ChooseNewName),
        ),
        (
            "name_good_still_refused",
            pending(),
            |c| c.decide(asks(R::ChooseNewName, Why::NameGoodStillRefused)),
            ActionNeeded,
            Owner,
            Some(A::ChooseNewName),
        ),
        (
            "pin_needed",
            pending(),
            |c| c.decide(asks(R::EnterPin, Why::PinUnknown)),
            ActionNeeded,
            Owner,
            Some(A::EnterPin),
        ),
        (
            "pin_needed",
            pending(),
            |c| c.decide(asks(R::EnterPin, refused(K::PinMismatch))),
            ActionNeeded,
            Owner,
            Some(A::EnterPin),
        ),
        (
            "code_needed",
            pending(),
            |c| c.decide(asks(R::VerifyByCode, Why::CodeNotVerified)),
            ActionNeeded,
            Owner,
            Some(A::VerifyByCode),
        ),
        (
            "number_taken",
            pending(),
            |c| c.decide(asks(R::FreeNumber, refused(K::NumberTaken))),
            ActionNeeded,
            Owner,
            Some(A::FreeNumber),
        ),
        (
            "two_step_at_previous_owner",
            pending(),
            |c| c.decide(asks(R::TurnOffTwoStep, refused(K::TwoStepAtPreviousOwner))),
            ActionNeeded,
            Owner,
            Some(A::TurnOffTwoStep),
        ),
        (
            "registration_refused",
            pending(),
            |c| {
                c.context.registration.last_refusal = Some(refusal(131_099));
                c.decide(asks(R::ReadRefusal, refused(K::Permanent)));
            },
            ActionNeeded,
            Owner,
            Some(A::CompleteRegistration),
        ),
        (
            "registration_refused",
            pending(),
            |c| c.decide(asks(R::ReadRefusal, refused(K::AppMisconfigured))),
            ActionNeeded,
            Operator,
            Some(A::CheckInstallation),
        ),
        (
            "onboarding_expired",
            pending(),
            |c| c.decide(asks(R::SignUpAgain, Why::OnboardingExpired)),
            ActionNeeded,
            Owner,
            Some(A::SignUpAgain),
        ),
        (
            "onboarding_expired",
            pending(),
            |c| c.context.channel_created_at = now() - days(15),
            ActionNeeded,
            Owner,
            Some(A::SignUpAgain),
        ),
        (
            "on_premise",
            Case::live(),
            |c| c.reading().platform_type = Some(PlatformType::OnPremise),
            ActionNeeded,
            Owner,
            Some(A::MigrateFromOnPremise),
        ),
        (
            "coexistence_lost",
            pending(),
            |c| c.decide(asks(R::ReconnectApp, Why::CoexistenceLost)),
            ActionNeeded,
            Owner,
            Some(A::ReconnectApp),
        ),
        (
            "coexistence_lost",
            Case::live(),
            |c| c.context.account.take(&Note::Paused, now() - days(2)),
            ActionNeeded,
            Owner,
            Some(A::ReconnectApp),
        ),
        (
            "account_locked",
            pending(),
            |c| c.decide(asks(R::ContactSupport, refused(K::AccountLocked))),
            Blocked,
            Owner,
            Some(A::ContactSupport),
        ),
        (
            "payment_missing",
            pending(),
            |c| c.decide(asks(R::ReadRefusal, refused(K::PaymentMissing))),
            ActionNeeded,
            Owner,
            Some(A::AddPayment),
        ),
    ]
}

fn status(case: &mut Case, word: &str) {
    case.reading().status = Some(NumberStatus::parse(word));
}

fn number_rows() -> Vec<Row> {
    let live = Case::live;
    let better = Some(A::ImproveQuality);
    vec![
        ("number_banned", live(), |c| status(c, "BANNED"), Blocked, Owner, Some(A::Appeal)),
        ("number_deleted", live(), |c| status(c, "DELETED"), Blocked, Owner, Some(A::SignUpAgain)),
        ("number_migrated", live(), |c| status(c, "MIGRATED"), Blocked, Owner, Some(A::SignUpAgain)),
        ("number_restricted", live(), |c| status(c, "RESTRICTED"), Blocked, Owner, Some(A::Appeal)),
        ("number_disconnected", live(), |c| status(c, "DISCONNECTED"), ActionNeeded, Owner, Some(A::Reconnect)),
        (
            "number_disconnected",
            Case::pending(),
            |c| status(c, "DISCONNECTED"),
            WaitingForMeta,
            Nobody,
            Some(A::CompleteRegistration),
        ),
        (
            "number_disconnected",
            live(),
            |c| {
                c.context.onboarding = Onboarding::Coexistence;
                status(c, "DISCONNECTED");
            },
            ActionNeeded,
            Owner,
            Some(A::ReconnectApp),
        ),
        ("number_flagged", live(), |c| status(c, "FLAGGED"), AtRisk, Owner, better),
        ("number_rate_limited", live(), |c| status(c, "RATE_LIMITED"), AtRisk, Owner, better),
        ("number_unverified", live(), |c| status(c, "UNVERIFIED"), ActionNeeded, Owner, Some(A::VerifyByCode)),
        ("status_not_known", live(), |c| status(c, "LINKED"), AtRisk, Operator, None),
        ("sandbox", live(), |c| c.reading().account_mode = Some(AccountMode::Sandbox), AtRisk, Owner, None),
        ("coexistence", live(), |c| c.reading().is_on_biz_app = Some(true), Live, Nobody, None),
        ("quality_yellow", live(), |c| c.reading().quality_rating = Some(QualityRating::Yellow), AtRisk, Owner, better),
        ("quality_red", live(), |c| c.reading().quality_rating = Some(QualityRating::Red), AtRisk, Owner, better),
        ("limit_near", live(), |c| c.context.sending.started_in_24h = Some(1_700), AtRisk, Nobody, None),
        ("limit_reached", live(), |c| c.context.sending.started_in_24h = Some(2_000), AtRisk, Nobody, None),
        (
            "limit_lowest",
            live(),
            |c| c.reading().portfolio_limit = Some(MessagingLimit::Tier250),
            Live,
            Nobody,
            Some(A::VerifyBusiness),
        ),
        (
            "name_expired",
            live(),
            |c| c.reading().name_status = Some(NameStatus::Expired),
            AtRisk,
            Owner,
            Some(A::ChooseNewName),
        ),
        (
            "new_name_approved",
            live(),
            |c| c.reading().new_name_status = Some(NameStatus::Approved),
            AtRisk,
            Owner,
            Some(A::ApplyNewName),
        ),
        (
            "new_name_lapsed",
            live(),
            |c| {
                c.reading().new_name_status = Some(NameStatus::Approved);
                c.context.new_name_approved_at = Some(now() - days(15));
            },
            AtRisk,
            Owner,
            Some(A::ChooseNewName),
        ),
        (
            "new_name_in_review",
            live(),
            |c| c.reading().new_name_status = Some(NameStatus::PendingReview),
            AtRisk,
            Meta,
            None,
        ),
        (
            "new_name_in_review",
            live(),
            |c| {
                c.reading().name_status = Some(NameStatus::Declined);
                c.reading().new_name_status = Some(NameStatus::PendingReview);
            },
            WaitingForMeta,
            Meta,
            None,
        ),
        (
            "new_name_declined",
            live(),
            |c| c.reading().new_name_status = Some(NameStatus::Declined),
            AtRisk,
            Owner,
            Some(A::ChooseNewName),
        ),
    ]
}

fn account_rows() -> Vec<Row> {
    let live = Case::live;
    let appeal = Some(A::Appeal);
    vec![
        (
            "payment_missing",
            live(),
            |c| error(&EntityType::Waba, 141_006, CanSend::Blocked, c),
            ActionNeeded,
            Owner,
            Some(A::AddPayment),
        ),
        (
            "payment_missing",
            live(),
            |c| c.context.sending.take(&Note::SendRefused(131_042), now() - hours(1)),
            ActionNeeded,
            Owner,
            Some(A::AddPayment),
        ),
        (
            "business_unverified",
            live(),
            |c| error(&EntityType::Business, 141_010, CanSend::Limited, c),
            AtRisk,
            Owner,
            Some(A::VerifyBusiness),
        ),
        (
            "business_unverified",
            live(),
            |c| c.snapshot.waba.business_verification = Some(BusinessVerification::NotVerified),
            Live,
            Nobody,
            Some(A::VerifyBusiness),
        ),
        (
            "account_in_review",
            live(),
            |c| c.snapshot.waba.account_review = Some(AccountReview::Pending),
            AtRisk,
            Meta,
            None,
        ),
        (
            "account_rejected",
            live(),
            |c| c.snapshot.waba.account_review = Some(AccountReview::Rejected),
            ActionNeeded,
            Owner,
            appeal,
        ),
        (
            "account_restricted",
            live(),
            |c| {
                let kind = "RESTRICTED_BIZ_INITIATED_MESSAGING".to_owned();
                c.context
                    .account
                    .take(&Note::Restrictions(vec![Restriction { kind, until: Some(now() + hours(2)) }]), now());
            },
            Blocked,
            Owner,
            appeal,
        ),
        (
            "ban_scheduled",
            live(),
            |c| c.context.account.take(&Note::BanScheduled { on: Some(now() + days(2)) }, now()),
            ActionNeeded,
            Owner,
            appeal,
        ),
        (
            "account_banned",
            live(),
            |c| c.context.account.take(&Note::BanScheduled { on: Some(now() - hours(1)) }, now() - days(2)),
            Blocked,
            Owner,
            appeal,
        ),
        ("account_banned", live(), |c| error(&EntityType::Waba, 141_014, CanSend::Blocked, c), Blocked, Owner, appeal),
        ("account_disabled", live(), |c| c.snapshot.waba.status = Some("DISABLED".to_owned()), Blocked, Owner, appeal),
        (
            "account_deleted",
            live(),
            |c| c.context.account.take(&Note::Deleted, now()),
            Blocked,
            Owner,
            Some(A::SignUpAgain),
        ),
        (
            "account_locked",
            live(),
            |c| c.context.sending.take(&Note::SendRefused(131_031), now() - hours(1)),
            Blocked,
            Owner,
            Some(A::ContactSupport),
        ),
        (
            "policy_violation",
            live(),
            |c| c.context.account.take(&Note::Violation("SCAM".to_owned()), now()),
            AtRisk,
            Owner,
            appeal,
        ),
        (
            "business_compromised",
            live(),
            |c| c.context.account.take(&Note::Compromised, now()),
            AtRisk,
            Owner,
            Some(A::ContactSupport),
        ),
        (
            "sending_blocked",
            live(),
            |c| c.entity(&EntityType::App).can_send = Some(CanSend::Blocked),
            ActionNeeded,
            Operator,
            Some(A::CheckInstallation),
        ),
        (
            "sending_limited",
            live(),
            |c| c.entity(&EntityType::PhoneNumber).can_send = Some(CanSend::Limited),
            Live,
            Owner,
            Some(A::ContactSupport),
        ),
        (
            "meta_reports",
            live(),
            |c| error(&EntityType::Business, 131_000, CanSend::Limited, c),
            AtRisk,
            Owner,
            Some(A::ContactSupport),
        ),
        (
            "sends_refused",
            live(),
            |c| c.context.sending.take(&Note::SendRefused(131_037), now() - hours(1)),
            AtRisk,
            Owner,
            Some(A::ContactSupport),
        ),
        (
            "dropped_out",
            live(),
            |c| c.context.sending.take(&Note::SendRefused(133_010), now() - hours(1)),
            WaitingForMeta,
            Nobody,
            Some(A::CompleteRegistration),
        ),
    ]
}

fn connection_rows() -> Vec<Row> {
    let live = Case::live;
    let (again, look) = (Some(A::Resubscribe), Some(A::TakeOverCallback));
    vec![
        (
            "token_dead",
            live(),
            |c| c.context.token.state = TokenState::Dead { since: now() },
            ActionNeeded,
            Owner,
            Some(A::Reconnect),
        ),
        (
            "token_dead",
            live(),
            |c| {
                c.context.token =
                    TokenFacts { state: TokenState::Dead { since: now() }, refetch: Some(Healing::UnderWay) };
            },
            AtRisk,
            Nobody,
            Some(A::Reconnect),
        ),
        ("token_dead", live(), |c| read_failed(c, FailureKind::TokenDead), ActionNeeded, Owner, Some(A::Reconnect)),
        (
            "token_expiring",
            live(),
            |c| c.context.token.state = TokenState::Good { expires_at: Some(now() + days(3)) },
            AtRisk,
            Owner,
            Some(A::Reconnect),
        ),
        (
            "access_lost",
            live(),
            |c| read_failed(c, FailureKind::AccessLost),
            ActionNeeded,
            Owner,
            Some(A::RestoreAccess),
        ),
        (
            "access_lost",
            live(),
            |c| c.context.account.take(&Note::Unshared, now()),
            ActionNeeded,
            Owner,
            Some(A::RestoreAccess),
        ),
        ("not_subscribed", live(), |c| c.context.webhooks.subscription = Subscription::No, AtRisk, Nobody, again),
        (
            "not_subscribed",
            live(),
            |c| {
                c.context.webhooks.subscription = Subscription::No;
                c.context.webhooks.subscription_healing = Healing::GivenUp;
            },
            ActionNeeded,
            Operator,
            again,
        ),
        // policy E8 and W8: refused with the app's own callback ours is success with a finding
        (
            "override_refused",
            live(),
            |c| {
                c.context.webhooks.callback_override = Override::Refused { code: Some(200), text: "(#200)".to_owned() };
            },
            Live,
            Nobody,
            None,
        ),
        (
            "override_refused",
            live(),
            |c| {
                c.context.webhooks.callback_override = Override::Refused { code: Some(200), text: "(#200)".to_owned() };
                c.context.webhooks.app_callback = AppCallback::Missing;
            },
            ActionNeeded,
            Operator,
            look,
        ),
        ("override_missing", live(), |c| c.context.webhooks.callback_override = Override::Missing, Live, Nobody, again),
        (
            "override_foreign",
            live(),
            |c| c.context.webhooks.callback_override = Override::Foreign("https://x.example".to_owned()),
            AtRisk,
            Nobody,
            again,
        ),
        (
            "callback_unverified",
            live(),
            |c| c.context.webhooks.verified = Some(false),
            AtRisk,
            Operator,
            Some(A::CheckInstallation),
        ),
        (
            "app_callback_missing",
            live(),
            |c| c.context.webhooks.app_callback = AppCallback::Missing,
            AtRisk,
            Nobody,
            look,
        ),
        (
            "app_callback_foreign",
            live(),
            |c| c.context.webhooks.app_callback = AppCallback::Foreign("https://x.example".to_owned()),
            AtRisk,
            Operator,
            look,
        ),
        (
            "app_fields_missing",
            live(),
            |c| c.context.webhooks.app_callback = AppCallback::LacksFields(vec!["security".to_owned()]),
            AtRisk,
            Nobody,
            look,
        ),
        (
            "silence",
            live(),
            |c| {
                c.context.webhooks.usual_gap = Some(hours(1));
                c.context.webhooks.last_heard_at = Some(now() - hours(20));
                c.context.sending.last_send_at = Some(now() - hours(10));
            },
            AtRisk,
            Operator,
            again,
        ),
    ]
}

#[test]
fn every_finding_has_its_row() {
    let rows = [unread_rows(), waiting_rows(), asking_rows(), number_rows(), account_rows(), connection_rows()];
    let seen: Vec<_> = rows.into_iter().flat_map(check).collect();
    let missing: Vec<_> = FindingCode::KNOWN.iter().filter(|word| !seen.contains(word)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}

#[test]
fn a_live_number_has_nothing_to_say() {
    let report = Case::live().report();
    assert_eq!((report.level, report.whose, report.findings), (Live, Nobody, vec![]));
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
    case.decide(waits(Why::NameInReview));
    assert_eq!(case.codes(), vec!["name_in_review"]);
    assert!(case.report().findings.iter().all(|finding| finding.action != Some(A::VerifyByCode)));
}

/// E8: pending is "waiting for Meta", and wants to be looked at.
#[test]
fn a_pending_channel_waits_and_needs_attention() {
    let mut case = Case::pending();
    case.decide(Decision::Wait {
        why: Why::NameInReview,
        look_at: now() + hours(1),
        register_at: Some(now() + hours(72)),
    });
    let report = case.report();
    assert_eq!((report.level, report.whose), (WaitingForMeta, Meta));
    assert!(report.needs_attention() && !Case::live().report().needs_attention());
    assert_eq!(report.waiting_until, Some(now() + hours(72)));
}

/// A single failed read leaves the judgement as it was, whatever the planner says without a reading.
#[test]
fn a_failed_read_changes_nothing_while_the_reading_is_fresh() {
    for why in [Why::FactsUnread, Why::Throttled, Why::HealthUnread] {
        let mut case = Case::live();
        read_failed(&mut case, FailureKind::Transient);
        case.decide(waits(why));
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
    case.context.account.take(&Note::Banned, now());
    assert_eq!(case.report().level, Blocked);
}

/// A restriction that ends, a ban that comes, a token that runs out: by time alone.
#[test]
fn levels_change_with_time_alone() {
    let mut case = Case::live();
    let until = now() + hours(2);
    let kind = "RESTRICTED_BIZ_INITIATED_MESSAGING".to_owned();
    case.context.account.take(&Note::Restrictions(vec![Restriction { kind, until: Some(until) }]), now());
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
    case.context.account.take(&Note::Banned, now() - days(2));
    assert_eq!(case.report().level, Live);
    case.entity(&EntityType::Waba).can_send = Some(CanSend::Limited);
    assert_eq!(case.report().level, Blocked);
}

#[test]
fn what_was_found_before_keeps_its_date() {
    let mut case = Case::live();
    case.reading().quality_rating = Some(QualityRating::Red);
    case.context.before = Some(remember(None, &case.report()));
    case.now = now() + hours(1);
    let report = case.report();
    assert_eq!((report.since, report.findings[0].since), (now(), Some(now())));
}

#[test]
fn trouble_is_read_often_and_quiet_rarely() {
    let settled = now() - days(3);
    for level in Level::ALL {
        let (new, later) = (next_check(*level, now(), now()), next_check(*level, settled, now()));
        assert!(now() < new && new <= later && later <= now() + hours(6), "{level:?}");
        if *level != Live {
            assert!(new <= now() + SignedDuration::from_mins(15), "{level:?}");
        }
    }
}
