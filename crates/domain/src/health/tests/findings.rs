//! One row per finding: what leads to it, how bad it is, whose move, which button.

use super::*;
use crate::interpretation::Note;
use crate::meta::event::Restriction;
use crate::meta::failure::{Failure, FailureKind, MetaError};
use crate::registration::Remedy;

use FailureKind as K;
use Level::{ActionNeeded, AtRisk, Blocked, Live, Unknown, WaitingForMeta};
use Party::{Meta, Nobody, Operator, Owner};
use Remedy as R;

/// What is found, in which case, how bad, whose move, which button, after which change.
type Row = (&'static str, Case, Level, Party, Option<Action>, fn(&mut Case));

macro_rules! button {
    (nothing) => {
        None
    };
    ($action:ident) => {
        Some(Action::$action)
    };
}

/// Writes rows, a line or two each; `nothing` is no button.
macro_rules! rows {
    ($name:ident: $($word:literal, $case:ident, $level:ident, $whose:ident, $action:ident, |$c:ident| $change:expr;)+) => {
        fn $name() -> Vec<Row> {
            vec![$(($word, Case::$case(), $level, $whose, button!($action), |$c| { $change; })),+]
        }
    };
}

fn asks(remedy: Remedy, reason: Reason) -> Decision {
    Decision::Ask { remedy, reason, next_check_at: now() + hours(6) }
}

fn refused(kind: FailureKind) -> Reason {
    Reason::Refused(kind)
}

fn refusal(code: i64) -> Refusal {
    let meta = MetaError { code, message: "Meta's text".to_owned(), ..MetaError::default() };
    Refusal { failure: Failure::from_meta(meta), at: now() - hours(3) }
}

fn check(rows: Vec<Row>) -> Vec<&'static str> {
    let mut seen = Vec::new();
    for (word, mut case, severity, whose, action, change) in rows {
        change(&mut case);
        let report = case.report();
        let Some(finding) = report.finding(word) else { panic!("{word} not found among {:?}", case.codes()) };
        assert_eq!((finding.severity, finding.responsible, finding.action), (severity, whose, action), "{word}");
        assert!(finding.since.is_some(), "{word}");
        // the level is at least as bad as the finding, and says Unknown only for want of a verdict
        assert!(report.level.urgency() >= severity.urgency(), "{word} makes {:?}", report.level);
        seen.push(word);
    }
    seen
}

rows! { unread_rows:
    "never_read", live, Unknown, Nobody, Refresh, |c| c.snapshot.checked_at = None;
    "reading_stale", live, Unknown, Nobody, Refresh, |c| c.snapshot.checked_at = Some(now() - hours(25));
    "facts_unread", live, Unknown, Nobody, Refresh, |c| {
        c.reading().platform_type = None;
        c.entity(&EntityType::PhoneNumber).can_send = None;
    };
    "facts_unread", pending, Unknown, Nobody, Refresh, |c| c.decide(waits(Reason::FactsUnread));
    "read_failed", live, Live, Nobody, Refresh, |c| read_failed(c, FailureKind::Transient);
    "onboarding_unknown", pending, Unknown, Nobody, Refresh, |c| c.decide(waits(Reason::OnboardingUnknown));
}

