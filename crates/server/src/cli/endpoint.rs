//! `linekeeper endpoint`: the addresses events are forwarded to, what they were sent, and sending again.
//!
//! Beside: [`mod@hands`] (what changes one), [`mod@tables`] (how one is printed).

use anyhow::{Context as _, bail};
use domain::ids::ChannelId;
use jiff::Timestamp;
use serde_json::Value;
use server::App;
use server::flows::endpoints::view::{self, View};
use server::store::deliveries::{self, DeliveryState, attempts};
use server::store::endpoints::{self, Endpoint as Kept};
use server::store::ids::EventId;
use server::store::{accounts, channels};

use super::Verdict;
use super::open::{self, From};
use super::output::Output;

mod hands;
mod tables;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper endpoint create --account 1 --url https://hooks.example.com/whatsapp --format standard
  linekeeper endpoint list --account 1
  linekeeper endpoint test end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b
  linekeeper endpoint deliveries end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b --failed
  linekeeper endpoint replay end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b --dead";

/// How many lines a list has unless told otherwise.
const LINES: i64 = 50;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Endpoint {
    /// List endpoints and how they stand.
    #[command(after_help = "Example:\n  linekeeper endpoint list --account 1 --inbox 7 --json")]
    List {
        /// Only those of this account.
        #[arg(long)]
        account: Option<i64>,
        /// Only those that this inbox's events go to.
        #[arg(long, conflicts_with = "account")]
        inbox: Option<i64>,
    },
    /// Show one endpoint: what it gets, how it stands, what is before it.
    #[command(after_help = "Example:\n  linekeeper endpoint show end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b")]
    Show {
        /// Its id, as `endpoint list` shows it.
        id: String,
    },
    /// Make an endpoint; the secret its posts are signed with is shown once and cannot be shown again.
    #[command(after_help = hands::CREATE_EXAMPLES)]
    Create(hands::Create),
    /// Change an endpoint; what is left out stays.
    #[command(after_help = hands::CHANGE_EXAMPLES)]
    Change(hands::Change),
    /// Delete an endpoint, with what waits for it.
    #[command(after_help = "Example:\n  linekeeper endpoint delete end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b --yes")]
    Delete {
        /// Its id.
        id: String,
        /// Do it; without this it only says what would be lost.
        #[arg(long)]
        yes: bool,
    },
    /// Post a made-up message to an endpoint now.
    #[command(after_help = "Example:\n  linekeeper endpoint test end_…      exit status 3 when it was not taken")]
    Test {
        /// Its id.
        id: String,
    },
    /// Sign with another secret; the one before is honoured for 24 hours.
    #[command(after_help = hands::ROTATE_EXAMPLES)]
    Rotate {
        /// Its id.
        id: String,
        /// Read the secret from standard input, as {"secret": "…"}; without this one is drawn.
        #[arg(long)]
        secrets: bool,
    },
    /// Switch an endpoint on: from where it stopped, or leaving out what arrived meanwhile.
    #[command(after_help = "Example:\n  linekeeper endpoint enable end_… --from-now")]
    Enable {
        /// Its id.
        id: String,
        /// Leave out what arrived meanwhile.
        #[arg(long)]
        from_now: bool,
    },
    /// Switch an endpoint off: nothing more is sent to it, its place is kept.
    #[command(after_help = "Example:\n  linekeeper endpoint disable end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b")]
    Disable {
        /// Its id.
        id: String,
    },
    /// List what an endpoint was sent and what it answered, newest first.
    #[command(after_help = "Example:\n  linekeeper endpoint deliveries end_… --failed --limit 200")]
    Deliveries {
        /// Its id.
        id: String,
        /// Leave out what was taken.
        #[arg(long)]
        failed: bool,
        /// How many.
        #[arg(long, default_value_t = LINES)]
        limit: i64,
    },
    /// List what was given up, or forget it.
    #[command(
        after_help = "Examples:\n  linekeeper endpoint dead end_…\n  linekeeper endpoint dead end_… --discard --yes"
    )]
    Dead {
        /// Its id.
        id: String,
        /// How many.
        #[arg(long, default_value_t = LINES)]
        limit: i64,
        /// Forget all of them.
        #[arg(long)]
        discard: bool,
        /// Do it; without this it only says what would be lost.
        #[arg(long, requires = "discard")]
        yes: bool,
    },
    /// Send events again: one, those of a time, or the dead letters.
    #[command(after_help = hands::REPLAY_EXAMPLES)]
    Replay(hands::Replay),
}

