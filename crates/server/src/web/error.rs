//! Every failure a caller sees, as one type: a problem document (RFC 9457) for programs, a page for
//! people. A problem also carries the origin's `error` member, and `success: false` where the origin
//! has it. The chain of an internal error is logged once, at the edge, and never shown.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::meta::failure::{Failure, FailureKind, MetaError};
use serde::Serialize;

use crate::flows::{FlowError, Refusal};
use crate::store;

mod code;

pub(crate) use code::Code;

/// What a handler answers with when it cannot do what it was asked.
pub(crate) type Result<T> = std::result::Result<T, ApiError>;

/// One failure; build it with a constructor, refine it with the `with_` methods.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: Code,
    detail: String,
    /// The origin's own wording, where it differs from `detail`.
    origin_text: Option<&'static str>,
    has_success_member: bool,
    meta: Option<MetaError>,
    fields: Vec<FieldProblem>,
    retry_after_seconds: Option<u64>,
    source: Option<anyhow::Error>,
}

/// One thing wrong with one field.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct FieldProblem {
    /// The field's name.
    #[schema(example = "pin")]
    pub field: String,
    /// What is wrong and how to put it right.
    #[schema(example = "six digits, such as 123456")]
    pub message: String,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Problem {
    /// Where this code is documented.
    #[serde(rename = "type")]
    #[schema(example = "/docs/errors#not_found")]
    kind: String,
    /// A short sentence that belongs to the code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened this time.
    detail: String,
    /// One word out of a closed list.
    #[schema(example = "not_found")]
    code: &'static str,
    /// The same as one string, in the origin's words where it has some.
    error: String,
    /// `false`, on routes where the origin has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    /// Fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem>,
    /// What Meta said, where Meta refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<MetaView>,
    /// Quote it to support.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// Meta's error as Meta worded it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct MetaView {
    /// Meta's code.
    #[schema(example = 100)]
    pub code: i64,
    /// Meta's sub-code.
    #[schema(example = 2_388_001)]
    pub subcode: Option<i64>,
    /// The HTTP status Meta answered with.
    pub http_status: Option<u16>,
    /// Meta's message.
    pub message: String,
    /// Meta's title for people.
    pub user_title: Option<String>,
    /// Meta's sentence for people.
    pub user_message: Option<String>,
    /// For Meta's support.
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
    /// A failure with its sentence.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            origin_text: None,
            has_success_member: false,
            meta: None,
            fields: Vec::new(),
            retry_after_seconds: None,
            source: None,
        }))
    }

    /// Nothing there, or not for this key: the caller is not told which.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::gone(format!("There is no such {what}."))
    }

    fn gone(detail: String) -> Self {
        let mut error = Self::new(Code::NotFound, detail);
        error.0.origin_text = Some("Resource could not be found");
        error
    }

    /// No key, or one that is unknown or revoked.
    pub(crate) fn unauthenticated(detail: &str) -> Self {
        Self::new(Code::Unauthenticated, detail)
    }

    /// One field is wrong; `fix` says how it should be.
    pub(crate) fn invalid(field: &str, fix: impl Into<String>) -> Self {
        let fix = fix.into();
        let mut error = Self::new(Code::InvalidParameter, format!("{field}: {fix}"));
        error.0.fields.push(FieldProblem { field: field.to_owned(), message: fix });
        error
    }

    /// A fault of ours; the chain is logged, not shown.
    pub(crate) fn internal(source: impl Into<anyhow::Error>) -> Self {
        let mut error = Self::new(Code::Internal, "The fault is logged. Quote the request id to support.");
        error.0.source = Some(source.into());
        error
    }

    /// Carries `success: false`, as the origin's signup route does.
    #[must_use]
    pub(crate) fn with_success_member(mut self) -> Self {
        self.0.has_success_member = true;
        self
    }

    /// Says when to try again.
    #[must_use]
    pub(crate) fn with_retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds);
        self
    }

    /// The code.
    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    /// What happened this time.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The field it is about, and what would be right, where it is about one.
    pub(super) fn field(&self) -> Option<(&str, &str)> {
        self.0.fields.first().map(|problem| (problem.field.as_str(), problem.message.as_str()))
    }

    /// What Meta said, where Meta refused.
    pub(super) fn meta(&self) -> Option<&MetaError> {
        self.0.meta.as_ref()
    }

    /// What to log, where the fault is ours.
    pub(super) fn source_chain(&self) -> Option<String> {
        self.0.source.as_ref().map(|source| format!("{source:#}"))
    }

    /// The document.
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
            meta: parts.meta.as_ref().map(MetaView::from),
            request_id: request_id.map(str::to_owned),
        }
    }

    /// Headers that belong to the code, whatever the body is.
    pub(super) fn dress(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if self.code() == Code::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"linekeeper\""));
        }
        if let Some(seconds) = self.0.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    /// As a problem document.
    pub(super) fn as_json(&self, request_id: Option<&str>) -> Response {
        let mut response = (self.code().status(), Json(self.problem(request_id))).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        self.dress(&mut response);
        response
    }

    /// A bare status of the HTTP layer, said in our words.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let code = Code::of_status(status);
        if code == Code::NotFound {
            return Self::not_found("page");
        }
        let said = [
            (Code::Internal, "The fault is logged. Quote the request id to support."),
            (Code::Forbidden, "The request came from another site."),
            (Code::TimedOut, "The work may still go on; look at the number before trying again."),
        ];
        let detail = said.iter().find(|(known, _)| *known == code).map_or(code.title(), |(_, text)| text);
        Self::new(code, detail)
    }
}

/// The failure beside its response, so that the edge can add the request id or make it a page.
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
            let mut unavailable = Self::new(Code::Unavailable, "The database does not answer.").with_retry_after(2);
            unavailable.0.source = Some(error.into());
            return unavailable;
        }
        Self::internal(error)
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let code = if failure.is_access() {
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

impl From<FlowError> for ApiError {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Store(error) => error.into(),
            FlowError::Meta(failure) => failure.into(),
            FlowError::Refused { code: Refusal::NotFound, text } => Self::gone(text),
            FlowError::Refused { code, text } => Self::new(of_refusal(code), text),
        }
    }
}

fn of_refusal(refusal: Refusal) -> Code {
    match refusal {
        Refusal::MissingParameter => Code::MissingParameter,
        Refusal::InvalidParameter => Code::InvalidParameter,
        Refusal::ChannelExists => Code::ChannelExists,
        Refusal::PhoneNumberMismatch => Code::PhoneNumberMismatch,
        Refusal::NoSuchNumber => Code::NoSuchNumber,
        Refusal::NoAccessToWaba => Code::NoAccessToWaba,
        Refusal::CodeReplayed => Code::Replayed,
        Refusal::ForeignApp => Code::ForeignApp,
        Refusal::NotFound => Code::NotFound,
        Refusal::NotNow => Code::NotNow,
        Refusal::WebhookSetupFailed => Code::WebhookSetupFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_meta_keeps_its_words_and_its_trace() {
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

    /// Every refusal keeps its word on the way out.
    #[test]
    fn a_refusal_keeps_its_word() {
        for refusal in [Refusal::ChannelExists, Refusal::NotNow, Refusal::WebhookSetupFailed, Refusal::ForeignApp] {
            assert_eq!(of_refusal(refusal).as_str(), refusal.as_str());
        }
    }
}