rows! { waiting_rows:
    "pending_registration", pending, WaitingForMeta, Nobody, CompleteRegistration,
        |c| c.decide(Decision::Done { reason: Reason::Live, next_check_at: None });
    "registration_in_progress", pending, WaitingForMeta, Nobody, nothing, |c| c.decide(waits(Reason::CallInProgress));
    "registration_unconfirmed", pending, WaitingForMeta, Meta, nothing,
        |c| c.decide(waits(Reason::AcceptedNotShown));
    "activating", pending, WaitingForMeta, Meta, nothing, |c| c.decide(waits(Reason::CoexistenceStarting));
    "activating", live, WaitingForMeta, Meta, nothing, |c| c.reading().status = Some(NumberStatus::Pending);
    "registration_retrying", pending, WaitingForMeta, Nobody, CompleteRegistration,
        |c| c.decide(waits(Reason::BackOff));
    "throttled", pending, WaitingForMeta, Meta, nothing, |c| c.decide(waits(Reason::Throttled));
    "name_in_review", pending, WaitingForMeta, Meta, CompleteRegistration,
        |c| c.decide(waits(Reason::NameInReview));
    "name_good_still_refused", pending, WaitingForMeta, Meta, CompleteRegistration,
        |c| c.decide(waits(Reason::NameGoodStillRefused));
    "budget_spent", pending, WaitingForMeta, Nobody, nothing, |c| c.decide(waits(Reason::BudgetSpent));
    "registration_held", pending, WaitingForMeta, Meta, nothing,
        |c| c.context.registration.hold = Some(Hold { until: now() + hours(70), cause: HoldCause::Budget });
    "pin_guesses_held", pending, WaitingForMeta, Meta, nothing,
        |c| c.context.registration.hold = Some(Hold { until: now() + hours(7), cause: HoldCause::PinGuesses });
    "onboarding_window_ending", pending, WaitingForMeta, Nobody, CompleteRegistration,
        |c| c.context.channel_created_at = now() - days(11);
    "registration_lost", live, WaitingForMeta, Nobody, CompleteRegistration,
        |c| error(&EntityType::PhoneNumber, 141_000, CanSend::Blocked, c);
    "coexistence_paused", live, WaitingForMeta, Nobody, nothing,
        |c| c.context.account.apply(&Note::Paused, now() - hours(1));
    "account_in_review", pending, WaitingForMeta, Meta, nothing, |c| {
        c.snapshot.waba.account_review = Some(AccountReview::Pending);
        c.entity(&EntityType::Waba).can_send = Some(CanSend::Limited);
    };
}

rows! { asking_rows:
    "name_declined", pending, ActionNeeded, Owner, ChooseNewName,
        |c| c.reading().name_status = Some(NameStatus::Declined);
    "name_good_still_refused", pending, ActionNeeded, Owner, ChooseNewName,
        |c| c.decide(asks(R::ChooseNewName, Reason::NameGoodStillRefused));
    "pin_needed", pending, ActionNeeded, Owner, EnterPin, |c| c.decide(asks(R::EnterPin, Reason::PinUnknown));
    "pin_needed", pending, ActionNeeded, Owner, EnterPin,
        |c| c.decide(asks(R::EnterPin, refused(K::PinMismatch)));
    "code_needed", pending, ActionNeeded, Owner, VerifyByCode,
        |c| c.decide(asks(R::VerifyByCode, Reason::CodeNotVerified));
    "number_taken", pending, ActionNeeded, Owner, FreeNumber,
        |c| c.decide(asks(R::FreeNumber, refused(K::NumberTaken)));
    "two_step_at_previous_owner", pending, ActionNeeded, Owner, TurnOffTwoStep,
        |c| c.decide(asks(R::TurnOffTwoStep, refused(K::TwoStepAtPreviousOwner)));
    "registration_refused", pending, ActionNeeded, Owner, CompleteRegistration, |c| {
        c.context.registration.last_refusal = Some(refusal(131_099));
        c.decide(asks(R::ReadRefusal, refused(K::Permanent)));
    };
    "registration_refused", pending, ActionNeeded, Operator, CheckInstallation,
        |c| c.decide(asks(R::ReadRefusal, refused(K::AppMisconfigured)));
    "onboarding_expired", pending, ActionNeeded, Owner, SignUpAgain,
        |c| c.decide(asks(R::SignUpAgain, Reason::OnboardingExpired));
    "onboarding_expired", pending, ActionNeeded, Owner, SignUpAgain,
        |c| c.context.channel_created_at = now() - days(15);
    "on_premise", live, ActionNeeded, Owner, MigrateFromOnPremise,
        |c| c.reading().platform_type = Some(PlatformType::OnPremise);
    "coexistence_lost", pending, ActionNeeded, Owner, ReconnectApp,
        |c| c.decide(asks(R::ReconnectApp, Reason::CoexistenceLost));
    "coexistence_lost", live, ActionNeeded, Owner, ReconnectApp,
        |c| c.context.account.apply(&Note::Paused, now() - days(2));
    "coexistence_lost", live, ActionNeeded, Owner, ReconnectApp, |c| {
        c.context.registration.app_link = AppLink::Linked;
        read_failed(c, FailureKind::AccessLost);
    };
    "coexistence_disconnected", pending, ActionNeeded, Owner, ReconnectApp,
        |c| c.decide(asks(R::ReconnectApp, Reason::CoexistenceDisconnected));
    "registration_lost_again", pending, ActionNeeded, Owner, CompleteRegistration,
        |c| c.decide(asks(R::ClaimAgain, Reason::LostAgain));
    "account_locked", pending, Blocked, Owner, ContactSupport,
        |c| c.decide(asks(R::ContactSupport, refused(K::AccountLocked)));
    "payment_missing", pending, ActionNeeded, Owner, AddPayment,
        |c| c.decide(asks(R::ReadRefusal, refused(K::PaymentMissing)));
}

