//! The words that closed sets of the domain are kept under. The domain is not serialized: what is
//! written here is a promise to the database alone.

use domain::meta::failure::FailureKind;
use domain::registration::Source;
use domain::registration::ledger::CallKind;

/// One list of pairs that reads and writes; a variant left out does not compile.
macro_rules! words {
    ($(#[$meta:meta])* $to:ident, $from:ident: $type:ident { $($variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        pub(super) const fn $to(value: $type) -> &'static str {
            match value { $($type::$variant => $word,)+ }
        }

        /// Reads the word back.
        pub(super) fn $from(word: &str) -> Option<$type> {
            match word { $($word => Some($type::$variant),)+ _ => None }
        }
    };
}

words! {
    /// The word of a kind of failure.
    failure_word, failure_kind: FailureKind {
        Transient = "transient",
        Throttled = "throttled",
        TokenDead = "token_dead",
        AccessLost = "access_lost",
        NameNotReady = "name_not_ready",
        NumberTaken = "number_taken",
        OwnershipUnconfirmed = "ownership_unconfirmed",
        TwoStepAtPreviousOwner = "two_step_at_previous_owner",
        CertificateRefused = "certificate_refused",
        PinMismatch = "pin_mismatch",
        ReverificationNeeded = "reverification_needed",
        PinGuessesSpent = "pin_guesses_spent",
        PinGuessedTooFast = "pin_guessed_too_fast",
        NotRegistered = "not_registered",
        DeregistrationIncomplete = "deregistration_incomplete",
        BudgetSpent = "budget_spent",
        AccountLocked = "account_locked",
        PolicyBlocked = "policy_blocked",
        CodeSpent = "code_spent",
        AppMisconfigured = "app_misconfigured",
        UnknownField = "unknown_field",
        AlreadyVerified = "already_verified",
        CoexistenceRefused = "coexistence_refused",
        NotSubscribed = "not_subscribed",
        PaymentMissing = "payment_missing",
        BusinessUnverified = "business_unverified",
        Permanent = "permanent",
    }
}

words! {
    /// The word of a call.
    call_word, call_kind: CallKind {
        Register = "register",
        Deregister = "deregister",
    }
}

words! {
    /// The word of how a change became known.
    source_word, source: Source {
        Webhook = "webhook",
        Reading = "reading",
        Person = "person",
    }
}
