//! The endpoint in the path, loaded only if it belongs to the account and the key can access the account.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::auth::{Needs, Principal, TenantOf};
use super::path::path_ids;
use crate::App;
use crate::store::endpoints::{self, Endpoint};
use crate::web::error::{ApiError, Result};

/// The endpoint in the path of the request.
#[derive(Debug, Clone)]
pub(crate) struct EndpointOf<N> {
    pub endpoint: Endpoint,
    pub principal: Principal,
    needs: PhantomData<N>,
}

impl<N: Needs> FromRequestParts<App> for EndpointOf<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let TenantOf { account_id, principal, .. } = TenantOf::<N>::from_request_parts(parts, app).await?;
        let id = path_ids(parts, app).await?.endpoint.ok_or_else(|| ApiError::not_found("endpoint"))?;
        let mut tx = app.store.read().await?;
        let found = endpoints::find_in_account(&mut tx, account_id, id).await?;
        let endpoint = found.ok_or_else(|| ApiError::not_found("endpoint"))?;
        Ok(Self { endpoint, principal, needs: PhantomData })
    }
}
