//! `linekeeper account`: the tenants of this installation.

use domain::name::Name;
use serde_json::{Value, json};
use server::App;
use server::flows::admin;
use server::messages::utc;
use server::store::accounts::{self, Account as Row};

use super::context::ConfigSource;
use super::inbox::{load, tables};
use super::lookup;
use super::output::{CommandStatus, Output, table, table_or};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper account create --name \"Example Bakery\"
  linekeeper account list
  linekeeper account show 1";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Account {
    /// Create an account, which is a tenant of this installation.
    #[command(after_help = "Example:\n  linekeeper account create --name \"Example Bakery\"")]
    Create {
        /// Name of the account, shown on pages.
        #[arg(long)]
        name: Name,
    },
    /// List the accounts, oldest first.
    #[command(after_help = "Example:\n  linekeeper account list --json")]
    List,
    /// Show an account and its inboxes.
    #[command(after_help = "Example:\n  linekeeper account show 1")]
    Show {
        /// Id of the account, as `account list` shows it.
        id: i64,
    },
}

impl Account {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        let app = source.app().await?;
        let status = match self {
            Self::Create { name } => create(&app, &name, output).await,
            Self::List => list(&app, output).await,
            Self::Show { id } => show(&app, id, output).await,
        };
        app.stop().await;
        status
    }
}

async fn create(app: &App, name: &Name, output: Output) -> anyhow::Result<CommandStatus> {
    let id = admin::create_account(app, name.as_str()).await?.id;
    output.print(&json!({ "id": id.0, "name": name.as_str() }), || {
        format!(
            "Created account {id}. Create an API key for it with: linekeeper key create --account {id} --scope operate \
             --name first"
        )
    })
}

async fn list(app: &App, output: Output) -> anyhow::Result<CommandStatus> {
    let mut tx = app.store.read().await?;
    let accounts = accounts::list(&mut tx).await?;
    let values: Vec<Value> = accounts.iter().map(json_of).collect();
    output.print(&values, || {
        let mut table = table(["account", "name", "created"]);
        for account in &accounts {
            table.add_row([account.id.to_string(), account.name.clone(), utc(account.created_at)]);
        }
        table_or(&table, "There is no account. Create one with: linekeeper account create --name \"Example Bakery\"")
    })
}

async fn show(app: &App, id: i64, output: Output) -> anyhow::Result<CommandStatus> {
    let account = lookup::account(app, id).await?;
    let inboxes = load::views(app, Some(account.id), None).await?;
    let mut value = json_of(&account);
    if let Some(members) = value.as_object_mut() {
        members.insert("inboxes".to_owned(), tables::json_list(&inboxes));
    }
    output.print(&value, || {
        let head = format!("Account {}: {}, created {}\n", account.id, account.name, utc(account.created_at));
        head + &tables::list(&inboxes, app.clock.now())
    })
}

fn json_of(account: &Row) -> Value {
    json!({ "id": account.id.0, "name": account.name, "created_at": account.created_at })
}
