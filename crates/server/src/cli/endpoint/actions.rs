//! Actions on an endpoint: create, change, delete, test, enable, disable, replay. Secrets are read from standard
//! input, because every user of the machine can see a program's arguments.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use anyhow::{Context as _, ensure};
use domain::delivery::AttemptOutcome;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use server::App;
use server::flows::forwarding::endpoints::{self, CreateEndpoint, EndpointPatch, replay, view};
use server::messages as catalogue;
use server::store::deliveries::replay::ReplaySelector;
use server::store::endpoints::Endpoint;
use server::store::ids::EventId;

use super::tables;
use crate::cli::lookup;
use crate::cli::output::{CommandStatus, Output};

pub(super) const CREATE_EXAMPLES: &str = "\
Examples:
  linekeeper endpoint create --account 1 --url https://hooks.example.com/whatsapp --format standard
  linekeeper endpoint create --account 1 --inbox 7 --url https://hooks.example.com/meta --format meta \\
      --kinds messages,statuses --name Helpdesk --per-second 20
  echo '{\"verify_token\": \"…\", \"headers\": {\"authorization\": \"Bearer …\"}}' | \\
      linekeeper endpoint create --account 1 --url https://hooks.example.com/ --format meta --secrets";

pub(super) const CHANGE_EXAMPLES: &str = "\
Examples:
  linekeeper endpoint change end_… --url https://new.example.com/whatsapp
  linekeeper endpoint change end_… --kinds messages --per-second 0
  echo '{\"verify_token\": \"…\"}' | linekeeper endpoint change end_… --url https://new.example.com/meta --secrets
  echo '{\"headers\": {}}' | linekeeper endpoint change end_… --secrets";

pub(super) const ROTATE_EXAMPLES: &str = "\
Examples:
  linekeeper endpoint rotate end_…
  echo '{\"secret\": \"whsec_…\"}' | linekeeper endpoint rotate end_… --secrets";

pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  linekeeper endpoint replay end_… --event evt_12
  linekeeper endpoint replay end_… --from 2026-11-25T10:00:00Z --to 2026-11-25T11:00:00Z
  linekeeper endpoint replay end_… --dead";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Create {
    /// Account whose events are forwarded.
    #[arg(long)]
    account: i64,
    /// Forward only events of this inbox.
    #[arg(long)]
    inbox: Option<i64>,
    /// `meta`: webhooks as Meta sends them. `standard`: the Standard Webhooks format.
    #[arg(long, value_parser = ["meta", "standard"])]
    format: String,
    /// Address that receives the events.
    #[arg(long)]
    url: SecretString,
    #[command(flatten)]
    options: Options,
    /// Read secret, `verify_token` and headers from standard input, as a JSON object.
    #[arg(long)]
    secrets: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Change {
    /// Id of the endpoint.
    id: String,
    /// New address that receives the events.
    #[arg(long)]
    url: Option<SecretString>,
    #[command(flatten)]
    options: Options,
    /// Read headers and `verify_token` from standard input, as a JSON object. The headers replace all earlier ones.
    #[arg(long)]
    secrets: bool,
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Name of the endpoint. Default: the host of its address.
    #[arg(long)]
    name: Option<String>,
    /// Kinds of events to forward: messages, statuses, templates, calls, account, coexistence, announcements, other.
    #[arg(long, value_delimiter = ',')]
    kinds: Option<Vec<String>>,
    /// Maximum requests per second; 0 means no limit.
    #[arg(long)]
    per_second: Option<u32>,
}

impl Options {
    fn patch(self, url: Option<SecretString>, secrets: Secrets) -> EndpointPatch {
        let Secrets { verify_token, headers, .. } = secrets;
        EndpointPatch { name: self.name, url, kinds: self.kinds, headers, per_second: self.per_second, verify_token }
    }
}

/// Secret settings, from standard input.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Secrets {
    secret: Option<SecretString>,
    verify_token: Option<SecretString>,
    headers: Option<BTreeMap<String, SecretString>>,
}

impl Secrets {
    fn read(is_requested: bool) -> anyhow::Result<Self> {
        if !is_requested {
            return Ok(Self::default());
        }
        let mut text = zeroize::Zeroizing::new(String::new());
        io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        serde_json::from_str(&text).ok().context(
            "standard input must be a JSON object like {\"secret\": \"…\", \"verify_token\": \"…\", \
             \"headers\": {\"name\": \"value\"}}; every member is optional",
        )
    }
}

impl Create {
    pub(super) async fn run(self, app: &App, output: Output) -> anyhow::Result<CommandStatus> {
        let mut secrets = Secrets::read(self.secrets)?;
        let account = lookup::account(app, self.account).await?.id;
        let inbox = match self.inbox {
            Some(id) => Some(lookup::inbox(app, id).await?.id),
            None => None,
        };
        let wanted = CreateEndpoint {
            account,
            inbox,
            format: self.format.parse().ok().context("a format is meta or standard")?,
            secret: secrets.secret.take(),
            settings: self.options.patch(Some(self.url), secrets),
        };
        let (created, secret) = endpoints::create(app, wanted).await?;
        print_with_secret(app, created, &secret, output).await
    }
}

impl Change {
    pub(super) async fn run(self, app: &App, output: Output) -> anyhow::Result<CommandStatus> {
        let endpoint = lookup::endpoint(app, &self.id).await?;
        let secrets = Secrets::read(self.secrets)?;
        ensure!(
            secrets.secret.is_none(),
            "this command does not change the secret; use: linekeeper endpoint rotate {}",
            self.id
        );
        let changed = endpoints::patch(app, &endpoint, self.options.patch(self.url, secrets)).await?;
        print_endpoint(app, changed, output).await
    }
}

