//! Refusals of register by what to do next: the policy's table, as data.
//!
//! It says who has to act on a refusal and what unblocks it; when to call again is decided by the rules.

use crate::meta::failure::FailureKind;
use crate::registration::changes::ChangeKind;
use crate::registration::decision::Remedy;

/// How a refusal is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    /// Retried with back-off; an earlier governing refusal still governs.
    Retry,
    /// The display name is not provisioned: rule 8's schedules apply.
    Name,
    /// A person has to act, until one of the listed changes is seen.
    Person {
        remedy: Remedy,
        unblocked_by: &'static [ChangeKind],
        /// Pressing Complete registration unblocks it too.
        by_press: bool,
        probe: Probe,
    },
}

/// Whether a refusal that needs a person is nevertheless probed by an automatic call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    Never,
    /// Six hours later, if it was the first refusal of its kind; then a person is asked.
    OnceAfterSixHours,
    /// Once per 72 h.
    EveryWindow,
}

/// The row of the table for a kind of failure.
pub(super) fn handling(kind: FailureKind) -> Handling {
    use ChangeKind as C;
    use FailureKind as K;
    match kind {
        K::Transient | K::Throttled | K::BudgetSpent | K::NotRegistered | K::DeregistrationIncomplete => {
            Handling::Retry
        }
        K::NameNotReady => Handling::Name,
        K::NumberTaken => person(Remedy::FreeNumber, &[], true, Probe::EveryWindow),
        K::OwnershipUnconfirmed | K::ReverificationNeeded => {
            person(Remedy::VerifyByCode, &[C::CodeVerified], true, Probe::Never)
        }
        K::TwoStepAtPreviousOwner => person(Remedy::TurnOffTwoStep, &[C::TwoStepOff], true, Probe::Never),
        K::CertificateRefused => {
            let unblocked_by = &[C::NameGood, C::CodeVerified, C::TwoStepOff];
            person(Remedy::ReadRefusal, unblocked_by, true, Probe::OnceAfterSixHours)
        }
        K::PinMismatch => person(Remedy::EnterPin, &[C::PinEntered, C::TwoStepOff], true, Probe::Never),
        // time first (the ledger's hold), then a new PIN: a press alone would guess again
        K::PinGuessesSpent | K::PinGuessedTooFast => {
            person(Remedy::EnterPin, &[C::PinEntered, C::TwoStepOff], false, Probe::Never)
        }
        K::AccountLocked | K::PolicyBlocked => {
            person(Remedy::ContactSupport, &[C::AccountEvent, C::Unlocked], true, Probe::Never)
        }
        K::TokenDead => person(Remedy::Reauthorize, &[C::NewToken, C::AccessRestored], false, Probe::Never),
        K::AccessLost => {
            let unblocked_by = &[C::NewToken, C::AccountEvent, C::AccessRestored];
            person(Remedy::RestoreAccess, unblocked_by, false, Probe::Never)
        }
        K::CoexistenceRefused => person(Remedy::ReconnectApp, &[C::CoexistenceEnded], true, Probe::Never),
        K::CodeSpent
        | K::AppMisconfigured
        | K::UnknownField
        | K::AlreadyVerified
        | K::NotSubscribed
        | K::PaymentMissing
        | K::BusinessUnverified
        | K::Permanent => person(Remedy::ReadRefusal, &[C::AnyField, C::NewToken], true, Probe::Never),
    }
}

const fn person(remedy: Remedy, unblocked_by: &'static [ChangeKind], by_press: bool, probe: Probe) -> Handling {
    Handling::Person { remedy, unblocked_by, by_press, probe }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn exactly_the_retryable_failures_are_retried() {
        for kind in FailureKind::VARIANTS {
            assert_eq!(handling(*kind) == Handling::Retry, kind.is_retryable(), "{kind:?}");
        }
    }
}
