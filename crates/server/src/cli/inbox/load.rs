//! Reads numbers from the database, page by page.

use anyhow::Context as _;
use domain::channel::Channel;
use domain::health::Level;
use domain::ids::{AccountId, ChannelId};
use server::App;
use server::flows::number::view::{self, View};
use server::store::channels;

/// Numbers of one account, or of all, with their health as of the last read; the most urgent first.
pub(in crate::cli) async fn views(
    app: &App,
    account: Option<AccountId>,
    level: Option<Level>,
) -> anyhow::Result<Vec<View>> {
    let mut views = Vec::new();
    for channel in channels(app, account).await? {
        let view = view::load(app, channel.id).await.with_context(|| format!("inbox {}", channel.id))?;
        if level.is_none_or(|level| view.report.level == level) {
            views.push(view);
        }
    }
    views.sort_by_key(|view| (std::cmp::Reverse(view.report.level.urgency()), view.channel.id));
    Ok(views)
}

/// Channels of one account, or of all, in the order of their ids.
pub(super) async fn channels(app: &App, account: Option<AccountId>) -> anyhow::Result<Vec<Channel>> {
    const PAGE: i64 = 500;
    let mut found: Vec<Channel> = Vec::new();
    loop {
        let after: Option<ChannelId> = found.last().map(|channel| channel.id);
        let mut tx = app.store.read().await?;
        let page = match account {
            Some(account) => channels::list(&mut tx, account, after, PAGE).await?,
            None => channels::all(&mut tx, after, PAGE).await?,
        };
        if page.is_empty() {
            return Ok(found);
        }
        found.extend(page);
    }
}
