//! Words for failed calls to Meta; they fit after a colon.

use domain::meta::failure::FailureKind as K;

/// A kind of failure as part of a sentence, without a capital and without a period.
pub fn failure(kind: K) -> &'static str {
    match kind {
        K::Transient => "Meta did not answer, or asked to try again",
        K::Throttled => "Meta asks for fewer requests",
        K::TokenDead => "our access token for the account no longer works",
        K::AccessLost => "the account is no longer shared with us",
        K::NameNotReady => "the display name is not ready at Meta",
        K::NumberTaken => "the number is still in another WhatsApp account",
        K::OwnershipUnconfirmed => "Meta requires proof that the number is yours",
        K::TwoStepAtPreviousOwner => "two-step verification is on at the previous provider",
        K::CertificateRefused => "Meta could not issue a certificate",
        K::PinMismatch => "the two-step PIN is wrong",
        K::ReverificationNeeded => "the number must be verified by code again",
        K::PinGuessesSpent => "a wrong PIN was entered too often",
        K::PinGuessedTooFast => "PINs were entered too fast",
        K::NotRegistered => "the number is not registered",
        K::DeregistrationIncomplete => "an earlier deregistration is not finished",
        K::BudgetSpent => "too many registration attempts in three days",
        K::AccountLocked => "the WhatsApp account is locked",
        K::PolicyBlocked => "Meta blocked the account because of a policy violation",
        K::CodeSpent => "the sign-up code has expired or was used already",
        K::AppMisconfigured => "the Meta app of this installation is misconfigured",
        K::UnknownField => "Meta does not know one of the requested fields",
        K::AlreadyVerified => "the number is already verified",
        K::CoexistenceRefused => "the number is in the WhatsApp Business app",
        K::NotSubscribed => "our app is not subscribed to the account",
        K::PaymentMissing => "a payment method is missing",
        K::BusinessUnverified => "the business is not verified",
        K::Permanent => "Meta refused",
    }
}
