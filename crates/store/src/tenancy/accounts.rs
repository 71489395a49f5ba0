//! Tenants.

use domain::ids::AccountId;
use jiff::Timestamp;

use crate::engine::columns::{At, micros};
use crate::{Error, Tx};

statements! {
    INSERT = "insert into account (name, created_at) values ($1, $2) returning id";
    FIND = "select id, name, created_at from account where id = $1";
    LIST = "select id, name, created_at from account order by id";
}

/// A tenant of this installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

type Row = (i64, String, i64);

/// Creates an account and returns its id.
pub async fn create(tx: &mut Tx, name: &str, now: Timestamp) -> Result<AccountId, Error> {
    let row: Option<(i64,)> = one!(tx, INSERT, name, micros(now))?;
    row.map(|(id,)| AccountId(id)).ok_or_else(crate::engine::error::nothing_returned)
}

/// Finds an account by its id.
pub async fn find(tx: &mut Tx, id: AccountId) -> Result<Option<Account>, Error> {
    let row: Option<Row> = one!(tx, FIND, id.0)?;
    row.map(account).transpose()
}

/// Every account, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Account>, Error> {
    let rows: Vec<Row> = all!(tx, LIST)?;
    tx.readable(rows.into_iter().map(account))
}

fn account((id, name, created_at): Row) -> Result<Account, Error> {
    let created_at = At { table: "account", id: &id }.time("created_at", created_at)?;
    Ok(Account { id: AccountId(id), name, created_at })
}
