//! `linekeeper endpoint`: the addresses that events are forwarded to, their deliveries, and replays.
//!
//! Beside: [`mod@actions`] (changes an endpoint), [`mod@tables`] (how an endpoint is printed).

use serde_json::Value;
use server::App;
use server::flows::forwarding::endpoints::view;
use server::store::accounts;
use server::store::deliveries::{self, DeliveryState, attempts};

use super::context::ConfigSource;
use super::lookup;
use super::output::{CommandStatus, Output};

mod actions;
mod tables;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper endpoint create --account 1 --url https://hooks.example.com/whatsapp --format standard
  linekeeper endpoint list --account 1
  linekeeper endpoint test end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b
  linekeeper endpoint deliveries end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b --failed
  linekeeper endpoint replay end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b --dead";

/// Default number of rows in a list.
const DEFAULT_LIMIT: i64 = 50;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Endpoint {
    /// List endpoints and their status.
    #[command(after_help = "Example:\n  linekeeper endpoint list --account 1 --inbox 7 --json")]
    List {
        /// Only endpoints of this account.
        #[arg(long)]
        account: Option<i64>,
        /// Only endpoints that receive this inbox's events.
        #[arg(long, conflicts_with = "account")]
        inbox: Option<i64>,
    },
    /// Show one endpoint: its settings, its status and its backlog.
    #[command(after_help = "Example:\n  linekeeper endpoint show end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b")]
    Show {
        /// Id of the endpoint, as `endpoint list` shows it.
        id: String,
    },
    /// Create an endpoint. The secret that signs its requests is shown once and cannot be shown again.
    #[command(after_help = actions::CREATE_EXAMPLES)]
    Create(actions::Create),
    /// Change an endpoint. Settings that are not given stay as they are.
    #[command(after_help = actions::CHANGE_EXAMPLES)]
    Change(actions::Change),
    /// Delete an endpoint, its pending deliveries and its dead letters.
    #[command(after_help = "Example:\n  linekeeper endpoint delete end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b --yes")]
    Delete {
        /// Id of the endpoint.
        id: String,
        /// Confirm the deletion. Without it, the command prints what would be deleted.
        #[arg(long)]
        yes: bool,
    },
    /// Send a test event to an endpoint now.
    #[command(
        after_help = "Example:\n  linekeeper endpoint test end_…      exit status 3 unless the endpoint accepted it"
    )]
    Test {
        /// Id of the endpoint.
        id: String,
    },
    /// Replace the signing secret. The previous secret also signs for 24 hours.
    #[command(after_help = actions::ROTATE_EXAMPLES)]
    Rotate {
        /// Id of the endpoint.
        id: String,
        /// Read the new secret from standard input, as {"secret": "…"}. Without it, one is generated.
        #[arg(long)]
        secrets: bool,
    },
    /// Enable an endpoint. Delivery continues at its cursor, or with --from-now at the next event.
    #[command(after_help = "Example:\n  linekeeper endpoint enable end_… --from-now")]
    Enable {
        /// Id of the endpoint.
        id: String,
        /// Skip the events that arrived while the endpoint was disabled.
        #[arg(long)]
        from_now: bool,
    },
    /// Disable an endpoint. Nothing is sent to it, and its cursor is kept.
    #[command(after_help = "Example:\n  linekeeper endpoint disable end_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b")]
    Disable {
        /// Id of the endpoint.
        id: String,
    },
    /// List delivery attempts of an endpoint and its responses, newest first.
    #[command(after_help = "Example:\n  linekeeper endpoint deliveries end_… --failed --limit 200")]
    Deliveries {
        /// Id of the endpoint.
        id: String,
        /// Show failed attempts only.
        #[arg(long)]
        failed: bool,
        /// Maximum number of rows.
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: i64,
    },
    /// List dead letters: events, messages and statuses whose retries are exhausted. Or discard them.
    #[command(
        after_help = "Examples:\n  linekeeper endpoint dead-letters end_…\n  linekeeper endpoint dead-letters end_… --discard --yes"
    )]
    DeadLetters {
        /// Id of the endpoint.
        id: String,
        /// Maximum number of rows.
        #[arg(long, default_value_t = DEFAULT_LIMIT)]
        limit: i64,
        /// Discard all of them.
        #[arg(long)]
        discard: bool,
        /// Confirm the discarding. Without it, the command prints what would be discarded.
        #[arg(long, requires = "discard")]
        yes: bool,
    },
    /// Replay events to an endpoint: one event, the events of a time range, or the dead letters.
    #[command(after_help = actions::REPLAY_EXAMPLES)]
    Replay(actions::Replay),
}

impl Endpoint {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        let app = source.app().await?;
        let status = match self {
            Self::List { account, inbox } => list(&app, account, inbox, output).await,
            Self::Show { id } => actions::print_endpoint(&app, lookup::endpoint(&app, &id).await?, output).await,
            Self::Create(create) => create.run(&app, output).await,
            Self::Change(change) => change.run(&app, output).await,
            Self::Delete { id, yes } => actions::delete(&app, &id, yes, output).await,
            Self::Test { id } => actions::test(&app, &id, output).await,
            Self::Rotate { id, secrets } => actions::rotate(&app, &id, secrets, output).await,
            Self::Enable { id, from_now } => actions::enable(&app, &id, from_now, output).await,
            Self::Disable { id } => actions::disable(&app, &id, output).await,
            Self::Deliveries { id, failed, limit } => list_deliveries(&app, &id, failed, limit, output).await,
            Self::DeadLetters { id, discard: true, yes, .. } => actions::discard(&app, &id, yes, output).await,
            Self::DeadLetters { id, limit, .. } => list_dead_letters(&app, &id, limit, output).await,
            Self::Replay(replay) => replay.run(&app, output).await,
        };
        app.stop().await;
        status
    }
}

async fn list(app: &App, account: Option<i64>, inbox: Option<i64>, output: Output) -> anyhow::Result<CommandStatus> {
    let mut views = Vec::new();
    if let Some(inbox) = inbox {
        let channel = lookup::inbox(app, inbox).await?;
        views.extend(view::list(app, channel.account_id, Some(channel.id)).await?);
    } else {
        let ids = match account {
            Some(id) => vec![lookup::account(app, id).await?.id],
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
    output.print(&values, || tables::list(&views, app.clock.now()))
}

async fn list_deliveries(
    app: &App,
    id: &str,
    only_failed: bool,
    limit: i64,
    output: Output,
) -> anyhow::Result<CommandStatus> {
    let endpoint = lookup::endpoint(app, id).await?;
    let mut tx = app.store.read().await?;
    let rows = attempts::list(&mut tx, endpoint.id, None, only_failed, limit.max(1)).await?;
    let values: Vec<Value> = rows.iter().map(tables::json_of_attempt).collect();
    output.print(&values, || tables::attempts(&rows, app.clock.now()))
}

async fn list_dead_letters(app: &App, id: &str, limit: i64, output: Output) -> anyhow::Result<CommandStatus> {
    let endpoint = lookup::endpoint(app, id).await?;
    let mut tx = app.store.read().await?;
    let rows = deliveries::list(&mut tx, endpoint.id, DeliveryState::Dead, None, limit.max(1)).await?;
    let values: Vec<Value> = rows.iter().map(tables::json_of_dead_letter).collect();
    output.print(&values, || tables::dead_letters(&rows, app.clock.now()))
}
