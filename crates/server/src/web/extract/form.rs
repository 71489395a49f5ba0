//! A form of a number's page: authenticates by session, checks the session's token in the form, and loads the number. The
//! fields are not accessible without that check.

use std::marker::PhantomData;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use domain::channel::Channel;

use super::auth::{Needs, Principal};
use super::body;
use super::path::path_ids;
use crate::App;
use crate::web::error::{ApiError, Result};
use crate::web::session;

/// The fields of a form, by name.
#[derive(Debug, Default)]
pub(in crate::web) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a field, trimmed; an empty one counts as missing.
    pub(in crate::web) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// All values of a name, such as ticked checkboxes.
    pub(in crate::web) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.trim().to_owned()).collect()
    }

    /// The names of the fields that are not empty.
    pub(in crate::web) fn entered(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, value)| !value.trim().is_empty()).map(|(name, _)| name.as_str())
    }

    /// Fields with these values, for tests.
    #[cfg(test)]
    pub(in crate::web) fn from_pairs(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// Reads the body of a request as a form.
    pub(in crate::web) async fn read(headers: &HeaderMap, body: Body, app: &App) -> Result<Self> {
        let (bytes, _reserved) = body::read(headers, body, app).await?;
        let pairs = url::form_urlencoded::parse(&bytes).map(|(name, value)| (name.into_owned(), value.into_owned()));
        Ok(Self(pairs.collect()))
    }
}

/// A form that was sent for the number in the path.
#[derive(Debug)]
pub(in crate::web) struct PostedTo<N> {
    pub(in crate::web) channel: Channel,
    pub(in crate::web) principal: Principal,
    pub(in crate::web) fields: Fields,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequest<App> for PostedTo<N> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let (mut parts, body) = request.into_parts();
        let session = session::of_request(app, &parts.headers).await?;
        let session = session.ok_or_else(|| ApiError::unauthenticated("Sign in again; your session has ended."))?;
        let path = path_ids(&mut parts, app).await?;
        let fields = Fields::read(&parts.headers, body, app).await?;
        session::check_csrf(&session.csrf_token, fields.get("csrf").unwrap_or_default())?;
        let principal = Principal { key: session.key, csrf_token: Some(session.csrf_token) };
        let id = path.channel.ok_or_else(|| ApiError::not_found("number"))?;
        let channel = principal.channel(app, id).await?;
        principal.must(N::SCOPE)?;
        Ok(Self { channel, principal, fields, needs: PhantomData })
    }
}
