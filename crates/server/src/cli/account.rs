//! `linekeeper account`: the tenants of this installation.

use serde_json::{Value, json};
use server::App;
use server::messages::utc;
use server::store::accounts::{self, Account as Row};

use super::open::{self, From};
use super::output::{Output, listing, table};
use super::{Verdict, inbox};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper account create --name \"Example Bakery\"
  linekeeper account list
  linekeeper account show 1";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Account {
    /// Make an account.
    #[command(after_help = "Example:\n  linekeeper account create --name \"Example Bakery\"")]
    Create {
        /// Its name, for people.
        #[arg(long)]
        name: String,
    },
    /// List the accounts.
    #[command(after_help = "Example:\n  linekeeper account list --json")]
    List,
    /// Show an account and its inboxes.
    #[command(after_help = "Example:\n  linekeeper account show 1")]
    Show {
        /// Its id.
        id: i64,
    },
}

impl Account {
    pub(super) async fn run(self, from: &From, output: Output) -> anyhow::Result<Verdict> {
        let app = from.app().await?;
        let verdict = match self {
            Self::Create { name } => create(&app, &name, output).await,
            Self::List => list(&app, output).await,
            Self::Show { id } => show(&app, id, output).await,
        };
        app.stop().await;
        verdict
    }
}

async fn create(app: &App, name: &str, output: Output) -> anyhow::Result<Verdict> {
    let name = name.trim();
    anyhow::ensure!(!name.is_empty(), "an account needs a name: --name \"Example Bakery\"");
    let mut tx = app.store.write().await?;
    let id = accounts::create(&mut tx, name, app.clock.now()).await?;
    tx.commit().await?;
    output.either(&json!({ "id": id.0, "name": name }), || {
        format!(
            "Account {id} is there. A key for it: linekeeper key create --account {id} --scope operate --name first"
        )
    })
}

async fn list(app: &App, output: Output) -> anyhow::Result<Verdict> {
    let mut tx = app.store.read().await?;
    let accounts = accounts::list(&mut tx).await?;
    let values: Vec<Value> = accounts.iter().map(json_of).collect();
    output.either(&values, || {
        let mut table = table(["account", "name", "since"]);
        for account in &accounts {
            table.add_row([account.id.to_string(), account.name.clone(), utc(account.created_at)]);
        }
        listing(&table, "There is no account yet. Make one: linekeeper account create --name \"Example Bakery\"")
    })
}

async fn show(app: &App, id: i64, output: Output) -> anyhow::Result<Verdict> {
    let account = open::account(app, id).await?;
    let inboxes = inbox::of_account(app, Some(account.id), None).await?;
    let mut value = json_of(&account);
    if let Some(members) = value.as_object_mut() {
        members.insert("inboxes".to_owned(), inbox::json_list(&inboxes));
    }
    output.either(&value, || {
        let head = format!("Account {}: {}, since {}\n", account.id, account.name, utc(account.created_at));
        head + &inbox::table_of(&inboxes, app.clock.now())
    })
}

fn json_of(account: &Row) -> Value {
    json!({ "id": account.id.0, "name": account.name, "created_at": account.created_at })
}