async fn print_with_secret(
    app: &App,
    endpoint: Endpoint,
    secret: &SecretString,
    output: Output,
) -> anyhow::Result<CommandStatus> {
    let view = view::now(app, endpoint).await?;
    let mut value = tables::json_of(&view);
    if let Some(members) = value.as_object_mut() {
        members.insert("secret".to_owned(), Value::from(secret.expose_secret()));
    }
    output.print(&value, || {
        let (secret, id) = (secret.expose_secret(), view.endpoint.id);
        format!("{secret}\n\nThe secret of endpoint {id} is shown only now. It signs every request to the endpoint.")
    })
}

pub(super) async fn delete(app: &App, id: &str, is_confirmed: bool, output: Output) -> anyhow::Result<CommandStatus> {
    let view = view::now(app, lookup::endpoint(app, id).await?).await?;
    let name = &view.endpoint.settings.name;
    ensure!(
        is_confirmed,
        "this deletes endpoint {id} ({name}) with {} pending deliveries, {} dead letters and its delivery attempts; the events \
         themselves stay. Confirm with: linekeeper endpoint delete {id} --yes",
        view.counts.waiting + view.counts.replayed,
        view.counts.dead
    );
    endpoints::delete(app, &view.endpoint).await?;
    output.print(&json!({ "id": id, "deleted": true }), || format!("Deleted endpoint {id} ({name})."))
}

pub(super) async fn test(app: &App, id: &str, output: Output) -> anyhow::Result<CommandStatus> {
    let attempt = endpoints::send_test(app, &lookup::endpoint(app, id).await?).await;
    output.print(&tables::json_of_attempt(&attempt), || {
        let status = attempt.status.map_or_else(String::new, |status| format!(", HTTP {status}"));
        let answer = attempt.answer.as_ref().map_or_else(String::new, |answer| format!("\n{answer}"));
        format!("{}{status}, in {} ms{answer}", catalogue::delivery(attempt.outcome), attempt.duration_ms)
    })?;
    Ok(CommandStatus::success_if(attempt.outcome == AttemptOutcome::Delivered))
}

pub(super) async fn rotate(app: &App, id: &str, from_stdin: bool, output: Output) -> anyhow::Result<CommandStatus> {
    let endpoint = lookup::endpoint(app, id).await?;
    let secrets = Secrets::read(from_stdin)?;
    let (changed, secret) = endpoints::rotate_secret(app, &endpoint, secrets.secret).await?;
    print_with_secret(app, changed, &secret, output).await
}

pub(super) async fn enable(app: &App, id: &str, from_now: bool, output: Output) -> anyhow::Result<CommandStatus> {
    let enabled = endpoints::enable(app, &lookup::endpoint(app, id).await?, from_now).await?;
    print_endpoint(app, enabled, output).await
}

pub(super) async fn disable(app: &App, id: &str, output: Output) -> anyhow::Result<CommandStatus> {
    let disabled = endpoints::disable(app, &lookup::endpoint(app, id).await?).await?;
    print_endpoint(app, disabled, output).await
}

pub(super) async fn discard(app: &App, id: &str, is_confirmed: bool, output: Output) -> anyhow::Result<CommandStatus> {
    let view = view::now(app, lookup::endpoint(app, id).await?).await?;
    ensure!(
        is_confirmed,
        "this discards {} dead letters of endpoint {id}. Replay them with `linekeeper endpoint replay {id} --dead`, or \
         confirm with: linekeeper endpoint dead-letters {id} --discard --yes",
        view.counts.dead
    );
    let discarded = replay::discard_dead_letters(app, &view.endpoint).await?;
    output.print(&json!({ "id": id, "events": discarded }), || format!("Discarded {discarded} dead letters."))
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("events").required(true))]
pub(in crate::cli) struct Replay {
    /// Id of the endpoint.
    id: String,
    /// Replay one event, by its id.
    #[arg(long, group = "events", value_parser = parse_event)]
    event: Option<EventId>,
    /// Replay every event received at this instant or later.
    #[arg(long, group = "events", value_parser = parse_instant)]
    from: Option<Timestamp>,
    /// End of the time range, exclusive. Default: now.
    #[arg(long, requires = "from", value_parser = parse_instant)]
    to: Option<Timestamp>,
    /// Replay every dead letter.
    #[arg(long, group = "events")]
    dead: bool,
}

impl Replay {
    pub(super) async fn run(self, app: &App, output: Output) -> anyhow::Result<CommandStatus> {
        let endpoint = lookup::endpoint(app, &self.id).await?;
        let selector = match (self.event, self.from) {
            (Some(event), _) => ReplaySelector::Event(event),
            (None, Some(from)) => ReplaySelector::Between(from, self.to.unwrap_or_else(|| app.clock.now())),
            (None, None) => ReplaySelector::DeadLetters,
        };
        let bar = output.counter("events marked for replay");
        let marked = replay::request_replay(app, &endpoint, selector, &|marked| bar.set_position(marked)).await?;
        bar.finish_and_clear();
        output.print(&json!({ "id": self.id, "events": marked }), || {
            format!("Marked {marked} events for replay. New events are delivered before them.")
        })
    }
}

/// Prints an endpoint with its current status.
pub(super) async fn print_endpoint(app: &App, endpoint: Endpoint, output: Output) -> anyhow::Result<CommandStatus> {
    let view = view::now(app, endpoint).await?;
    output.print(&tables::json_of(&view), || tables::page(&view, app.clock.now()))
}

fn parse_instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write an instant like 2026-11-25T10:00:00Z".to_owned())
}

fn parse_event(text: &str) -> Result<EventId, String> {
    text.parse().map_err(|_| "write an event's id like evt_12".to_owned())
}
