//! How a call to Meta failed, in words that fit after a colon.

use domain::meta::failure::FailureKind as K;

/// A kind of failure.
pub fn failure(kind: K) -> &'static str {
    match kind {
        K::Transient => "Meta did not answer, or asked to try again",
        K::Throttled => "Meta asks for fewer requests",
        K::TokenDead => "our access to the account has ended",
        K::AccessLost => "the account is no longer shared with us",
        K::NameNotReady => "the display name is not ready at Meta",
        K::NumberTaken => "the number is still in another WhatsApp account",
        K::OwnershipUnconfirmed => "Meta wants proof that the number is yours",
        K::TwoStepAtPreviousOwner => "two-step verification is on at the previous provider",
        K::CertificateRefused => "Meta could not issue a certificate",
        K::PinMismatch => "the two-step PIN is wrong",
        K::ReverificationNeeded => "the number has to be verified by code again",
        K::PinGuessesSpent => "too many wrong PINs",
        K::PinGuessedTooFast => "PINs were tried too fast",
        K::NotRegistered => "the number is not registered",
        K::DeregistrationIncomplete => "an earlier removal is half done",
        K::BudgetSpent => "too many registration tries in three days",
        K::AccountLocked => "the WhatsApp account is locked",
        K::PolicyBlocked => "Meta blocked the account for a policy violation",
        K::CodeSpent => "the sign-up code ran out or was used before",
        K::AppMisconfigured => "the Meta app of this installation is set up wrongly",
        K::UnknownField => "Meta does not know one of the fields we asked for",
        K::AlreadyVerified => "the number is verified already",
        K::CoexistenceRefused => "the number is in the WhatsApp Business app",
        K::NotSubscribed => "our app is not subscribed to the account",
        K::PaymentMissing => "a payment method is missing",
        K::BusinessUnverified => "the business is not verified",
        K::Permanent => "Meta refused",
    }
}

/// The stable word of a kind of failure, as the API gives it.
pub fn failure_code(kind: K) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("permanent", |(_, word)| word)
}

/// A kind of failure by its word; an unknown word is shown as it is.
pub(super) fn kind(word: &str) -> String {
    KINDS
        .iter()
        .find(|(_, known)| *known == word)
        .map_or_else(|| super::humanize(word), |(kind, _)| failure(*kind).to_owned())
}

const KINDS: &[(K, &str)] = &[
    (K::Transient, "transient"),
    (K::Throttled, "throttled"),
    (K::TokenDead, "token_dead"),
    (K::AccessLost, "access_lost"),
    (K::NameNotReady, "name_not_ready"),
    (K::NumberTaken, "number_taken"),
    (K::OwnershipUnconfirmed, "ownership_unconfirmed"),
    (K::TwoStepAtPreviousOwner, "two_step_at_previous_owner"),
    (K::CertificateRefused, "certificate_refused"),
    (K::PinMismatch, "pin_mismatch"),
    (K::ReverificationNeeded, "reverification_needed"),
    (K::PinGuessesSpent, "pin_guesses_spent"),
    (K::PinGuessedTooFast, "pin_guessed_too_fast"),
    (K::NotRegistered, "not_registered"),
    (K::DeregistrationIncomplete, "deregistration_incomplete"),
    (K::BudgetSpent, "budget_spent"),
    (K::AccountLocked, "account_locked"),
    (K::PolicyBlocked, "policy_blocked"),
    (K::CodeSpent, "code_spent"),
    (K::AppMisconfigured, "app_misconfigured"),
    (K::UnknownField, "unknown_field"),
    (K::AlreadyVerified, "already_verified"),
    (K::CoexistenceRefused, "coexistence_refused"),
    (K::NotSubscribed, "not_subscribed"),
    (K::PaymentMissing, "payment_missing"),
    (K::BusinessUnverified, "business_unverified"),
    (K::Permanent, "permanent"),
];
