//! The frame of every page: title, assets, the signed-in key and the token for forms.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};

use super::assets::{self, Addresses};
use crate::web::error::{ApiError, Result};
use crate::web::extract::auth::Principal;

/// Content security policy: scripts and styles come from this server only, none inline.
pub(in crate::web) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Values that `base.html` needs.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) title: String,
    pub(super) assets: Addresses,
    /// The name of the API key behind the session; `None` when nobody is signed in.
    pub(super) signed_in: Option<String>,
    /// The session's token, which every form must carry; empty when nobody is signed in.
    pub(super) csrf: String,
}

impl Layout {
    /// The layout of a page that needs no session.
    pub(super) fn plain(title: &str) -> Self {
        Self { title: title.to_owned(), assets: assets::addresses(), signed_in: None, csrf: String::new() }
    }

    /// The layout of a page for a signed-in key.
    pub(super) fn of(title: &str, principal: &Principal) -> Self {
        Self {
            signed_in: Some(principal.key.name.clone()),
            csrf: principal.csrf_token.clone().unwrap_or_default(),
            ..Self::plain(title)
        }
    }
}

/// Renders a template as an HTML response.
pub(super) fn page(template: &impl Template) -> Result<Response> {
    template.render().map(|text| Html(text).into_response()).map_err(ApiError::internal)
}
