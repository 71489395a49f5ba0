//! `linekeeper migrate`: shows what is pending and applies it.

use serde_json::json;
use server::config::Config;
use server::store::{Error, Store};

use super::Verdict;
use super::open::{From, keyring};
use super::output::Output;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper migrate             apply what is pending; makes an SQLite file where there is none
  linekeeper migrate --dry-run   only say what is pending; exit status 3 when something is";

#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// Only say what is pending.
    #[arg(long)]
    dry_run: bool,
}

/// How far the tables are.
enum State {
    /// There is no database file.
    Missing,
    /// At one version, needing another.
    Behind { at: i64, needed: i64 },
    /// Nothing to do.
    Current,
}

impl Migrate {
    pub(super) async fn run(self, from: &From, output: Output) -> anyhow::Result<Verdict> {
        let config = from.config()?;
        let before = state(&config).await?;
        let is_current = matches!(before, State::Current);
        let found = match &before {
            State::Missing => "There is no database yet.".to_owned(),
            State::Behind { at, needed } => format!("The tables are at version {at}; this program needs {needed}."),
            State::Current => "The tables are up to date.".to_owned(),
        };
        if self.dry_run {
            let advice = if is_current { "" } else { " `linekeeper migrate` mends that." };
            output.either(&json!({ "up_to_date": is_current, "found": found }), || format!("{found}{advice}"))?;
            return Ok(if is_current { Verdict::Well } else { Verdict::NotWell });
        }
        if !is_current {
            Store::open_and_migrate(&config.database, keyring(&config)?).await?.close().await;
        }
        let done = if is_current { "" } else { " Done: its tables are up to date." };
        output
            .either(&json!({ "up_to_date": true, "changed": !is_current, "found": found }), || format!("{found}{done}"))
    }
}

async fn state(config: &Config) -> anyhow::Result<State> {
    match Store::open(&config.database, keyring(config)?).await {
        Ok(store) => {
            store.close().await;
            Ok(State::Current)
        }
        Err(Error::Missing(_)) => Ok(State::Missing),
        Err(Error::Pending { found, needed }) => Ok(State::Behind { at: found, needed }),
        Err(error) => Err(error.into()),
    }
}
