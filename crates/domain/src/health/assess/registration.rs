//! What the planner's decision means for whoever looks at the number: its reasons as findings.

use super::Judge;
use crate::health::{Action, Finding, FindingCode as Code, HoldCause, Level, LinkTarget, Move};
use crate::meta::failure::FailureKind;
use crate::registration::{Decision, ONBOARDING_WINDOW, Remedy, Why};
use jiff::{SignedDuration, Timestamp};

/// The end of the onboarding window is told this long before: from day 10 of 14 on.
const WARN_BEFORE_END: SignedDuration = SignedDuration::from_hours(4 * 24);
const _: () = assert!(WARN_BEFORE_END.as_secs() < ONBOARDING_WINDOW.as_secs());

impl Judge<'_> {
    pub(super) fn registration(&mut self) {
        let context = self.context;
        let decision = &context.registration.decision;
        let next = self.register_at().or(decision.look_at());
        // a number that reads as registered has nothing to wait for, whatever a failed read made
        // the planner say
        if !self.is_provisioned() || concerns_registered(decision) {
            if let Decision::Ask { remedy, why, .. } = decision {
                self.asked(*remedy, why);
            } else if let Some(finding) = self.of_reason(&decision.why()) {
                self.add(finding.next(next));
            }
        }
        self.hold();
        self.onboarding_window();
        let is_explained = self.findings.iter().any(|finding| finding.severity >= Level::WaitingForMeta);
        if self.is_pending() && !is_explained {
            self.add(waiting(Code::PendingRegistration).offers(Action::CompleteRegistration).next(next));
        }
    }

    /// A reason for which nobody is asked: it waits, is under way, or is settled.
    fn of_reason(&self, why: &Why) -> Option<Finding> {
        let phone_numbers = self.link(LinkTarget::PhoneNumbers);
        let meta = |code| waiting(code).for_whom(Move::Meta);
        Some(match why {
            // settled; what there is to say is in the reading
            Why::Coexistence | Why::Live | Why::Registered | Why::Gone | Why::ApplyingNewName | Why::NoNewName => {
                return None;
            }
            Why::CoexistenceLost => waiting(Code::CoexistencePaused),
            Why::Activating => meta(Code::Activating).at(phone_numbers),
            Why::HealedRecently | Why::DroppedOut => {
                waiting(Code::DroppedOut).offers(Action::CompleteRegistration).at(phone_numbers)
            }
            Why::CallUnderWay | Why::Ready | Why::NewEvidence | Why::FinishDeregistration => {
                waiting(Code::RegistrationUnderWay)
            }
            Why::CallUnanswered | Why::AcceptedNotShown => meta(Code::RegistrationUnconfirmed).at(phone_numbers),
            Why::NameInReview => meta(Code::NameInReview { name: self.name() })
                .offers(Action::CompleteRegistration)
                .at(self.link(LinkTarget::DisplayName)),
            Why::NameGoodStillRefused => meta(Code::NameGoodStillRefused { name: self.name() })
                .offers(Action::CompleteRegistration)
                .at(phone_numbers),
            Why::BackOff | Why::Refused(_) => waiting(Code::RegistrationRetrying).offers(Action::CompleteRegistration),
            Why::Throttled => meta(Code::Throttled),
            Why::BudgetSpent => waiting(self.budget_spent()),
            // the hold itself is a finding of its own
            Why::Held if self.context.registration.hold.is_some() => return None,
            Why::Held | Why::PressedRecently => waiting(Code::PendingRegistration).offers(Action::CompleteRegistration),
            Why::OnboardingUnknown => unknown(Code::OnboardingUnknown),
            Why::HealthUnread | Why::FactsUnread | Why::ReadsRefused(_) => {
                unknown(Code::FactsUnread { fields: self.unread_fields() })
            }
            Why::OnPremise => self.needs(Remedy::MigrateFromOnPremise)?,
            Why::PinUnknown => self.needs(Remedy::EnterPin)?,
            Why::NameDeclined => self.needs(Remedy::ChooseNewName)?,
            Why::CodeNotVerified => self.needs(Remedy::VerifyByCode)?,
            Why::OnboardingExpired => self.needs(Remedy::SignUpAgain)?,
        })
    }

    /// A person is asked.
    fn asked(&mut self, remedy: Remedy, why: &Why) {
        let finding = match (remedy, why) {
            // the token's own finding, whatever the reads that failed
            (Remedy::Reauthorize, _) => return self.token_dead(self.now_or_failure()),
            (Remedy::RestoreAccess, _) => return self.access_lost(self.now_or_failure()),
            (_, Why::NameGoodStillRefused) => {
                Finding::new(Code::NameGoodStillRefused { name: self.name() }, Level::ActionNeeded)
                    .asks(Move::Owner, Action::ChooseNewName)
                    .at(self.link(LinkTarget::DisplayName))
            }
            (Remedy::ReadRefusal, Why::Refused(FailureKind::AppMisconfigured)) => {
                self.refused(Move::Operator, Action::CheckInstallation)
            }
            (Remedy::ReadRefusal, Why::Refused(FailureKind::PaymentMissing)) => self.payment_missing(),
            (Remedy::ReadRefusal, _) => self.refused(Move::Owner, Action::CompleteRegistration),
            (remedy, _) => match self.needs(remedy) {
                Some(finding) => finding,
                None => self.refused(Move::Owner, Action::CompleteRegistration),
            },
        };
        let since = self.context.registration.last_refusal.as_ref().map(|refusal| refusal.at);
        let by_refusal = matches!(why, Why::Refused(_));
        self.add(finding.since(since.filter(|_| by_refusal)).next(self.context.registration.decision.look_at()));
    }

    /// The finding that goes with a remedy; `None` for those that have no finding of their own.
    fn needs(&self, remedy: Remedy) -> Option<Finding> {
        let (code, action, target) = match remedy {
            Remedy::EnterPin => (Code::PinNeeded, Action::EnterPin, LinkTarget::TwoStep),
            Remedy::VerifyByCode => (Code::CodeNeeded, Action::VerifyByCode, LinkTarget::PhoneNumbers),
            Remedy::ChooseNewName => {
                (Code::NameDeclined { name: self.name() }, Action::ChooseNewName, LinkTarget::DisplayName)
            }
            Remedy::SignUpAgain => (Code::OnboardingExpired, Action::SignUpAgain, LinkTarget::PhoneNumbers),
            Remedy::FreeNumber => (Code::NumberTaken, Action::FreeNumber, LinkTarget::PhoneNumbers),
            Remedy::TurnOffTwoStep => (Code::TwoStepAtPreviousOwner, Action::TurnOffTwoStep, LinkTarget::TwoStep),
            Remedy::ReconnectApp => (Code::CoexistenceLost, Action::ReconnectApp, LinkTarget::PhoneNumbers),
            Remedy::MigrateFromOnPremise => (Code::OnPremise, Action::MigrateFromOnPremise, LinkTarget::PhoneNumbers),
            Remedy::ContactSupport => return Some(self.locked()),
            Remedy::Reauthorize | Remedy::RestoreAccess | Remedy::ReadRefusal => return None,
        };
        Some(Finding::new(code, Level::ActionNeeded).asks(Move::Owner, action).at(self.link(target)))
    }

    /// Refused for a reason nobody has documented: Meta's own text is shown.
    fn refused(&self, whose: Move, action: Action) -> Finding {
        let failure = self.context.registration.last_refusal.as_ref().map(|refusal| &refusal.failure);
        let meta = failure.and_then(|failure| failure.meta.as_ref());
        let code = Code::RegistrationRefused {
            meta_code: meta.map(|meta| meta.code),
            meta_text: failure.map(|failure| failure.message.clone()),
        };
        Finding::new(code, Level::ActionNeeded).asks(whose, action).at(self.link(LinkTarget::PhoneNumbers))
    }

    pub(super) fn locked(&self) -> Finding {
        Finding::new(Code::AccountLocked, Level::Blocked)
            .asks(Move::Owner, Action::ContactSupport)
            .at(self.link(LinkTarget::AccountQuality))
    }

    /// A hold matters while the number is not registered; on a live one it only delays a new name.
    fn hold(&mut self) {
        let Some(hold) = self.context.registration.hold else { return };
        if self.reached(hold.until) {
            return;
        }
        let until = hold.until;
        let (code, whose) = match hold.cause {
            HoldCause::Budget => (Code::RegistrationHeld { until }, Move::Meta),
            HoldCause::PinGuesses => (Code::PinGuessesHeld { until }, Move::Meta),
        };
        let severity = if self.is_provisioned() { Level::Live } else { Level::WaitingForMeta };
        self.add(Finding::new(code, severity).for_whom(whose).next(Some(until)));
    }

    fn onboarding_window(&mut self) {
        if !self.is_pending() || self.context.is_coexistence(self.reading) {
            return;
        }
        let Some(ends_at) = self.context.onboarding_ends_at(self.reading) else { return };
        if self.reached(ends_at) {
            if let Some(finding) = self.needs(Remedy::SignUpAgain) {
                self.add(finding.since(Some(ends_at)));
            }
        } else if self.reached(ends_at - WARN_BEFORE_END) {
            let code = Code::OnboardingWindowEnding { ends_at };
            self.add(waiting(code).offers(Action::CompleteRegistration).next(Some(ends_at)));
        }
    }

    fn budget_spent(&self) -> Code {
        let spent = self.context.registration.spent.total;
        let free_at = self.register_at();
        Code::BudgetSpent { spent, free_at }
    }

    /// When register may be called if nothing changes.
    fn register_at(&self) -> Option<Timestamp> {
        if let Decision::Wait { register_at, .. } = &self.context.registration.decision { *register_at } else { None }
    }

    pub(super) fn name(&self) -> Option<String> {
        self.snapshot.reading.verified_name.clone()
    }

    /// The fields rule 2 and rule 6 cannot do without, as Meta calls them.
    pub(super) fn unread_fields(&self) -> Vec<String> {
        let missing = [
            ("platform_type", self.reading.platform_type.is_none()),
            ("throughput", self.reading.throughput.is_none()),
            ("code_verification_status", self.reading.code_verification.is_none()),
            ("status", self.reading.status.is_none()),
        ];
        missing.into_iter().filter(|(_, is_missing)| *is_missing).map(|(field, _)| field.to_owned()).collect()
    }

    fn now_or_failure(&self) -> Timestamp {
        self.snapshot.read_failure.map_or(self.now, |failure| failure.at)
    }
}

/// What a decision can say about a number that reads as registered.
fn concerns_registered(decision: &Decision) -> bool {
    match decision {
        Decision::Ask { remedy, .. } => matches!(
            remedy,
            Remedy::Reauthorize | Remedy::RestoreAccess | Remedy::MigrateFromOnPremise | Remedy::ReconnectApp
        ),
        Decision::Register { why, .. }
        | Decision::Wait { why, .. }
        | Decision::Stop { why, .. }
        | Decision::Done { why, .. } => {
            matches!(why, Why::Activating | Why::OnPremise | Why::HealedRecently | Why::DroppedOut)
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
