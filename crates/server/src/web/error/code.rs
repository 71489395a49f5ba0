//! The closed list of codes a problem document may carry: word, status, title. Documented in
//! `docs/API.md` and on `/docs/errors`; a snapshot test keeps it from changing by accident.

use axum::http::StatusCode;

macro_rules! codes {
    ($($(#[$meta:meta])* $variant:ident = $word:literal, $status:ident, $title:literal;)+) => {
        /// What went wrong, as one word that never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Code {
            $($(#[$meta])* $variant,)+
        }

        impl Code {
            /// Every code, in the order of the documentation.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The HTTP status it always comes with.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// The same short sentence every time.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    /// No key, or a key that is unknown or revoked.
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "An API key is needed";
    /// Meta's handshake with a token that is not ours.
    WrongVerifyToken = "wrong_verify_token", UNAUTHORIZED, "The verify token is wrong";
    /// A webhook post that Meta did not sign.
    BadSignature = "bad_signature", UNAUTHORIZED, "The request is not signed by Meta";
    /// The key may not do this.
    Forbidden = "forbidden", FORBIDDEN, "This key may not do that";
    /// A form or a cookie request without its token.
    Csrf = "csrf", FORBIDDEN, "The form is out of date";
    /// Nothing there, or not for this key.
    NotFound = "not_found", NOT_FOUND, "Not found";
    /// The path exists, not for this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This path does not take that method";
    /// The body cannot be read at all.
    MalformedBody = "malformed_body", BAD_REQUEST, "The body cannot be read";
    /// The body is larger than allowed.
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large";
    /// The body is of a kind that is not read here.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "This kind of body is not read here";
    /// A parameter is missing.
    MissingParameter = "missing_parameter", UNPROCESSABLE_ENTITY, "A parameter is missing";
    /// A parameter makes no sense.
    InvalidParameter = "invalid_parameter", UNPROCESSABLE_ENTITY, "A parameter makes no sense";
    /// The phone number is connected already.
    ChannelExists = "channel_exists", UNPROCESSABLE_ENTITY, "The phone number is connected already";
    /// Re-authorised with another number.
    PhoneNumberMismatch = "phone_number_mismatch", UNPROCESSABLE_ENTITY, "This is another phone number";
    /// The number is not in the WhatsApp account.
    NoSuchNumber = "no_such_number", UNPROCESSABLE_ENTITY, "The number is not in the WhatsApp account";
    /// The token does not reach the WhatsApp account.
    NoAccessToWaba = "no_access_to_waba", UNPROCESSABLE_ENTITY, "No access to the WhatsApp account";
    /// The signup code was handed over before.
    Replayed = "code_replayed", UNPROCESSABLE_ENTITY, "The code was used before";
    /// The token belongs to another Meta app.
    ForeignApp = "foreign_app", UNPROCESSABLE_ENTITY, "The token belongs to another app";
    /// Registration is not to be called now.
    NotNow = "not_now", CONFLICT, "Not now";
    /// Webhook set-up failed.
    WebhookSetupFailed = "webhook_setup_failed", UNPROCESSABLE_ENTITY, "Webhook set-up failed";
    /// Meta refused.
    MetaRefused = "meta_refused", UNPROCESSABLE_ENTITY, "Meta refused";
    /// The access token is dead or lost its access.
    MetaAccessLost = "meta_access_lost", UNPROCESSABLE_ENTITY, "Meta does not accept the access token";
    /// Meta asked for fewer calls.
    MetaThrottled = "meta_throttled", UNPROCESSABLE_ENTITY, "Meta asks to wait";
    /// Meta did not answer.
    MetaUnavailable = "meta_unavailable", UNPROCESSABLE_ENTITY, "Meta did not answer";
    /// The same Idempotency-Key with another request.
    IdempotencyMismatch = "idempotency_mismatch", UNPROCESSABLE_ENTITY, "This Idempotency-Key was used for another request";
    /// The same Idempotency-Key while the first request is still under way.
    IdempotencyInProgress = "idempotency_in_progress", CONFLICT, "The first request with this Idempotency-Key is under way";
    /// It took too long.
    TimedOut = "timed_out", GATEWAY_TIMEOUT, "It took too long";
    /// The database does not answer, or too much waits.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Try again in a moment";
    /// The database holds as much as it may.
    StorageFull = "storage_full", SERVICE_UNAVAILABLE, "The database is full";
    /// A fault of ours.
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something went wrong here";
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
            504 timed_out\n503 unavailable\n503 storage_full\n500 internal";
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn every_code_has_its_own_word() {
        let words: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(words.len(), Code::ALL.len());
    }
}
