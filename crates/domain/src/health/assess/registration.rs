//! The planner's decision as findings, by its reason.

use jiff::{SignedDuration, Timestamp};

use crate::health::assess::assessment::Assessment;
use crate::health::assess::common::{access_lost, locked, payment_missing, token_dead};
use crate::health::facts::HoldCause;
use crate::health::finding::{Finding, FindingCode as Code};
use crate::health::level::{Action, Level, Party};
use crate::health::links::LinkTarget;
use crate::meta::failure::FailureKind;
use crate::registration::{Decision, ONBOARDING_WINDOW, Reason, Remedy};
use crate::time::shift;

/// The end of the onboarding window is reported this long before: from day 10 of 14 on.
const WARN_BEFORE_END: SignedDuration = SignedDuration::from_hours(4 * 24);
const _: () = assert!(WARN_BEFORE_END.as_secs() < ONBOARDING_WINDOW.as_secs());

pub(super) fn registration(assessment: &mut Assessment<'_>) {
    let context = assessment.context;
    let decision = &context.registration.decision;
    let next = register_at(assessment).or(decision.next_check_at());
    // a number that reads as registered waits for nothing, even if a failed read made the planner wait
    if !assessment.is_provisioned() || concerns_registered(decision) {
        if let Decision::Ask { remedy, reason, .. } = decision {
            add_asked(assessment, *remedy, reason);
        } else if let Some(finding) = of_reason(assessment, &decision.reason()) {
            assessment.add(finding.next_step(next));
        }
    }
    hold(assessment);
    onboarding_window(assessment);
    let is_explained = assessment.findings.iter().any(|finding| finding.severity >= Level::WaitingForMeta);
    if assessment.is_pending() && !is_explained {
        assessment.add(waiting(Code::PendingRegistration).offers(Action::CompleteRegistration).next_step(next));
    }
}

/// The finding of a reason for which nobody is asked.
fn of_reason(assessment: &Assessment<'_>, reason: &Reason) -> Option<Finding> {
    let phone_numbers = assessment.link(LinkTarget::PhoneNumbers);
    let meta = |code| waiting(code).responsible(Party::Meta);
    Some(match reason {
        // settled; the reading has the findings
        Reason::Coexistence
        | Reason::Live
        | Reason::Registered
        | Reason::NumberGone
        | Reason::ApplyingNewName
        | Reason::NoNewName => {
            return None;
        }
        Reason::CoexistenceLost => waiting(Code::CoexistencePaused),
        Reason::CoexistenceDisconnected => needs(assessment, Remedy::ReconnectApp)?,
        Reason::LostAgain => needs(assessment, Remedy::ClaimAgain)?,
        Reason::Activating | Reason::CoexistenceStarting => meta(Code::Activating).at(phone_numbers),
        Reason::ReconciledRecently | Reason::RegistrationLost => {
            waiting(Code::RegistrationLost).offers(Action::CompleteRegistration).at(phone_numbers)
        }
        Reason::CallInProgress | Reason::Ready | Reason::NewEvidence | Reason::CompletingDeregistration => {
            waiting(Code::RegistrationInProgress)
        }
        Reason::CallUnanswered | Reason::AcceptedNotShown => meta(Code::RegistrationUnconfirmed).at(phone_numbers),
        Reason::NameInReview => meta(Code::NameInReview { name: assessment.name() })
            .offers(Action::CompleteRegistration)
            .at(assessment.link(LinkTarget::DisplayName)),
        Reason::NameGoodStillRefused => meta(Code::NameGoodStillRefused { name: assessment.name() })
            .offers(Action::CompleteRegistration)
            .at(phone_numbers),
        Reason::BackOff | Reason::Refused(_) => {
            waiting(Code::RegistrationRetrying).offers(Action::CompleteRegistration)
        }
        Reason::Throttled => meta(Code::Throttled),
        Reason::BudgetSpent => waiting(budget_spent(assessment)),
        // the hold itself is a finding of its own
        Reason::Held if assessment.context.registration.hold.is_some() => return None,
        Reason::Held | Reason::PressedRecently => {
            waiting(Code::PendingRegistration).offers(Action::CompleteRegistration)
        }
        Reason::OnboardingUnknown => unknown(Code::OnboardingUnknown),
        Reason::HealthUnread | Reason::FactsUnread | Reason::ReadsRefused(_) => {
            unknown(Code::FactsUnread { fields: assessment.unread_fields() })
        }
        Reason::OnPremise => needs(assessment, Remedy::MigrateFromOnPremise)?,
        Reason::PinUnknown => needs(assessment, Remedy::EnterPin)?,
        Reason::NameDeclined => needs(assessment, Remedy::ChooseNewName)?,
        Reason::CodeNotVerified => needs(assessment, Remedy::VerifyByCode)?,
        Reason::OnboardingExpired => needs(assessment, Remedy::SignUpAgain)?,
    })
}

