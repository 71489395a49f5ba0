//! Failures of the HTTP interface as one type: a problem document (RFC 9457) for programs, a page for people. A problem
//! also has the origin's `error` member, and `success: false` where the origin has it. The chain of an internal error is
//! logged once by the middleware and must never be shown.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::ids::ChannelId;
use domain::meta::failure::{Failure, FailureKind, MetaError};
use serde::Serialize;

use crate::flows::onboarding::signup::SignupRefused;
use crate::flows::{FlowError, Refusal};
use crate::store;
use crate::store::ids::SignupId;

mod code;

pub(crate) use code::Code;

/// The result of a handler or an extractor.
pub(crate) type Result<T> = std::result::Result<T, ApiError>;

/// A failure; created by a constructor and refined with the `with_` methods.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: String,
    /// The origin's text, where it differs from `detail`.
    origin_text: Option<&'static str>,
    has_success_member: bool,
    meta: Option<MetaError>,
    inbox: Option<ChannelId>,
    signup: Option<SignupId>,
    fields: Vec<FieldProblem>,
    retry_after_seconds: Option<u64>,
    source: Option<anyhow::Error>,
}

/// An error of one field in the request.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct FieldProblem {
    /// The name of the field.
    #[schema(example = "pin")]
    pub field: String,
    /// A valid value, or the way to correct the field.
    #[schema(example = "six digits, such as 123456")]
    pub message: String,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// The documentation of the code.
    #[serde(rename = "type")]
    #[schema(example = "/docs/errors#not_found")]
    kind: String,
    /// The title that belongs to the code.
    title: &'static str,
    /// The HTTP status of the answer.
    status: u16,
    /// The cause of this failure.
    detail: String,
    /// A code from a closed list.
    #[schema(example = "not_found")]
    code: &'static str,
    /// The cause as one string; the origin's text where it has one.
    error: String,
    /// Always `false`; only on routes where the origin has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    /// Errors of single fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// Meta's error, if Meta refused; or the inbox that has the number, if it is of this account.
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<ProblemMeta>,
    /// The signup, if something of it was kept: it can be continued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "sgn_0190f3a2c0de7000b000000000000001")]
    signup_id: Option<String>,
    /// The id of the request, for support.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// The structured part of a problem.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(crate) enum ProblemMeta {
    /// Meta's error in Meta's words.
    Refused(MetaView),
    /// The inbox that has the phone number already.
    Inbox(KnownInbox),
}

/// An inbox of the same account.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct KnownInbox {
    /// The id of the inbox.
    #[schema(example = 42)]
    pub inbox_id: i64,
}

/// An error of Meta's in Meta's words.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct MetaView {
    #[schema(example = 100)]
    pub code: i64,
    #[schema(example = 2_388_001)]
    pub subcode: Option<i64>,
    /// The HTTP status of Meta's answer.
    pub http_status: Option<u16>,
    pub message: String,
    /// Meta's title for end users.
    pub user_title: Option<String>,
    /// Meta's message for end users.
    pub user_message: Option<String>,
    /// Meta's trace id, for Meta's support.
    pub fbtrace_id: Option<String>,
}

impl From<&MetaError> for MetaView {
    fn from(error: &MetaError) -> Self {
        Self {
            code: error.code,
            subcode: error.subcode,
            http_status: error.http_status,
            message: error.message.clone(),
            user_title: error.user_title.clone(),
            user_message: error.user_message.clone().or_else(|| error.details.clone()),
            fbtrace_id: error.fbtrace_id.clone(),
        }
    }
}

