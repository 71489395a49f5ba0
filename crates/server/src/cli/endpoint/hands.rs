//! What a person does to an endpoint. Secrets are read from standard input: arguments are seen by everybody
//! on the machine.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use anyhow::{Context as _, ensure};
use domain::delivery::Format;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use server::App;
use server::flows::endpoints::{self, Wanted, Wish, replay, view};
use server::messages as catalogue;
use server::store::deliveries::replay::Which;
use server::store::endpoints::Endpoint;
use server::store::ids::EventId;

use super::{find, parse_event, parse_instant, show, tables};
use crate::cli::Verdict;
use crate::cli::open;
use crate::cli::output::Output;

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
    /// The account whose events it gets.
    #[arg(long)]
    account: i64,
    /// Only those of this inbox.
    #[arg(long)]
    inbox: Option<i64>,
    /// As Meta posts them, or by Standard Webhooks.
    #[arg(long, value_parser = ["meta", "standard"])]
    format: String,
    /// Where events are posted to.
    #[arg(long)]
    url: SecretString,
    #[command(flatten)]
    rest: Rest,
    /// Read secret, `verify_token` and headers from standard input, as a JSON object.
    #[arg(long)]
    secrets: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Change {
    /// Its id.
    id: String,
    /// Where events are posted to from now on.
    #[arg(long)]
    url: Option<SecretString>,
    #[command(flatten)]
    rest: Rest,
    /// Read headers and `verify_token` from standard input, as a JSON object; headers that are not named are gone.
    #[arg(long)]
    secrets: bool,
}

#[derive(Debug, clap::Args)]
struct Rest {
    /// Its name; the host of its address unless named.
    #[arg(long)]
    name: Option<String>,
    /// What it gets: messages, statuses, templates, calls, account, coexistence, announcements, other.
    #[arg(long, value_delimiter = ',')]
    kinds: Option<Vec<String>>,
    /// Posts a second, at most; 0 is no limit.
    #[arg(long)]
    per_second: Option<u32>,
}

impl Rest {
    fn wish(self, url: Option<SecretString>, secrets: Secrets) -> Wish {
        let Secrets { verify_token, headers, .. } = secrets;
        Wish { name: self.name, url, kinds: self.kinds, headers, per_second: self.per_second, verify_token }
    }
}

/// What comes on standard input.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Secrets {
    secret: Option<SecretString>,
    verify_token: Option<SecretString>,
    headers: Option<BTreeMap<String, SecretString>>,
}

impl Secrets {
    fn read(is_asked: bool) -> anyhow::Result<Self> {
        if !is_asked {
            return Ok(Self::default());
        }
        let mut text = zeroize::Zeroizing::new(String::new());
        io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        serde_json::from_str(&text).ok().context(
            "standard input holds no such secrets; write {\"secret\": \"…\", \"verify_token\": \"…\", \
             \"headers\": {\"name\": \"value\"}}, and leave out what is not needed",
        )
    }
}

impl Create {
    pub(super) async fn run(self, app: &App, output: Output) -> anyhow::Result<Verdict> {
        let mut secrets = Secrets::read(self.secrets)?;
        let account = open::account(app, self.account).await?.id;
        let inbox = match self.inbox {
            Some(id) => Some(open::channel(app, id).await?.id),
            None => None,
        };
        let wanted = Wanted {
            account,
            inbox,
            format: Format::parse(&self.format).context("a format is meta or standard")?,
            secret: secrets.secret.take(),
            wish: self.rest.wish(Some(self.url), secrets),
        };
        let (made, secret) = endpoints::create(app, wanted).await?;
        tell_secret(app, made, &secret, output).await
    }
}

impl Change {
    pub(super) async fn run(self, app: &App, output: Output) -> anyhow::Result<Verdict> {
        let endpoint = find(app, &self.id).await?;
        let secrets = Secrets::read(self.secrets)?;
        ensure!(
            secrets.secret.is_none(),
            "a secret is not changed here, but with: linekeeper endpoint rotate {}",
            self.id
        );
        let changed = endpoints::change(app, &endpoint, self.rest.wish(self.url, secrets)).await?;
        show(app, changed, output).await
    }
}

