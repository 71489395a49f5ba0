//! How a call to Meta can fail, as the rules distinguish it.
//!
//! `graph-api` parses an answer into a [`MetaError`]; [`Failure::from_meta`] classifies it. Nothing here knows HTTP bodies;
//! nothing elsewhere branches on the codes of failed calls.

use jiff::SignedDuration;

/// An error as Meta words it (facts §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetaError {
    pub code: i64,
    pub subcode: Option<i64>,
    /// The HTTP status of the answer.
    pub http_status: Option<u16>,
    pub message: String,
    pub user_title: Option<String>,
    /// A sentence for people, in the request's language.
    pub user_message: Option<String>,
    pub details: Option<String>,
    /// Identifies the call for Meta's support.
    pub fbtrace_id: Option<String>,
}

impl MetaError {
    /// Meta's sentence for people, otherwise its details, otherwise its message.
    pub fn text(&self) -> &str {
        self.user_message.as_deref().or(self.details.as_deref()).unwrap_or(&self.message)
    }

    fn mentions(&self, needle: &str) -> bool {
        let found = |text: &str| text.to_ascii_lowercase().contains(&needle.to_ascii_lowercase());
        found(&self.message)
            || [&self.user_message, &self.details, &self.user_title].into_iter().flatten().any(|t| found(t))
    }
}

/// The kind of a failure: one variant per thing that a caller does differently.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum FailureKind {
    /// No answer, a 5xx, or a code Meta says to retry. The call may have worked.
    Transient,
    /// Too many calls: wait for the regain time.
    Throttled,
    /// The access token is dead (190, 102).
    TokenDead,
    /// The token is valid, but it does not reach the asset any more (10, 200 to 299, 3, 100/33, 131005).
    AccessLost,
    /// 100/2388001: the display name is not provisioned yet.
    NameNotReady,
    /// 100/2388001: the number is registered to an existing WhatsApp account.
    NumberTaken,
    /// 100/2388001: ownership of the number must be confirmed.
    OwnershipUnconfirmed,
    /// 100/2388001: two-step verification is on at the previous owner.
    TwoStepAtPreviousOwner,
    /// 100/2388001 with an undocumented text.
    CertificateRefused,
    /// 133005: the PIN is not the number's.
    PinMismatch,
    /// 133006: the number must be verified by code again.
    ReverificationNeeded,
    /// 133008: too many wrong PINs.
    PinGuessesSpent,
    /// 133009: PINs tried too fast.
    PinGuessedTooFast,
    /// 133010, 131045, 141000 and 100/2207051: the number is not registered.
    NotRegistered,
    /// 133000: an earlier deregistration is incomplete.
    DeregistrationIncomplete,
    /// 133016: ten register and deregister calls in 72 h.
    BudgetSpent,
    /// 131031: the account is locked.
    AccountLocked,
    /// 368: Meta blocks the account for a policy violation.
    PolicyBlocked,
    /// 100/36007 and 100/36009: the signup code has expired or was used.
    CodeSpent,
    /// 101, 191, 100/36008, wrong client secret or proof: the installation is misconfigured.
    AppMisconfigured,
    /// 100: a field that this Graph version or number does not know; the read is repeated with fewer fields.
    UnknownField,
    /// 136024: the number is verified already.
    AlreadyVerified,
    /// Refused because the number is in the WhatsApp Business app (coexistence).
    CoexistenceRefused,
    /// An override was asked for while the app is not subscribed.
    NotSubscribed,
    /// 131042, 141006 and the like: no valid payment method.
    PaymentMissing,
    /// 141010: the business has not passed business verification.
    BusinessUnverified,
    /// Anything else: not helped by trying again.
    Permanent,
}

impl FailureKind {
    /// Whether a register call that failed so is made again after a back-off; every other failure needs evidence or a
    /// person first.
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Transient
                | Self::Throttled
                | Self::BudgetSpent
                | Self::NotRegistered
                | Self::DeregistrationIncomplete
        )
    }
}

/// A failed call to Meta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    /// Meta's error; `None` when Meta did not answer or the answer was not Meta's.
    pub meta: Option<MetaError>,
    /// How long Meta asks to wait, in usage headers or in `details`.
    pub wait: Option<SignedDuration>,
    /// One line for people and logs; never holds a secret.
    pub message: String,
}

impl Failure {
    /// No usable answer: time-out, connection lost, 5xx without a body of Meta's.
    pub fn unanswered(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Transient, meta: None, wait: None, message: message.into() }
    }

    /// Classifies an error of Meta's.
    pub fn from_meta(error: MetaError) -> Self {
        let kind = kind_of(&error);
        let asked = || wait_in(error.details.as_deref());
        let wait = if kind == FailureKind::PinGuessesSpent {
            Some(asked().unwrap_or(SignedDuration::from_hours(12)))
        } else if kind == FailureKind::PinGuessedTooFast {
            Some(asked().unwrap_or(SignedDuration::from_mins(15)))
        } else {
            None
        };
        let message = error.text().to_owned();
        Self { kind, meta: Some(error), wait, message }
    }

    /// Adds the wait that Meta's usage headers ask for.
    #[must_use]
    pub fn with_wait(mut self, wait: Option<SignedDuration>) -> Self {
        self.wait = wait.or(self.wait);
        self
    }

    /// Whether the call may have taken effect although no usable answer came.
    pub fn is_uncertain(&self) -> bool {
        self.kind == FailureKind::Transient
    }

    /// Whether the token is dead or its access to the account is lost.
    pub fn is_access_failure(&self) -> bool {
        matches!(self.kind, FailureKind::TokenDead | FailureKind::AccessLost)
    }
}