impl ApiError {
    /// A failure with its cause as a sentence.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            origin_text: None,
            has_success_member: false,
            meta: None,
            inbox: None,
            signup: None,
            fields: Vec::new(),
            retry_after_seconds: None,
            source: None,
        }))
    }

    /// The entity does not exist or belongs to another account; the answer does not tell which.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::gone(format!("There is no such {what}."))
    }

    fn gone(detail: String) -> Self {
        let mut error = Self::new(Code::NotFound, detail);
        error.0.origin_text = Some("Resource could not be found");
        error
    }

    /// The request has no key, or an unknown or revoked one.
    pub(crate) fn unauthenticated(detail: &str) -> Self {
        Self::new(Code::Unauthenticated, detail)
    }

    /// One field is invalid; `fix` describes a valid value.
    pub(crate) fn invalid(field: &str, fix: impl Into<String>) -> Self {
        let fix = fix.into();
        let mut error = Self::new(Code::InvalidParameter, format!("{field}: {fix}"));
        error.0.fields.push(FieldProblem { field: field.to_owned(), message: fix });
        error
    }

    /// An error of the server; the chain of causes is logged and not shown.
    pub(crate) fn internal(source: impl Into<anyhow::Error>) -> Self {
        let mut error = Self::new(Code::Internal, "The error is logged. Give the request ID to support.");
        error.0.source = Some(source.into());
        error
    }

    /// Adds `success: false`, as the origin's signup route does.
    #[must_use]
    pub(crate) fn with_success_member(mut self) -> Self {
        self.0.has_success_member = true;
        self
    }

    /// Adds the header `Retry-After`.
    #[must_use]
    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// The cause of this failure.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The invalid field and a valid value, if the failure is about one field.
    pub(super) fn field(&self) -> Option<(&str, &str)> {
        self.0.fields.first().map(|problem| (problem.field.as_str(), problem.message.as_str()))
    }

    /// Meta's error, if Meta refused.
    pub(super) fn meta(&self) -> Option<&MetaError> {
        self.0.meta.as_ref()
    }

    /// The chain of causes to log; `None` if the caller caused the failure.
    pub(super) fn source_chain(&self) -> Option<String> {
        self.0.source.as_ref().map(|source| format!("{source:#}"))
    }

    /// Builds the problem document.
    pub(super) fn problem(&self, request_id: Option<&str>) -> Problem {
        let parts = &self.0;
        Problem {
            kind: format!("/docs/errors#{}", parts.code.as_str()),
            title: parts.code.title(),
            status: parts.code.status().as_u16(),
            detail: parts.detail.clone(),
            code: parts.code.as_str(),
            error: parts.origin_text.map_or_else(|| parts.detail.clone(), str::to_owned),
            success: parts.has_success_member.then_some(false),
            errors: parts.fields.clone(),
            meta: match (&parts.meta, parts.inbox) {
                (Some(error), _) => Some(ProblemMeta::Refused(error.into())),
                (None, Some(inbox)) => Some(ProblemMeta::Inbox(KnownInbox { inbox_id: inbox.0 })),
                (None, None) => None,
            },
            signup_id: parts.signup.map(|id| id.to_string()),
            request_id: request_id.map(str::to_owned),
        }
    }

    /// Sets the headers that belong to the failure, for every kind of body.
    pub(super) fn apply_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if self.code() == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"linekeeper\""));
        }
        if self.code() == Code::UnsupportedMediaType {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some(seconds) = self.0.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    /// Renders the failure as a problem document.
    pub(super) fn as_json(&self, request_id: Option<&str>) -> Response {
        let mut response = (self.code().status(), Json(self.problem(request_id))).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        self.apply_headers(&mut response);
        response
    }

    /// The failure for a bare status of the HTTP layer.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let code = Code::of_status(status);
        if code == Code::NotFound {
            return Self::not_found("page");
        }
        let details = [
            (Code::Internal, "The error is logged. Give the request ID to support."),
            (Code::Forbidden, "The request came from another site."),
            (Code::TimedOut, "The work may continue; check the number before the next attempt."),
        ];
        let detail = details.iter().find(|(known, _)| *known == code).map_or(code.title(), |(_, text)| text);
        Self::new(code, detail)
    }
}