fn status(case: &mut Case, word: &str) {
    case.reading().status = Some(NumberStatus::parse(word));
}

rows! { number_rows:
    "number_banned", live, Blocked, Owner, Appeal, |c| status(c, "BANNED");
    "number_deleted", live, Blocked, Owner, SignUpAgain, |c| status(c, "DELETED");
    "number_migrated", live, Blocked, Owner, SignUpAgain, |c| status(c, "MIGRATED");
    "number_restricted", live, Blocked, Owner, Appeal, |c| status(c, "RESTRICTED");
    "number_disconnected", live, ActionNeeded, Owner, Reconnect, |c| status(c, "DISCONNECTED");
    "number_disconnected", pending, WaitingForMeta, Nobody, CompleteRegistration, |c| status(c, "DISCONNECTED");
    "number_disconnected", live, ActionNeeded, Owner, ReconnectApp, |c| {
        c.context.registration.app_link = AppLink::Linked;
        status(c, "DISCONNECTED");
    };
    "number_flagged", live, AtRisk, Owner, ImproveQuality, |c| status(c, "FLAGGED");
    "number_rate_limited", live, AtRisk, Owner, ImproveQuality, |c| status(c, "RATE_LIMITED");
    "number_unverified", live, ActionNeeded, Owner, VerifyByCode, |c| status(c, "UNVERIFIED");
    "status_unknown", live, AtRisk, Operator, nothing, |c| status(c, "LINKED");
    "sandbox", live, AtRisk, Owner, nothing, |c| c.reading().account_mode = Some(AccountMode::Sandbox);
    "coexistence", live, Live, Nobody, nothing, |c| c.reading().is_on_biz_app = Some(true);
    "quality_yellow", live, AtRisk, Owner, ImproveQuality,
        |c| c.reading().quality_rating = Some(QualityRating::Yellow);
    "quality_red", live, AtRisk, Owner, ImproveQuality,
        |c| c.reading().quality_rating = Some(QualityRating::Red);
    "limit_lowest", live, Live, Nobody, VerifyBusiness,
        |c| c.reading().portfolio_limit = Some(MessagingLimit::Tier250);
    "live_name_declined", live, AtRisk, Owner, ChooseNewName,
        |c| c.reading().name_status = Some(NameStatus::Declined);
    "name_expired", live, AtRisk, Owner, ChooseNewName, |c| c.reading().name_status = Some(NameStatus::Expired);
    "new_name_approved", live, AtRisk, Owner, ApplyNewName,
        |c| c.reading().new_name_status = Some(NameStatus::Approved);
    "new_name_lapsed", live, AtRisk, Owner, ChooseNewName, |c| {
        c.reading().new_name_status = Some(NameStatus::Approved);
        c.context.new_name_approved_at = Some(now() - days(15));
    };
    "new_name_in_review", live, AtRisk, Meta, nothing,
        |c| c.reading().new_name_status = Some(NameStatus::PendingReview);
    "new_name_in_review", pending, WaitingForMeta, Meta, nothing, |c| {
        c.reading().name_status = Some(NameStatus::Declined);
        c.reading().new_name_status = Some(NameStatus::PendingReview);
    };
    "new_name_declined", live, AtRisk, Owner, ChooseNewName,
        |c| c.reading().new_name_status = Some(NameStatus::Declined);
}

