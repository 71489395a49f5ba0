//! `linekeeper key`: API keys, whose secrets are shown once; and the seal keys that encrypt tokens and PINs in the
//! database ([`mod@seal_file`]).

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use domain::ids::AccountId;
use domain::name::Name;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use server::App;
use server::flows::admin::{self, CreatedApiKey};
use server::messages::utc;
use server::store::api_keys::{self, ApiKey, NewApiKey, Scope};
use server::store::ids::ApiKeyId;
use server::store::reseal::Unopened;

use super::context::ConfigSource;
use super::lookup;
use super::output::{CommandStatus, Output, table, table_or};

pub(super) mod seal_file;

/// How many values that cannot be decrypted a rotation names for people.
const MAX_NAMED: usize = 20;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper key create --account 1 --scope operate --name helpdesk
  linekeeper key create --operator --scope admin --name me
  linekeeper key list
  linekeeper key revoke key_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b
  linekeeper key seal --new
  linekeeper key rotate";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Key {
    /// Create an API key. Its secret is shown once and cannot be shown again.
    #[command(after_help = "Example:\n  linekeeper key create --account 1 --scope operate --name helpdesk")]
    Create(Create),
    /// List API keys, without their secrets.
    #[command(after_help = "Example:\n  linekeeper key list --account 1 --json")]
    List {
        /// Only keys of this account.
        #[arg(long)]
        account: Option<i64>,
    },
    /// Revoke an API key at once. Browsers that signed in with it are signed out.
    #[command(after_help = "Example:\n  linekeeper key revoke key_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b")]
    Revoke {
        /// Id of the key, as `key list` shows it.
        id: String,
    },
    /// Create a seal key and write it as the first line of the key file. The first key encrypts, every key decrypts.
    #[command(after_help = "Example:\n  linekeeper key seal --new --file linekeeper.keys")]
    Seal {
        /// Create a new key.
        #[arg(long, required = true)]
        new: bool,
        /// Path of the key file.
        #[arg(long, value_name = "FILE", default_value = "linekeeper.keys", env = "LINEKEEPER_SEAL_KEY_FILE")]
        file: PathBuf,
    },
    /// Encrypt everything again with the first seal key, so that older keys can be removed from the key file. Works beside a
    /// running service, which takes the new key from the file by itself. Exit status 3 if something cannot be decrypted.
    #[command(after_help = "Example:\n  linekeeper key seal --new && linekeeper key rotate")]
    Rotate,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("access").required(true))]
pub(super) struct Create {
    /// Give access to this account.
    #[arg(long, group = "access")]
    account: Option<i64>,
    /// Give access to the whole installation.
    #[arg(long, group = "access")]
    operator: bool,
    /// Permissions: read; operate (read, and every action on numbers); admin (everything, including keys and
    /// deletion).
    #[arg(long, value_parser = ["read", "operate", "admin"], default_value = "operate")]
    scope: String,
    /// Name of the key: the person or program that uses it.
    #[arg(long)]
    name: Name,
}

impl Key {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        if let Self::Seal { new: _, file } = &self {
            return seal_file::add_key(file, output);
        }
        let app = source.app().await?;
        let status = match self {
            Self::Create(create) => create.run(&app, output).await,
            Self::List { account } => list(&app, account, output).await,
            Self::Revoke { id } => revoke(&app, &id, output).await,
            Self::Seal { .. } => Ok(CommandStatus::Success),
            Self::Rotate => rotate(&app, output).await,
        };
        app.stop().await;
        status
    }
}

impl Create {
    async fn run(self, app: &App, output: Output) -> anyhow::Result<CommandStatus> {
        let account_id = lookup::account_filter(app, self.account).await?;
        let scope = Scope::parse(&self.scope).context("a scope is read, operate or admin")?;
        let new = NewApiKey { account_id, name: self.name.into_string(), scope };
        let CreatedApiKey { id, secret, .. } = admin::create_api_key(app, &new).await?;
        let value = json!({ "id": id.to_string(), "secret": secret.expose_secret() });
        output.print(&value, || {
            let secret = secret.expose_secret();
            format!("{secret}\n\nThe secret is shown only now. Revoke the key with: linekeeper key revoke {id}")
        })
    }
}

async fn list(app: &App, account: Option<i64>, output: Output) -> anyhow::Result<CommandStatus> {
    let mut tx = app.store.read().await?;
    let keys = api_keys::list(&mut tx, account.map(AccountId)).await?;
    let values: Vec<Value> = keys.iter().map(json_of).collect();
    output.print(&values, || {
        let mut table = table(["key", "name", "access", "scope", "created", "last used", "revoked"]);
        for key in &keys {
            let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "–".to_owned(), utc);
            table.add_row([
                key.id.to_string(),
                key.name.clone(),
                key.account_id.map_or_else(|| "installation".to_owned(), |id| format!("account {id}")),
                key.scope.as_str().to_owned(),
                utc(key.created_at),
                time(key.last_used_at),
                time(key.revoked_at),
            ]);
        }
        table_or(
            &table,
            "There is no API key. Create one with: linekeeper key create --operator --scope admin --name me",
        )
    })
}

fn json_of(key: &ApiKey) -> Value {
    json!({
        "id": key.id.to_string(), "name": key.name, "account_id": key.account_id.map(|id| id.0),
        "scope": key.scope.as_str(), "created_at": key.created_at, "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    })
}

async fn revoke(app: &App, id: &str, output: Output) -> anyhow::Result<CommandStatus> {
    let parsed: ApiKeyId =
        id.parse().with_context(|| format!("\"{id}\" is not a key's id; `linekeeper key list` shows the ids"))?;
    let revoked = admin::revoke_api_key(app, None, parsed).await?;
    ensure!(revoked, "there is no active key {id}; `linekeeper key list` shows the existing keys");
    output.print(&json!({ "id": id, "revoked": true }), || format!("Revoked key {id}."))
}

/// Encrypts everything with the first seal key.
async fn rotate(app: &App, output: Output) -> anyhow::Result<CommandStatus> {
    let bar = output.counter("values encrypted again");
    let resealed = admin::reseal(app, &|count| bar.set_position(count)).await?;
    bar.finish_and_clear();
    let key = hex::encode(resealed.key);
    let Unopened { values, events } = &resealed.unopened;
    let unopened: Vec<&String> = values.values().collect();
    let is_complete = unopened.is_empty() && *events == 0;
    let value = json!({
        "sealed": resealed.count, "key": key, "unopened": unopened, "unopened_events": events,
    });
    output.print(&value, || {
        let done = format!("Encrypted {} values again with key {key}.", resealed.count);
        if is_complete {
            return format!("{done} Nothing needs an older key; older keys can be removed from the key file.");
        }
        let mut lines =
            vec![done, "These cannot be decrypted with any key of the key file and stay as they are:".to_owned()];
        lines.extend(unopened.iter().take(MAX_NAMED).map(|cause| format!("  {cause}")));
        let others = unopened.len().saturating_sub(MAX_NAMED);
        lines.extend((others > 0).then(|| format!("  and {others} other values (--json lists all)")));
        lines.extend(
            (*events > 0).then(|| format!("  {events} stored events; they are in quarantine, and the log names each")),
        );
        lines.push("If a key was lost, add it to the key file and rotate again.".to_owned());
        lines.join("\n")
    })?;
    Ok(CommandStatus::success_if(is_complete))
}