/// The failure as an extension of its response, so that the middleware can add the request id or render a page.
#[derive(Clone)]
pub(super) struct Failed(pub(super) Arc<ApiError>);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let shared = Arc::new(self);
        let mut response = shared.as_json(None);
        response.extensions_mut().insert(Failed(shared));
        response
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        if error.is_retryable() {
            // without its source: the store has logged the cause, once for all requests
            return Self::new(Code::Unavailable, "The database is not available.").with_retry_after(2);
        }
        Self::internal(error)
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let code = if failure.is_access_failure() {
            Code::MetaAccessLost
        } else if failure.is_uncertain() {
            Code::MetaUnavailable
        } else if failure.kind == FailureKind::Throttled {
            Code::MetaThrottled
        } else {
            Code::MetaRefused
        };
        let wait = failure.wait.and_then(|wait| u64::try_from(wait.as_secs()).ok());
        let mut error = Self::new(code, failure.message);
        error.0.meta = failure.meta;
        error.0.retry_after_seconds = wait.or((code == Code::MetaUnavailable).then_some(5));
        error
    }
}

impl From<SignupRefused> for ApiError {
    fn from(refused: SignupRefused) -> Self {
        let mut error = Self::from(refused.error);
        error.0.signup = refused.signup_id;
        error
    }
}

impl From<FlowError> for ApiError {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Store(error) => error.into(),
            FlowError::Meta(failure) => failure.into(),
            FlowError::ChannelExists { inbox, .. } => {
                let mut exists = Self::new(Code::ChannelExists, error.to_string());
                exists.0.inbox = inbox;
                exists
            }
            FlowError::Refused { code: Refusal::NotFound, text } => Self::gone(text),
            FlowError::Refused { code, text } => Self::new(of_refusal(code), text),
        }
    }
}

fn of_refusal(refusal: Refusal) -> Code {
    match refusal {
        Refusal::MissingParameter => Code::MissingParameter,
        Refusal::InvalidParameter => Code::InvalidParameter,
        Refusal::PhoneNumberMismatch => Code::PhoneNumberMismatch,
        Refusal::NoSuchNumber | Refusal::NumberNotChosen | Refusal::NoNumberYet => Code::NoSuchNumber,
        Refusal::NoAccessToWaba | Refusal::NoAccountNamed => Code::NoAccessToWaba,
        Refusal::CodeReplayed => Code::Replayed,
        Refusal::ForeignApp => Code::ForeignApp,
        Refusal::NotFound => Code::NotFound,
        Refusal::NotNow | Refusal::BrowserLost | Refusal::SignupExpired | Refusal::SignupRevoked => Code::NotNow,
        Refusal::WebhookSetupFailed => Code::WebhookSetupFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_meta_keeps_its_text_and_its_trace() {
        let meta = MetaError {
            code: 100,
            subcode: Some(2_388_001),
            http_status: Some(400),
            message: "Invalid parameter".to_owned(),
            user_title: Some("Cannot Create Certificate".to_owned()),
            user_message: Some("Your display name could not be processed.".to_owned()),
            details: None,
            fbtrace_id: Some("Atrace".to_owned()),
        };
        let error = ApiError::from(Failure::from_meta(meta)).with_success_member();
        let document = serde_json::to_value(error.problem(Some("req_1"))).unwrap();
        assert_eq!(document["status"], 422);
        assert_eq!(document["code"], "meta_refused");
        assert_eq!(document["error"], "Your display name could not be processed.");
        assert_eq!(document["success"], false);
        assert_eq!(document["meta"]["subcode"], 2_388_001);
        assert_eq!(document["meta"]["fbtrace_id"], "Atrace");
        assert_eq!(document["request_id"], "req_1");
    }

    #[test]
    fn an_internal_error_shows_nothing_of_its_chain() {
        let error = ApiError::internal(anyhow::anyhow!("password=hunter2"));
        let text = serde_json::to_string(&error.problem(None)).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(error.source_chain().as_deref(), Some("password=hunter2"));
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        for refusal in [Refusal::NoSuchNumber, Refusal::NotNow, Refusal::WebhookSetupFailed, Refusal::ForeignApp] {
            assert_eq!(of_refusal(refusal).as_str(), refusal.as_str());
        }
    }
}
