//! `linekeeper migrate`: creates the database's tables or brings them up to date.

use serde_json::json;
use server::config::Config;
use server::flows::database::Database;
use server::store::Error;

use super::context::{ConfigSource, keyring};
use super::output::{CommandStatus, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper migrate             apply pending migrations; creates the SQLite file if there is none
  linekeeper migrate --dry-run   only report pending migrations; exit status 3 if there are any";

#[derive(Debug, clap::Args)]
pub(super) struct Migrate {
    /// Only report pending migrations.
    #[arg(long)]
    dry_run: bool,
}

/// State of the database's tables.
enum Schema {
    /// There is no database file.
    Missing,
    /// Migrations are pending between these two versions.
    Outdated {
        found: i64,
        needed: i64,
    },
    Current,
}

impl Migrate {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        let config = source.config()?;
        let before = schema(&config).await?;
        let is_current = matches!(before, Schema::Current);
        let found = match &before {
            Schema::Missing => "There is no database.".to_owned(),
            Schema::Outdated { found, needed } => {
                format!("The database is at version {found}; this program needs version {needed}.")
            }
            Schema::Current => "The database is up to date.".to_owned(),
        };
        if self.dry_run {
            let advice = if is_current { "" } else { " Run `linekeeper migrate`." };
            output.print(&json!({ "up_to_date": is_current, "found": found }), || format!("{found}{advice}"))?;
            return Ok(CommandStatus::success_if(is_current));
        }
        if !is_current {
            Database::open_and_migrate(&config.database, keyring(&config)?).await?.close().await;
        }
        output.print(&json!({ "up_to_date": true, "changed": !is_current, "found": found }), || match before {
            Schema::Missing => "Created the database.".to_owned(),
            Schema::Outdated { found, needed } => format!("Migrated the database from version {found} to {needed}."),
            Schema::Current => found,
        })
    }
}

async fn schema(config: &Config) -> anyhow::Result<Schema> {
    match Database::open(&config.database, keyring(config)?).await {
        Ok(database) => {
            database.close().await;
            Ok(Schema::Current)
        }
        Err(Error::Missing(_)) => Ok(Schema::Missing),
        Err(Error::Pending { found, needed }) => Ok(Schema::Outdated { found, needed }),
        Err(error) => Err(error.into()),
    }
}
