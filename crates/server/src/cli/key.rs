//! `linekeeper key`: API keys, shown once; and the keys that seal tokens and PINs at rest.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use domain::ids::AccountId;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use server::App;
use server::messages::utc;
use server::seal::Keyring;
use server::store::api_keys::{self, ApiKey, NewApiKey, Scope};
use server::store::ids::ApiKeyId;
use server::store::reseal::reseal;

use super::Verdict;
use super::open::{self, From};
use super::output::{Output, listing, table};

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
    /// Make an API key; its secret is shown once and cannot be shown again.
    #[command(after_help = "Example:\n  linekeeper key create --account 1 --scope operate --name helpdesk")]
    Create(Create),
    /// List the API keys; their secrets are not known.
    #[command(after_help = "Example:\n  linekeeper key list --account 1 --json")]
    List {
        /// Only those of this account.
        #[arg(long)]
        account: Option<i64>,
    },
    /// Withdraw an API key at once; browsers that signed in with it are signed out.
    #[command(after_help = "Example:\n  linekeeper key revoke key_0198b2a1c3d47e6f8a9b0c1d2e3f4a5b")]
    Revoke {
        /// Its id, as `key list` shows it.
        id: String,
    },
    /// Make a seal key. Written in front of those there are: the first seals, all open.
    #[command(after_help = "Example:\n  linekeeper key seal --new --file linekeeper.keys")]
    Seal {
        /// Make a new one.
        #[arg(long, required = true)]
        new: bool,
        /// Where the keys are kept.
        #[arg(long, value_name = "FILE", default_value = "linekeeper.keys", env = "LINEKEEPER_SEAL_KEY_FILE")]
        file: PathBuf,
    },
    /// Seal everything anew with the newest seal key, so that older ones can be thrown away.
    #[command(after_help = "Example:\n  linekeeper key seal --new && linekeeper key rotate")]
    Rotate,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("whom").required(true))]
pub(super) struct Create {
    /// The account it opens.
    #[arg(long, group = "whom")]
    account: Option<i64>,
    /// It opens the whole installation.
    #[arg(long, group = "whom")]
    operator: bool,
    /// What it allows: seeing; seeing and pressing buttons; all, keys and deletion included.
    #[arg(long, value_parser = ["read", "operate", "admin"], default_value = "operate")]
    scope: String,
    /// Its name, for people: who or what holds it.
    #[arg(long)]
    name: String,
}

impl Key {
    pub(super) async fn run(self, from: &From, output: Output) -> anyhow::Result<Verdict> {
        if let Self::Seal { new: _, file } = &self {
            return seal(file, output);
        }
        let app = from.app().await?;
        let verdict = match self {
            Self::Create(create) => create.run(&app, output).await,
            Self::List { account } => list(&app, account, output).await,
            Self::Revoke { id } => revoke(&app, &id, output).await,
            Self::Seal { .. } => Ok(Verdict::Well),
            Self::Rotate => rotate(&app, output).await,
        };
        app.stop().await;
        verdict
    }
}

impl Create {
    async fn run(self, app: &App, output: Output) -> anyhow::Result<Verdict> {
        let account_id = match self.account {
            Some(id) => Some(open::account(app, id).await?.id),
            None => None,
        };
        let scope = Scope::parse(&self.scope).context("a scope is read, operate or admin")?;
        let secret = api_keys::fresh_secret();
        let mut tx = app.store.write().await?;
        let new = NewApiKey { account_id, name: self.name, scope };
        let id = api_keys::insert(&mut tx, &new, &secret, app.clock.now()).await?;
        tx.commit().await?;
        let value = json!({ "id": id.to_string(), "secret": secret.expose_secret() });
        output.either(&value, || {
            let secret = secret.expose_secret();
            format!("{secret}\n\nThis is the only time it is shown. Revoke it with: linekeeper key revoke {id}")
        })
    }
}

async fn list(app: &App, account: Option<i64>, output: Output) -> anyhow::Result<Verdict> {
    let mut tx = app.store.read().await?;
    let keys = api_keys::list(&mut tx, account.map(AccountId)).await?;
    let values: Vec<Value> = keys.iter().map(json_of).collect();
    output.either(&values, || {
        let mut table = table(["key", "name", "opens", "scope", "made", "last used", "revoked"]);
        for key in &keys {
            let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "–".to_owned(), utc);
            table.add_row([
                key.id.to_string(),
                key.name.clone(),
                key.account_id.map_or_else(|| "everything".to_owned(), |id| format!("account {id}")),
                key.scope.as_str().to_owned(),
                utc(key.created_at),
                time(key.last_used_at),
                time(key.revoked_at),
            ]);
        }
        listing(&table, "There is no key. Make one: linekeeper key create --operator --scope admin --name me")
    })
}

fn json_of(key: &ApiKey) -> Value {
    json!({
        "id": key.id.to_string(), "name": key.name, "account_id": key.account_id.map(|id| id.0),
        "scope": key.scope.as_str(), "created_at": key.created_at, "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
    })
}

async fn revoke(app: &App, id: &str, output: Output) -> anyhow::Result<Verdict> {
    let parsed: ApiKeyId =
        id.parse().with_context(|| format!("\"{id}\" is no key's id; `linekeeper key list` shows them"))?;
    let mut tx = app.store.write().await?;
    let revoked = api_keys::revoke(&mut tx, parsed, app.clock.now()).await?;
    tx.commit().await?;
    ensure!(revoked, "there is no key {id} to revoke; `linekeeper key list` shows those there are");
    output.either(&json!({ "id": id, "revoked": true }), || format!("{id} is revoked."))
}

/// Writes a fresh key as the first line; keeps what the file held.
fn seal(file: &Path, output: Output) -> anyhow::Result<Verdict> {
    let before = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
    };
    if !before.trim().is_empty() {
        Keyring::parse(&before.clone().into())
            .with_context(|| format!("{} is there and holds no keys; nothing was changed", file.display()))?;
    }
    let fresh = Keyring::generate();
    let id = hex::encode(Keyring::parse(&fresh)?.current());
    write_privately(file, &format!("{}\n{before}", fresh.expose_secret()))?;
    let is_first = before.trim().is_empty();
    output.either(&json!({ "key": id, "file": file, "first": is_first }), || {
        let next = if is_first {
            "Keep a copy where backups of the database are not: without it no token and no PIN can be read."
        } else {
            "Restart the service, then seal everything anew: linekeeper key rotate"
        };
        format!("Seal key {id} is in {}. {next}", file.display())
    })
}

/// Beside the file, for its owner only, then in its place: a crash leaves the old keys or the new.
pub(super) fn write_privately(file: &Path, text: &str) -> anyhow::Result<()> {
    let beside = file.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&beside)?;
        out.write_all(text.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&beside, file)
    };
    write().with_context(|| format!("{} cannot be written", file.display()))
}

async fn rotate(app: &App, output: Output) -> anyhow::Result<Verdict> {
    const AT_ONCE: i64 = 200;
    let bar = output.counter("secrets sealed anew");
    let mut total = 0;
    loop {
        let mut tx = app.store.write().await?;
        let sealed = reseal(&mut tx, AT_ONCE).await?;
        tx.commit().await?;
        if sealed == 0 {
            break;
        }
        total += sealed;
        bar.set_position(total);
    }
    bar.finish_and_clear();
    let current = hex::encode(app.store.keyring().current());
    output.either(&json!({ "sealed": total, "key": current }), || {
        format!("{total} secrets were sealed anew; everything is sealed with key {current}. Older keys can go.")
    })
}
