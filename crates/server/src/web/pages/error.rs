//! The page of a failure, and the page that lists the error codes.

use askama::Template;
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::layout::{Layout, POLICY, page};
use crate::web::error::{ApiError, Code, Result};

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    layout: Layout,
    title: &'a str,
    detail: &'a str,
    status: u16,
    request_id: &'a str,
    is_signed_out: bool,
}

/// Renders a failure as a page.
pub(in crate::web) fn render(error: &ApiError, request_id: &str) -> Response {
    let code = error.code();
    let template = ErrorPage {
        layout: Layout::plain(code.title()),
        title: code.title(),
        detail: error.detail(),
        status: code.status().as_u16(),
        request_id,
        is_signed_out: code == Code::Unauthenticated,
    };
    let body = template.render().unwrap_or_else(|_| code.title().to_owned());
    let mut response = (code.status(), Html(body)).into_response();
    // the page can replace the answer of any route, so the layer of the pages did not set its policy
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    error.apply_headers(&mut response);
    response
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    layout: Layout,
    codes: Vec<CodeRow>,
}

struct CodeRow {
    word: &'static str,
    status: u16,
    title: &'static str,
}

/// `GET /docs/errors`: the target of the `type` of problem documents.
pub(in crate::web) async fn show_catalogue() -> Result<Response> {
    let row = |code: &Code| CodeRow { word: code.as_str(), status: code.status().as_u16(), title: code.title() };
    page(&CodesPage { layout: Layout::plain("Error codes"), codes: Code::ALL.iter().map(row).collect() })
}
