//! Accounts: the tenants of this installation. An operator's key creates them.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::name::Name;
use serde::{Deserialize, Serialize};

use super::rfc3339;
use crate::App;
use crate::flows::admin;
use crate::store::accounts::{self, Account};
use crate::web::error::{ApiError, Problem, Result};
use crate::web::extract::auth::{Admin, OperatorOf, Read, SignedIn};
use crate::web::extract::body::Body;

/// An account: a tenant of this installation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AccountView {
    /// The id, used in all paths of the account.
    #[schema(example = 1)]
    id: i64,
    #[schema(example = "Example Bakery")]
    name: String,
    /// The time of its creation.
    created_at: String,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self { id: account.id.0, name: account.name, created_at: rfc3339(account.created_at) }
    }
}

/// All accounts that the key can access.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Accounts {
    data: Vec<AccountView>,
}

/// The data of a new account.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewAccount {
    #[schema(example = "Example Bakery")]
    name: String,
}

/// List the accounts of a key
#[utoipa::path(get, path = "/api/v1/accounts", tag = "Accounts",
    responses((status = 200, description = "The accounts that the key can access", body = Accounts), (status = 401, body = Problem)))]
pub(crate) async fn list_accounts(State(app): State<App>, signed: SignedIn<Read>) -> Result<Json<Accounts>> {
    let mut tx = app.store.read().await?;
    let found = match signed.principal.key.account_id {
        Some(own) => accounts::find(&mut tx, own).await?.into_iter().collect(),
        None => accounts::list(&mut tx).await?,
    };
    Ok(Json(Accounts { data: found.into_iter().map(AccountView::from).collect() }))
}

/// Create an account
///
/// Requires an operator's key of scope `admin`.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "Accounts", request_body = NewAccount,
    responses((status = 201, description = "Created", body = AccountView), (status = 403, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn create_account(
    State(app): State<App>,
    _operator: OperatorOf<Admin>,
    Body(new): Body<NewAccount>,
) -> Result<(StatusCode, Json<AccountView>)> {
    let name = named(&new.name)?;
    let created = admin::create_account(&app, &name).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// Validates the member `name` of a body by the one rule for names.
pub(super) fn named(name: &str) -> Result<String> {
    let name = Name::parse(name).map_err(|error| ApiError::invalid("name", error.to_string()))?;
    Ok(name.into_string())
}