/// The sub-code Meta uses for every refusal to make a certificate (facts §2.2).
const CANNOT_CREATE_CERTIFICATE: i64 = 2_388_001;

/// The sub-code of a deregistration of a number that is not registered (facts §1.8).
const NOTHING_TO_DEREGISTER: i64 = 2_207_051;

fn kind_of(error: &MetaError) -> FailureKind {
    use FailureKind as K;
    match (error.code, error.subcode) {
        (0 | 102 | 104 | 190 | 2500, _) => K::TokenDead,
        (100, Some(CANNOT_CREATE_CERTIFICATE)) => certificate_refusal(error),
        (100, Some(36_007 | 36_009)) => K::CodeSpent,
        (101 | 191, _) | (100, Some(36_008)) => K::AppMisconfigured,
        (100, Some(33)) | (3 | 10 | 200..=299 | 131_005, _) => K::AccessLost,
        (100, Some(2_388_039)) => K::Transient,
        (100, Some(NOTHING_TO_DEREGISTER)) | (133_010 | 131_045 | 141_000, _) => K::NotRegistered,
        (100, _) => parameter_error(error),
        (1, _) if error.mentions("validating client secret") => K::AppMisconfigured,
        (2_388_103, _) if error.mentions("error migrating") || error.mentions("webhooks not set up") => K::Transient,
        (4 | 17 | 32 | 341 | 613 | 80_007 | 80_008 | 130_429 | 131_048 | 131_049 | 131_056 | 131_064 | 132_069, _) => {
            K::Throttled
        }
        (133_005, _) => K::PinMismatch,
        (133_006, _) => K::ReverificationNeeded,
        (133_008, _) => K::PinGuessesSpent,
        (133_009, _) => K::PinGuessedTooFast,
        (133_000, _) => K::DeregistrationIncomplete,
        (133_016, _) => K::BudgetSpent,
        (131_031, _) => K::AccountLocked,
        (368, _) => K::PolicyBlocked,
        (131_042 | 131_044 | 134_011 | 141_006, _) => K::PaymentMissing,
        (141_010, _) => K::BusinessUnverified,
        (136_024, _) => K::AlreadyVerified,
        (1 | 2 | 131_000 | 131_016 | 131_057 | 133_004 | 133_015 | 134_101 | 2_494_100, _) => K::Transient,
        // comes with HTTP 500, yet a retry does not help
        (134_102, _) => K::Permanent,
        _ if error.http_status.is_some_and(|s| s == 429) => K::Throttled,
        _ if error.http_status.is_some_and(|s| s >= 500) => K::Transient,
        _ => K::Permanent,
    }
}

fn certificate_refusal(error: &MetaError) -> FailureKind {
    if error.mentions("display name could not be processed") {
        FailureKind::NameNotReady
    } else if error.mentions("registered to an existing WhatsApp account") {
        FailureKind::NumberTaken
    } else if error.mentions("confirm ownership") {
        FailureKind::OwnershipUnconfirmed
    } else if error.mentions("two-step") {
        FailureKind::TwoStepAtPreviousOwner
    } else {
        FailureKind::CertificateRefused
    }
}

fn parameter_error(error: &MetaError) -> FailureKind {
    if error.mentions("nonexisting field") {
        FailureKind::UnknownField
    } else if error.mentions("appsecret_proof") {
        FailureKind::AppMisconfigured
    } else if error.mentions("not available for API solution for SMB") {
        FailureKind::CoexistenceRefused
    } else if error.mentions("your app must be subscribed") {
        FailureKind::NotSubscribed
    } else {
        FailureKind::Permanent
    }
}

/// Reads "… in 3 hours", "after 15 minutes" out of Meta's details (facts D15).
fn wait_in(details: Option<&str>) -> Option<SignedDuration> {
    let mut words = details?.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let Ok(count) = word.parse::<i64>() else { continue };
        let unit = words.peek().map(|w| w.to_ascii_lowercase()).unwrap_or_default();
        if !(0..=10_000).contains(&count) {
            continue;
        }
        if unit.starts_with("hour") {
            return Some(SignedDuration::from_hours(count));
        } else if unit.starts_with("min") {
            return Some(SignedDuration::from_mins(count));
        } else if unit.starts_with("sec") {
            return Some(SignedDuration::from_secs(count));
        }
    }
    None
}