async fn tell_secret(app: &App, endpoint: Endpoint, secret: &SecretString, output: Output) -> anyhow::Result<Verdict> {
    let view = view::now(app, endpoint).await?;
    let mut value = tables::json_of(&view);
    if let Some(members) = value.as_object_mut() {
        members.insert("secret".to_owned(), Value::from(secret.expose_secret()));
    }
    output.either(&value, || {
        let (secret, id) = (secret.expose_secret(), view.endpoint.id);
        format!("{secret}\n\nThis is the only time the secret of {id} is shown: what it gets is signed with it.")
    })
}

pub(super) async fn delete(app: &App, id: &str, is_sure: bool, output: Output) -> anyhow::Result<Verdict> {
    let view = view::now(app, find(app, id).await?).await?;
    let name = &view.endpoint.settings.name;
    ensure!(
        is_sure,
        "endpoint {id} ({name}) would be deleted with {} events that wait, {} dead letters and the record of what it was \
         sent; the events themselves stay. If that is meant: linekeeper endpoint delete {id} --yes",
        view.counts.waiting + view.counts.replayed,
        view.counts.dead
    );
    endpoints::delete(app, &view.endpoint).await?;
    output.either(&json!({ "id": id, "deleted": true }), || format!("Endpoint {id} ({name}) is deleted."))
}

pub(super) async fn test(app: &App, id: &str, output: Output) -> anyhow::Result<Verdict> {
    let made = endpoints::test(app, &find(app, id).await?).await;
    output.either(&tables::json_of_attempt(&made), || {
        let status = made.status.map_or_else(String::new, |status| format!(", HTTP {status}"));
        let said = made.answer.as_ref().map_or_else(String::new, |said| format!("\n{said}"));
        format!("{}{status}, in {} ms{said}", catalogue::delivery(&made.outcome), made.millis)
    })?;
    Ok(if made.outcome == "delivered" { Verdict::Well } else { Verdict::NotWell })
}

pub(super) async fn rotate(app: &App, id: &str, is_brought: bool, output: Output) -> anyhow::Result<Verdict> {
    let endpoint = find(app, id).await?;
    let secrets = Secrets::read(is_brought)?;
    let (changed, secret) = endpoints::rotate(app, &endpoint, secrets.secret).await?;
    tell_secret(app, changed, &secret, output).await
}

pub(super) async fn enable(app: &App, id: &str, from_now: bool, output: Output) -> anyhow::Result<Verdict> {
    let enabled = endpoints::enable(app, &find(app, id).await?, from_now).await?;
    show(app, enabled, output).await
}

pub(super) async fn disable(app: &App, id: &str, output: Output) -> anyhow::Result<Verdict> {
    let disabled = endpoints::disable(app, &find(app, id).await?).await?;
    show(app, disabled, output).await
}

pub(super) async fn discard(app: &App, id: &str, is_sure: bool, output: Output) -> anyhow::Result<Verdict> {
    let view = view::now(app, find(app, id).await?).await?;
    ensure!(
        is_sure,
        "{} dead letters of endpoint {id} would be forgotten; send them again with `linekeeper endpoint replay {id} \
         --dead`, or forget them with: linekeeper endpoint dead {id} --discard --yes",
        view.counts.dead
    );
    let forgotten = replay::discard_dead(app, &view.endpoint).await?;
    output.either(&json!({ "id": id, "events": forgotten }), || format!("{forgotten} dead letters are forgotten."))
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true))]
pub(in crate::cli) struct Replay {
    /// The endpoint's id.
    id: String,
    /// This event.
    #[arg(long, group = "which", value_parser = parse_event)]
    event: Option<EventId>,
    /// Every event received from here on.
    #[arg(long, group = "which", value_parser = parse_instant)]
    from: Option<Timestamp>,
    /// And before here; until now when left out.
    #[arg(long, requires = "from", value_parser = parse_instant)]
    to: Option<Timestamp>,
    /// Every dead letter.
    #[arg(long, group = "which")]
    dead: bool,
}

impl Replay {
    pub(super) async fn run(self, app: &App, output: Output) -> anyhow::Result<Verdict> {
        let endpoint = find(app, &self.id).await?;
        let which = match (self.event, self.from) {
            (Some(event), _) => Which::Event(event),
            (None, Some(from)) => Which::Between(from, self.to.unwrap_or_else(|| app.clock.now())),
            (None, None) => Which::DeadLetters,
        };
        let bar = output.counter("events marked");
        let marked = replay::ask(app, &endpoint, which, &|marked| bar.set_position(marked)).await?;
        bar.finish_and_clear();
        output.either(&json!({ "id": self.id, "events": marked }), || {
            format!("{marked} events will be sent again, behind everything else.")
        })
    }
}