/// Adds the finding of a decision that asks a person.
fn add_asked(assessment: &mut Assessment<'_>, remedy: Remedy, reason: &Reason) {
    let finding = match (remedy, reason) {
        // the token has its own finding, from whichever read failed
        (Remedy::Reauthorize, _) => return token_dead(assessment, now_or_failure(assessment)),
        (Remedy::RestoreAccess, _) => return access_lost(assessment, now_or_failure(assessment)),
        (_, Reason::CoexistenceDisconnected) => {
            let why = assessment.context.account.disconnected.as_ref().map(|reported| reported.value.clone());
            let why = why.unwrap_or_default();
            let code = Code::CoexistenceDisconnected { reason: why.reason, initiated_by: why.initiated_by };
            Finding::new(code, Level::ActionNeeded)
                .asks(Party::Owner, Action::ReconnectApp)
                .at(assessment.link(LinkTarget::PhoneNumbers))
        }
        (_, Reason::NameGoodStillRefused) => {
            Finding::new(Code::NameGoodStillRefused { name: assessment.name() }, Level::ActionNeeded)
                .asks(Party::Owner, Action::ChooseNewName)
                .at(assessment.link(LinkTarget::DisplayName))
        }
        (Remedy::ReadRefusal, Reason::Refused(FailureKind::AppMisconfigured)) => {
            refused(assessment, Party::Operator, Action::CheckInstallation)
        }
        (Remedy::ReadRefusal, Reason::Refused(FailureKind::PaymentMissing)) => payment_missing(assessment),
        (Remedy::ReadRefusal, _) => refused(assessment, Party::Owner, Action::CompleteRegistration),
        (remedy, _) => match needs(assessment, remedy) {
            Some(finding) => finding,
            None => refused(assessment, Party::Owner, Action::CompleteRegistration),
        },
    };
    let since = assessment.context.registration.last_refusal.as_ref().map(|refusal| refusal.at);
    let by_refusal = matches!(reason, Reason::Refused(_));
    assessment.add(
        finding.since(since.filter(|_| by_refusal)).next_step(assessment.context.registration.decision.next_check_at()),
    );
}

/// The finding that goes with a remedy; `None` for those that have no finding of their own.
fn needs(assessment: &Assessment<'_>, remedy: Remedy) -> Option<Finding> {
    let (code, action, target) = match remedy {
        Remedy::EnterPin => (Code::PinNeeded, Action::EnterPin, LinkTarget::TwoStep),
        Remedy::VerifyByCode => (Code::CodeNeeded, Action::VerifyByCode, LinkTarget::PhoneNumbers),
        Remedy::ChooseNewName => {
            let (name, rejection_reason) = (assessment.name(), assessment.rejection_reason());
            (Code::NameDeclined { name, rejection_reason }, Action::ChooseNewName, LinkTarget::DisplayName)
        }
        Remedy::SignUpAgain => (Code::OnboardingExpired, Action::SignUpAgain, LinkTarget::PhoneNumbers),
        Remedy::FreeNumber => (Code::NumberTaken, Action::FreeNumber, LinkTarget::PhoneNumbers),
        Remedy::TurnOffTwoStep => (Code::TwoStepAtPreviousOwner, Action::TurnOffTwoStep, LinkTarget::TwoStep),
        Remedy::ReconnectApp => (Code::CoexistenceLost, Action::ReconnectApp, LinkTarget::PhoneNumbers),
        Remedy::ClaimAgain => (Code::RegistrationLostAgain, Action::CompleteRegistration, LinkTarget::PhoneNumbers),
        Remedy::MigrateFromOnPremise => (Code::OnPremise, Action::MigrateFromOnPremise, LinkTarget::PhoneNumbers),
        Remedy::ContactSupport => return Some(locked(assessment)),
        Remedy::Reauthorize | Remedy::RestoreAccess | Remedy::ReadRefusal => return None,
    };
    Some(Finding::new(code, Level::ActionNeeded).asks(Party::Owner, action).at(assessment.link(target)))
}