rows! { account_rows:
    "payment_missing", live, ActionNeeded, Owner, AddPayment,
        |c| error(&EntityType::Waba, 141_006, CanSend::Blocked, c);
    "payment_missing", live, ActionNeeded, Owner, AddPayment,
        |c| c.context.sending.apply(&Note::SendRefused(131_042), now() - hours(1));
    "business_unverified", live, AtRisk, Owner, VerifyBusiness,
        |c| error(&EntityType::Business, 141_010, CanSend::Limited, c);
    "business_unverified", live, Live, Nobody, VerifyBusiness,
        |c| c.snapshot.waba.business_verification = Some(BusinessVerification::NotVerified);
    "account_in_review", live, AtRisk, Meta, nothing,
        |c| c.snapshot.waba.account_review = Some(AccountReview::Pending);
    "account_rejected", live, ActionNeeded, Owner, Appeal,
        |c| c.snapshot.waba.account_review = Some(AccountReview::Rejected);
    "account_restricted", live, Blocked, Owner, Appeal, |c| {
        let kind = "RESTRICTED_BIZ_INITIATED_MESSAGING".to_owned();
        c.context.account.apply(&Note::Restrictions(vec![Restriction { kind, until: Some(now() + hours(2)) }]), now());
    };
    "ban_scheduled", live, ActionNeeded, Owner, Appeal,
        |c| c.context.account.apply(&Note::BanScheduled { on: Some(now() + days(2)) }, now());
    "account_banned", live, Blocked, Owner, Appeal,
        |c| c.context.account.apply(&Note::BanScheduled { on: Some(now() - hours(1)) }, now() - days(2));
    "account_banned", live, Blocked, Owner, Appeal, |c| error(&EntityType::Waba, 141_014, CanSend::Blocked, c);
    "account_disabled", live, Blocked, Owner, Appeal, |c| c.snapshot.waba.status = Some("DISABLED".to_owned());
    "account_deleted", live, Blocked, Owner, SignUpAgain, |c| c.context.account.apply(&Note::Deleted, now());
    "account_locked", live, Blocked, Owner, ContactSupport,
        |c| c.context.sending.apply(&Note::SendRefused(131_031), now() - hours(1));
    "policy_violation", live, AtRisk, Owner, Appeal,
        |c| c.context.account.apply(&Note::Violation("SCAM".to_owned()), now());
    "business_compromised", live, AtRisk, Owner, ContactSupport,
        |c| c.context.account.apply(&Note::Compromised, now());
    "sending_blocked", live, ActionNeeded, Operator, CheckInstallation,
        |c| c.entity(&EntityType::App).can_send = Some(CanSend::Blocked);
    "sending_limited", live, Live, Owner, ContactSupport,
        |c| c.entity(&EntityType::PhoneNumber).can_send = Some(CanSend::Limited);
    "meta_error_reported", live, AtRisk, Owner, ContactSupport,
        |c| error(&EntityType::Business, 131_000, CanSend::Limited, c);
    "sends_refused", live, AtRisk, Owner, ContactSupport,
        |c| c.context.sending.apply(&Note::SendRefused(131_037), now() - hours(1));
    "registration_lost", live, WaitingForMeta, Nobody, CompleteRegistration,
        |c| c.context.sending.apply(&Note::SendRefused(133_010), now() - hours(1));
}

