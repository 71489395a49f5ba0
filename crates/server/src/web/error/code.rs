//! The closed list of codes a problem document may carry: code, status, title. Documented in
//! `docs/API.md` and on `/docs/errors`; a snapshot test keeps it from changing by accident.

use axum::http::StatusCode;

/// The code of a problem document. A code never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum Code {
    /// The request has no API key, or an unknown or revoked one.
    Unauthenticated,
    /// Meta's verification request carries another token.
    WrongVerifyToken,
    /// A webhook post is not signed by Meta.
    BadSignature,
    /// The scope of the key is too low.
    Forbidden,
    /// A request of a browser session lacks the session's token.
    Csrf,
    /// Nothing there, or not for this key.
    NotFound,
    /// The path exists, not for this method.
    MethodNotAllowed,
    /// The body cannot be read at all.
    MalformedBody,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body is of a kind that is not read here.
    UnsupportedMediaType,
    /// A parameter is missing.
    MissingParameter,
    /// A parameter makes no sense.
    InvalidParameter,
    /// The phone number is connected already.
    ChannelExists,
    /// Re-authorised with another number.
    PhoneNumberMismatch,
    /// The number is not in the WhatsApp account.
    NoSuchNumber,
    /// The token does not reach the WhatsApp account.
    NoAccessToWaba,
    /// The signup code was handed over before.
    #[strum(serialize = "code_replayed")]
    Replayed,
    /// The token belongs to another Meta app.
    ForeignApp,
    /// Registration is not to be called now.
    NotNow,
    /// The webhook could not be set up at Meta.
    WebhookSetupFailed,
    /// Meta refused the call.
    MetaRefused,
    /// The access token is dead or lost its access.
    MetaAccessLost,
    /// Meta limits the rate of calls.
    MetaThrottled,
    /// Meta did not answer the call.
    MetaUnavailable,
    /// The Idempotency-Key was used for another request.
    IdempotencyMismatch,
    /// The first request with this Idempotency-Key is in progress.
    IdempotencyInProgress,
    /// The request took longer than its deadline.
    TimedOut,
    /// The database does not answer, or a queue is full.
    Unavailable,
    /// The database has reached its configured limit.
    StorageFull,
    /// An error of the server; the cause is logged.
    Internal,
    /// The head of the request makes no sense.
    MalformedRequest,
    /// Too many failed attempts from this address.
    TooManyAttempts,
}

impl Code {
    /// All codes in the order of the documentation.
    pub(crate) const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The code as it stands in a problem document.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// The HTTP status that always comes with the code.
    pub(crate) const fn status(self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::WrongVerifyToken | Self::BadSignature => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Csrf => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::MalformedBody | Self::MalformedRequest => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MissingParameter
            | Self::InvalidParameter
            | Self::ChannelExists
            | Self::PhoneNumberMismatch
            | Self::NoSuchNumber
            | Self::NoAccessToWaba
            | Self::Replayed
            | Self::ForeignApp
            | Self::WebhookSetupFailed
            | Self::MetaRefused
            | Self::MetaAccessLost
            | Self::MetaThrottled
            | Self::MetaUnavailable
            | Self::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotNow | Self::IdempotencyInProgress => StatusCode::CONFLICT,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Unavailable | Self::StorageFull => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The title that always comes with the code.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Unauthenticated => "An API key is needed",
            Self::WrongVerifyToken => "The verify token is wrong",
            Self::BadSignature => "The request is not signed by Meta",
            Self::Forbidden => "The scope of the key is too low",
            Self::Csrf => "The form is out of date",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "This path does not take that method",
            Self::MalformedBody => "The body cannot be read",
            Self::BodyTooLarge => "The body is too large",
            Self::UnsupportedMediaType => "This kind of body is not read here",
            Self::MissingParameter => "A parameter is missing",
            Self::InvalidParameter => "A parameter makes no sense",
            Self::ChannelExists => "The phone number is connected already",
            Self::PhoneNumberMismatch => "This is another phone number",
            Self::NoSuchNumber => "The number is not in the WhatsApp account",
            Self::NoAccessToWaba => "No access to the WhatsApp account",
            Self::Replayed => "The code was used before",
            Self::ForeignApp => "The token belongs to another app",
            Self::NotNow => "Not now",
            Self::WebhookSetupFailed => "Webhook set-up failed",
            Self::MetaRefused => "Meta refused",
            Self::MetaAccessLost => "Meta does not accept the access token",
            Self::MetaThrottled => "Meta limits the rate of calls",
            Self::MetaUnavailable => "Meta did not answer",
            Self::IdempotencyMismatch => "This Idempotency-Key was used for another request",
            Self::IdempotencyInProgress => "The first request with this Idempotency-Key is in progress",
            Self::TimedOut => "The request timed out",
            Self::Unavailable => "Temporarily unavailable",
            Self::StorageFull => "The database is full",
            Self::Internal => "Internal error",
            Self::MalformedRequest => "The request makes no sense",
            Self::TooManyAttempts => "Too many attempts",
        }
    }
}

impl Code {
    /// The code that fits a bare status of the HTTP layer.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthenticated,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::PAYLOAD_TOO_LARGE => Self::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::InvalidParameter,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyAttempts,
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => Self::TimedOut,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_client_error() => Self::MalformedBody,
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_does_not_change_by_accident() {
        let lines: Vec<String> =
            Code::ALL.iter().map(|code| format!("{} {}", code.status().as_u16(), code.as_str())).collect();
        let expected = "401 unauthenticated\n401 wrong_verify_token\n401 bad_signature\n403 forbidden\n403 csrf\n\
            404 not_found\n405 method_not_allowed\n400 malformed_body\n413 body_too_large\n\
            415 unsupported_media_type\n422 missing_parameter\n422 invalid_parameter\n422 channel_exists\n\
            422 phone_number_mismatch\n422 no_such_number\n422 no_access_to_waba\n422 code_replayed\n\
            422 foreign_app\n409 not_now\n422 webhook_setup_failed\n422 meta_refused\n422 meta_access_lost\n\
            422 meta_throttled\n422 meta_unavailable\n422 idempotency_mismatch\n409 idempotency_in_progress\n\
            504 timed_out\n503 unavailable\n503 storage_full\n500 internal\n\
            400 malformed_request\n429 too_many_attempts";
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn every_code_has_its_own_word() {
        let words: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
