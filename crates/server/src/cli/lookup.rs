//! Finds what a command's argument names: an account, an inbox, an endpoint. Each error names the command that
//! lists the existing ones.

use anyhow::{Context as _, bail};
use domain::channel::Channel;
use domain::ids::{AccountId, ChannelId};
use server::App;
use server::store::accounts::{self, Account};
use server::store::channels;
use server::store::endpoints::{self, Endpoint};

pub(super) async fn account(app: &App, id: i64) -> anyhow::Result<Account> {
    let mut tx = app.store.read().await?;
    match accounts::find(&mut tx, AccountId(id)).await? {
        Some(account) => Ok(account),
        None => bail!("there is no account {id}; `linekeeper account list` shows the existing accounts"),
    }
}

/// The account that `--account` names; `None` without the argument.
pub(super) async fn account_filter(app: &App, id: Option<i64>) -> anyhow::Result<Option<AccountId>> {
    match id {
        Some(id) => Ok(Some(account(app, id).await?.id)),
        None => Ok(None),
    }
}

pub(super) async fn inbox(app: &App, id: i64) -> anyhow::Result<Channel> {
    let mut tx = app.store.read().await?;
    match channels::find(&mut tx, ChannelId(id)).await? {
        Some(channel) => Ok(channel),
        None => bail!("there is no inbox {id}; `linekeeper inbox list` shows the existing inboxes"),
    }
}

pub(super) async fn endpoint(app: &App, id: &str) -> anyhow::Result<Endpoint> {
    let parsed = id
        .parse()
        .with_context(|| format!("\"{id}\" is not an endpoint's id; `linekeeper endpoint list` shows the ids"))?;
    let mut tx = app.store.read().await?;
    match endpoints::find(&mut tx, parsed).await? {
        Some(endpoint) => Ok(endpoint),
        None => bail!("there is no endpoint {id}; `linekeeper endpoint list` shows the existing endpoints"),
    }
}