rows! { connection_rows:
    "token_dead", live, ActionNeeded, Owner, Reconnect,
        |c| c.context.token.state = TokenState::Dead { since: now() };
    "token_dead", live, AtRisk, Nobody, Reconnect,
        |c| c.context.token = TokenFacts { state: TokenState::Dead { since: now() }, refetch: Some(Reconciliation::InProgress) };
    "token_dead", live, ActionNeeded, Owner, Reconnect, |c| read_failed(c, FailureKind::TokenDead);
    "token_expiring", live, AtRisk, Owner, Reconnect,
        |c| c.context.token.state = TokenState::Good { expires_at: Some(now() + days(3)) };
    "access_lost", live, ActionNeeded, Owner, RestoreAccess, |c| read_failed(c, FailureKind::AccessLost);
    "access_lost", live, ActionNeeded, Owner, RestoreAccess, |c| c.context.account.apply(&Note::Unshared, now());
    "not_subscribed", live, AtRisk, Nobody, Resubscribe, |c| c.callbacks().subscription = Subscription::No;
    "not_subscribed", live, ActionNeeded, Operator, Resubscribe, |c| {
        c.callbacks().subscription = Subscription::No;
        c.context.webhooks.repair = Reconciliation::GivenUp;
    };
    "override_refused", live, Live, Nobody, nothing, |c| c.refuse_override();
    "override_refused", live, ActionNeeded, Operator, TakeOverCallback, |c| {
        c.refuse_override();
        c.callbacks().app = AppCallback::Missing;
    };
    "override_refused", live, ActionNeeded, Operator, TakeOverCallback, |c| {
        c.refuse_override();
        c.callbacks().app = AppCallback::Foreign("https://x.example".to_owned());
    };
    "override_missing", live, Live, Nobody, Resubscribe, |c| c.callbacks().account = Target::Empty;
    "override_missing", live, AtRisk, Nobody, Resubscribe, |c| {
        c.callbacks().account = Target::Empty;
        c.callbacks().app = AppCallback::Foreign("https://x.example".to_owned());
    };
    "override_foreign", live, AtRisk, Nobody, Resubscribe,
        |c| c.callbacks().account = Target::Foreign("https://x.example".to_owned());
    "override_foreign", live, AtRisk, Nobody, Resubscribe,
        |c| c.callbacks().number = Target::Foreign("https://x.example".to_owned());
    "override_foreign", live, ActionNeeded, Operator, Resubscribe, |c| {
        c.callbacks().number = Target::Foreign("https://x.example".to_owned());
        c.context.webhooks.repair = Reconciliation::GivenUp;
    };
    "app_callback_missing", live, AtRisk, Nobody, TakeOverCallback, |c| c.callbacks().app = AppCallback::Missing;
    "app_callback_foreign", live, AtRisk, Nobody, TakeOverCallback,
        |c| c.callbacks().app = AppCallback::Foreign("https://x.example".to_owned());
    "app_callback_foreign", live, AtRisk, Operator, TakeOverCallback, |c| {
        c.callbacks().app = AppCallback::Foreign("https://x.example".to_owned());
        c.context.webhooks.app_repair = Reconciliation::GivenUp;
    };
    "app_fields_missing", live, AtRisk, Nobody, TakeOverCallback,
        |c| c.callbacks().app = AppCallback::LacksFields(vec!["security".to_owned()]);
    "app_fields_missing", live, Live, Nobody, TakeOverCallback,
        |c| c.callbacks().app = AppCallback::LacksFields(vec!["calls".to_owned()]);
    "webhook_silence", live, AtRisk, Operator, Resubscribe, |c| {
        c.context.webhooks.usual_gap = Some(hours(1));
        c.context.webhooks.last_seen_at = Some(now() - hours(20));
        c.context.sending.proved_at = Some(now() - hours(20));
    };
}

#[test]
fn every_finding_has_its_row() {
    let rows = [unread_rows(), waiting_rows(), asking_rows(), number_rows(), account_rows(), connection_rows()];
    let seen: Vec<_> = rows.into_iter().flat_map(check).collect();
    let missing: Vec<_> = FindingCode::VARIANTS.iter().filter(|word| !seen.contains(word)).collect();
    assert!(missing.is_empty(), "no row for {missing:?}");
}
