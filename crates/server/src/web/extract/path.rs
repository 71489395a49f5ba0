//! Ids in the path of a request. An id that cannot be parsed belongs to nothing and is answered with 404.

use axum::extract::{FromRequestParts, Path, RawPathParams};
use axum::http::request::Parts;
use domain::ids::{AccountId, ChannelId};

use crate::App;
use crate::store::ids::EndpointId;
use crate::web::error::{ApiError, Result};

/// The ids that authorisation depends on; `None` where the route has no such parameter.
pub(super) struct PathIds {
    pub(super) account: Option<AccountId>,
    pub(super) channel: Option<ChannelId>,
    pub(super) endpoint: Option<EndpointId>,
}

/// Parses the account, channel and endpoint ids of a request's path.
pub(super) async fn path_ids(parts: &mut Parts, app: &App) -> Result<PathIds> {
    let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| ApiError::not_found("page"))?;
    let mut ids = PathIds { account: None, channel: None, endpoint: None };
    for (name, text) in &params {
        let number = || text.parse::<i64>().ok().filter(|id| *id > 0);
        match name {
            "account_id" => ids.account = Some(AccountId(number().ok_or_else(|| ApiError::not_found("account"))?)),
            "id" => ids.channel = Some(ChannelId(number().ok_or_else(|| ApiError::not_found("inbox"))?)),
            "endpoint_id" => ids.endpoint = Some(text.parse().map_err(|_| ApiError::not_found("endpoint"))?),
            _ => {}
        }
    }
    Ok(ids)
}

/// All parameters of a path with a nested id, such as `accounts/{account_id}/signups/{signup_id}`.
pub(in crate::web) type NestedId = Path<std::collections::HashMap<String, String>>;

/// Parses one parameter of the path; `noun` names the missing entity in the 404.
pub(in crate::web) fn nested_id<T: std::str::FromStr>(Path(params): &NestedId, name: &str, noun: &str) -> Result<T> {
    params.get(name).and_then(|text| text.parse().ok()).ok_or_else(|| ApiError::not_found(noun))
}