impl Endpoint {
    pub(super) async fn run(self, from: &From, output: Output) -> anyhow::Result<Verdict> {
        let app = from.app().await?;
        let verdict = match self {
            Self::List { account, inbox } => list(&app, account, inbox, output).await,
            Self::Show { id } => show(&app, find(&app, &id).await?, output).await,
            Self::Create(create) => create.run(&app, output).await,
            Self::Change(change) => change.run(&app, output).await,
            Self::Delete { id, yes } => hands::delete(&app, &id, yes, output).await,
            Self::Test { id } => hands::test(&app, &id, output).await,
            Self::Rotate { id, secrets } => hands::rotate(&app, &id, secrets, output).await,
            Self::Enable { id, from_now } => hands::enable(&app, &id, from_now, output).await,
            Self::Disable { id } => hands::disable(&app, &id, output).await,
            Self::Deliveries { id, failed, limit } => list_deliveries(&app, &id, failed, limit, output).await,
            Self::Dead { id, discard: true, yes, .. } => hands::discard(&app, &id, yes, output).await,
            Self::Dead { id, limit, .. } => list_dead(&app, &id, limit, output).await,
            Self::Replay(replay) => replay.run(&app, output).await,
        };
        app.stop().await;
        verdict
    }
}

/// The endpoint, or what there is instead.
async fn find(app: &App, id: &str) -> anyhow::Result<Kept> {
    let parsed =
        id.parse().with_context(|| format!("\"{id}\" is no endpoint's id; `linekeeper endpoint list` shows them"))?;
    let mut tx = app.store.read().await?;
    match endpoints::find(&mut tx, parsed).await? {
        Some(endpoint) => Ok(endpoint),
        None => bail!("there is no endpoint {id}; `linekeeper endpoint list` shows those there are"),
    }
}

async fn list(app: &App, account: Option<i64>, inbox: Option<i64>, output: Output) -> anyhow::Result<Verdict> {
    let mut views = Vec::new();
    if let Some(inbox) = inbox {
        let mut tx = app.store.read().await?;
        let channel = channels::find(&mut tx, ChannelId(inbox)).await?;
        drop(tx);
        let channel = channel.with_context(|| format!("there is no inbox {inbox}; see `linekeeper inbox list`"))?;
        views.extend(view::list(app, channel.account_id, Some(channel.id)).await?);
    } else {
        let ids = match account {
            Some(id) => vec![open::account(app, id).await?.id],
            None => {
                let mut tx = app.store.read().await?;
                accounts::list(&mut tx).await?.into_iter().map(|account| account.id).collect()
            }
        };
        for id in ids {
            views.extend(view::list(app, id, None).await?);
        }
    }
    let values: Vec<Value> = views.iter().map(tables::json_of).collect();
    output.either(&values, || tables::list(&views, app.clock.now()))
}

/// Prints one, as it is now.
async fn show(app: &App, endpoint: Kept, output: Output) -> anyhow::Result<Verdict> {
    let view: View = view::now(app, endpoint).await?;
    output.either(&tables::json_of(&view), || tables::page(&view, app.clock.now()))
}

async fn list_deliveries(
    app: &App,
    id: &str,
    only_failed: bool,
    limit: i64,
    output: Output,
) -> anyhow::Result<Verdict> {
    let endpoint = find(app, id).await?;
    let mut tx = app.store.read().await?;
    let rows = attempts::list(&mut tx, endpoint.id, None, only_failed, limit.max(1)).await?;
    let values: Vec<Value> = rows.iter().map(tables::json_of_attempt).collect();
    output.either(&values, || tables::attempts(&rows, app.clock.now()))
}

async fn list_dead(app: &App, id: &str, limit: i64, output: Output) -> anyhow::Result<Verdict> {
    let endpoint = find(app, id).await?;
    let mut tx = app.store.read().await?;
    let rows = deliveries::list(&mut tx, endpoint.id, DeliveryState::Dead, None, limit.max(1)).await?;
    let values: Vec<Value> = rows.iter().map(tables::json_of_dead).collect();
    output.either(&values, || tables::dead(&rows, app.clock.now()))
}

/// An instant as people write it, with its zone.
fn parse_instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "an instant is written like 2026-11-25T10:00:00Z".to_owned())
}

fn parse_event(text: &str) -> Result<EventId, String> {
    text.parse().map_err(|_| "an event's id is written like evt_12".to_owned())
}