/// A refusal for a reason that is not documented: Meta's own text is shown.
fn refused(assessment: &Assessment<'_>, party: Party, action: Action) -> Finding {
    let failure = assessment.context.registration.last_refusal.as_ref().map(|refusal| &refusal.failure);
    let meta = failure.and_then(|failure| failure.meta.as_ref());
    let code = Code::RegistrationRefused {
        meta_code: meta.map(|meta| meta.code),
        meta_text: failure.map(|failure| failure.message.clone()),
    };
    Finding::new(code, Level::ActionNeeded).asks(party, action).at(assessment.link(LinkTarget::PhoneNumbers))
}

/// A hold prevents something only while the number is not registered; on a live one it delays a new name.
fn hold(assessment: &mut Assessment<'_>) {
    let Some(hold) = assessment.context.registration.hold else { return };
    if assessment.reached(hold.until) {
        return;
    }
    let until = hold.until;
    let code = match hold.cause {
        HoldCause::Budget => Code::RegistrationHeld { until, spent: assessment.context.registration.spent.total },
        HoldCause::PinGuesses => Code::PinGuessesHeld { until },
    };
    let severity = if assessment.is_provisioned() { Level::Live } else { Level::WaitingForMeta };
    assessment.add(Finding::new(code, severity).responsible(Party::Meta).next_step(Some(until)));
}

fn onboarding_window(assessment: &mut Assessment<'_>) {
    if !assessment.is_pending() || assessment.context.is_coexistence(assessment.reading) {
        return;
    }
    let Some(ends_at) = assessment.context.onboarding_ends_at(assessment.reading) else { return };
    if assessment.reached(ends_at) {
        if let Some(finding) = needs(assessment, Remedy::SignUpAgain) {
            assessment.add(finding.since(Some(ends_at)));
        }
    } else if assessment.reached(shift(ends_at, -WARN_BEFORE_END)) {
        let code = Code::OnboardingWindowEnding { ends_at };
        assessment.add(waiting(code).offers(Action::CompleteRegistration).next_step(Some(ends_at)));
    }
}

fn budget_spent(assessment: &Assessment<'_>) -> Code {
    let spent = assessment.context.registration.spent.total;
    let free_at = register_at(assessment);
    Code::BudgetSpent { spent, free_at }
}

/// When register may be called if nothing changes, where the planner knows it.
fn register_at(assessment: &Assessment<'_>) -> Option<Timestamp> {
    if let Decision::Wait { register_at, .. } = &assessment.context.registration.decision { *register_at } else { None }
}

fn now_or_failure(assessment: &Assessment<'_>) -> Timestamp {
    assessment.snapshot.read_failure.map_or(assessment.now, |failure| failure.at)
}

/// Whether a decision gives a finding for a number that reads as registered.
fn concerns_registered(decision: &Decision) -> bool {
    match decision {
        Decision::Ask { remedy, .. } => matches!(
            remedy,
            Remedy::Reauthorize
                | Remedy::RestoreAccess
                | Remedy::MigrateFromOnPremise
                | Remedy::ReconnectApp
                | Remedy::ClaimAgain
        ),
        Decision::Register { reason, .. }
        | Decision::Wait { reason, .. }
        | Decision::Stop { reason, .. }
        | Decision::Done { reason, .. } => {
            matches!(
                reason,
                Reason::Activating | Reason::OnPremise | Reason::ReconciledRecently | Reason::RegistrationLost
            )
        }
        Decision::Deregister { .. } | Decision::Settle { .. } => false,
    }
}

fn waiting(code: Code) -> Finding {
    Finding::new(code, Level::WaitingForMeta)
}

fn unknown(code: Code) -> Finding {
    Finding::new(code, Level::Unknown).offers(Action::Refresh)
}
