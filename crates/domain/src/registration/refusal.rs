//! Refusals of register by what to do next: the policy's table, as data.
//!
//! It says whose move a refusal is and what unblocks it; when to call again is the rules' matter.

use super::{ChangeKind, Remedy};
use crate::meta::failure::FailureKind;

/// How a refusal steers what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// It passes by itself; an earlier ruling refusal still governs.
    Passes,
    /// The display name is not provisioned: rule 8's schedules.
    Name,
    /// A person's move, until something in the list changes.
    Person {
        remedy: Remedy,
        unblocked_by: &'static [ChangeKind],
        /// Pressing Complete registration unblocks it too.
        by_press: bool,
        /// One automatic call may be made this many hours after the refusal, if it was the first of
        /// its kind; for an occupied number again every 72 h.
        reprobe: Reprobe,
    },
}

/// Whether a refusal that needs a person is probed by itself all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reprobe {
    /// Never.
    Never,
    /// Once, six hours later, then a person is asked.
    OnceAfterSixHours,
    /// Once per 72 h.
    EveryWindow,
}

/// The table.
pub(super) fn course(kind: FailureKind) -> Course {
    use ChangeKind as C;
    use FailureKind as K;
    match kind {
        K::Transient | K::Throttled | K::BudgetSpent | K::NotRegistered | K::DeregistrationIncomplete => Course::Passes,
        K::NameNotReady => Course::Name,
        K::NumberTaken => person(Remedy::FreeNumber, &[], true, Reprobe::EveryWindow),
        K::OwnershipUnconfirmed | K::ReverificationNeeded => {
            person(Remedy::VerifyByCode, &[C::CodeVerified], true, Reprobe::Never)
        }
        K::TwoStepAtPreviousOwner => person(Remedy::TurnOffTwoStep, &[C::TwoStepOff], true, Reprobe::Never),
        K::CertificateRefused => person(
            Remedy::ReadRefusal,
            &[C::NameGood, C::CodeVerified, C::TwoStepOff],
            true,
            Reprobe::OnceAfterSixHours,
        ),
        K::PinMismatch => person(Remedy::EnterPin, &[C::NewPin, C::TwoStepOff], true, Reprobe::Never),
        // time first (the ledger's hold), then a new PIN: a press alone would guess again
        K::PinGuessesSpent | K::PinGuessedTooFast => {
            person(Remedy::EnterPin, &[C::NewPin, C::TwoStepOff], false, Reprobe::Never)
        }
        K::AccountLocked | K::PolicyBlocked => {
            person(Remedy::ContactSupport, &[C::AccountEvent, C::Unlocked], true, Reprobe::Never)
        }
        K::TokenDead => person(Remedy::Reauthorize, &[C::NewToken, C::ReadsAgain], false, Reprobe::Never),
        K::AccessLost => {
            person(Remedy::RestoreAccess, &[C::NewToken, C::AccountEvent, C::ReadsAgain], false, Reprobe::Never)
        }
        K::CoexistenceRefused => person(Remedy::ReconnectApp, &[C::CoexistenceEnded], true, Reprobe::Never),
        K::CodeSpent
        | K::AppMisconfigured
        | K::UnknownField
        | K::AlreadyVerified
        | K::NotSubscribed
        | K::PaymentMissing
        | K::BusinessUnverified
        | K::Permanent => person(Remedy::ReadRefusal, &[C::Reading, C::NewToken], true, Reprobe::Never),
    }
}

const fn person(remedy: Remedy, unblocked_by: &'static [ChangeKind], by_press: bool, reprobe: Reprobe) -> Course {
    Course::Person { remedy, unblocked_by, by_press, reprobe }
}
