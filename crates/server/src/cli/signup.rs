//! `linekeeper signup`: the signups of all accounts, and what a person does with an unfinished one.

use anyhow::{Context as _, bail};
use domain::ids::{AccountId, ChannelId, PhoneNumberId, WabaId};
use domain::signup::SignupState;
use serde_json::{Value, json};
use server::App;
use server::flows::onboarding::signup::SignupRefused;
use server::flows::onboarding::stored_error::StoredError;
use server::flows::onboarding::unfinished::{self, Addition};
use server::messages::{next_step, utc};
use server::store::accounts;
use server::store::ids::SignupId;
use server::store::signups::{self, NotChosenNumber, Signup as Row};

use super::context::ConfigSource;
use super::lookup;
use super::output::{CommandStatus, Output, table, table_or};

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper signup list --unfinished
  linekeeper signup show sgn_0190f3a2c0de7000b000000000000001
  linekeeper signup continue sgn_0190f3a2c0de7000b000000000000001 --number 720000000000001
  linekeeper signup revoke sgn_0190f3a2c0de7000b000000000000001";

/// Signups of one account that a list shows at most, the newest first.
const MOST_LISTED: i64 = 200;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Signup {
    /// List signups, the newest first.
    #[command(after_help = "Example:\n  linekeeper signup list --account 1 --unfinished --json")]
    List {
        /// Only signups of this account.
        #[arg(long)]
        account: Option<i64>,
        /// Only signups that wait for somebody.
        #[arg(long)]
        unfinished: bool,
    },
    /// Show one signup, and the numbers that it saw at Meta and did not connect.
    #[command(after_help = "Example:\n  linekeeper signup show sgn_0190f3a2c0de7000b000000000000001")]
    Show {
        /// Id of the signup, as `signup list` shows it.
        id: String,
    },
    /// Continue an unfinished signup with what it lacked, or connect another number that a finished one saw.
    #[command(
        after_help = "Example:\n  linekeeper signup continue sgn_0190f3a2c0de7000b000000000000001 --number 720000000000001"
    )]
    Continue {
        /// Id of the signup.
        id: String,
        /// Meta's id of the number to connect.
        #[arg(long)]
        number: Option<String>,
        /// Id of the WhatsApp Business Account.
        #[arg(long)]
        waba: Option<String>,
        /// Id of the inbox to re-authorise.
        #[arg(long)]
        inbox: Option<i64>,
    },
    /// Revoke an unfinished signup and destroy its token.
    #[command(after_help = "Example:\n  linekeeper signup revoke sgn_0190f3a2c0de7000b000000000000001")]
    Revoke {
        /// Id of the signup.
        id: String,
    },
}

impl Signup {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        let app = source.app().await?;
        let status = match self {
            Self::List { account, unfinished } => list(&app, account, unfinished, output).await,
            Self::Show { id } => show(&app, &id, output).await,
            Self::Continue { id, number, waba, inbox } => {
                let added = Addition {
                    waba_id: waba.map(WabaId),
                    phone_number_id: number.map(PhoneNumberId),
                    inbox_id: inbox.map(ChannelId),
                };
                continue_with(&app, &id, added, output).await
            }
            Self::Revoke { id } => revoke(&app, &id, output).await,
        };
        app.stop().await;
        status
    }
}

async fn list(app: &App, account: Option<i64>, unfinished: bool, output: Output) -> anyhow::Result<CommandStatus> {
    let accounts: Vec<AccountId> = match lookup::account_filter(app, account).await? {
        Some(only) => vec![only],
        None => accounts::list(&mut app.store.read().await?).await?.into_iter().map(|it| it.id).collect(),
    };
    let mut tx = app.store.read().await?;
    let mut rows = Vec::new();
    for account in accounts {
        rows.extend(if unfinished {
            signups::list_in_state(&mut tx, account, SignupState::Unfinished, None, MOST_LISTED).await?
        } else {
            signups::list(&mut tx, account, None, MOST_LISTED).await?
        });
    }
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    let values: Vec<Value> = rows.iter().map(|row| json_of(row, &row.seen)).collect();
    output.print(&values, || {
        let mut table = table(["signup", "account", "state", "inbox", "began", "next step"]);
        for row in &rows {
            let inbox = row.channel_id.map_or_else(String::new, |id| id.to_string());
            let (id, account, state) = (row.id.to_string(), row.account_id.to_string(), row.state.into_str());
            table.add_row([id, account, state.to_owned(), inbox, utc(row.created_at), next_step_of(row)]);
        }
        table_or(&table, "There are no such signups.")
    })
}

async fn show(app: &App, id: &str, output: Output) -> anyhow::Result<CommandStatus> {
    let row = find(app, id).await?;
    print(app, &row, output).await
}

async fn print(app: &App, row: &Row, output: Output) -> anyhow::Result<CommandStatus> {
    let mut tx = app.store.read().await?;
    let open = unfinished::not_connected(&mut tx, row).await?;
    drop(tx);
    output.print(&json_of(row, &open), || {
        let mut lines = vec![format!("Signup {} of account {}: {}", row.id, row.account_id, row.state.into_str())];
        lines.extend(row.channel_id.map(|id| format!("Inbox {id}")));
        lines.extend(StoredError::of(row).map(|error| error.text));
        lines.extend(Some(next_step_of(row)).filter(|step| !step.is_empty()));
        if !open.is_empty() {
            let mut numbers = table(["number at Meta", "account at Meta", "phone number", "name"]);
            for number in &open {
                let (id, waba) = (number.phone_number_id.to_string(), number.waba_id.to_string());
                numbers.add_row([id, waba, number.phone_number.clone(), number.name.clone()]);
            }
            lines.push(format!("Seen and not connected:\n{}", numbers.trim_fmt()));
        }
        lines.join("\n")
    })
}

async fn continue_with(app: &App, id: &str, added: Addition, output: Output) -> anyhow::Result<CommandStatus> {
    let row = find(app, id).await?;
    let id = match unfinished::continue_with(app, &row, added).await {
        Ok(done) => done.signup_id,
        // it is shown with what it waits for
        Err(SignupRefused { signup_id: Some(id), error }) => match signup(app, id).await? {
            Some(kept) if kept.state == SignupState::Unfinished => id,
            _ => return Err(error.into()),
        },
        Err(SignupRefused { error, .. }) => return Err(error.into()),
    };
    let now = signup(app, id).await?.context("the signup is gone")?;
    print(app, &now, output).await?;
    Ok(CommandStatus::success_if(now.channel_id.is_some()))
}

async fn revoke(app: &App, id: &str, output: Output) -> anyhow::Result<CommandStatus> {
    let row = find(app, id).await?;
    unfinished::revoke(app, &row).await?;
    output.print(&json!({ "id": id, "revoked": true }), || format!("Revoked {id}. Its token is destroyed."))
}

async fn find(app: &App, id: &str) -> anyhow::Result<Row> {
    let parsed =
        id.parse().with_context(|| format!("\"{id}\" is not a signup's id; `linekeeper signup list` shows the ids"))?;
    match signup(app, parsed).await? {
        Some(row) => Ok(row),
        None => bail!("there is no signup {id}; `linekeeper signup list` shows the existing signups"),
    }
}

async fn signup(app: &App, id: SignupId) -> anyhow::Result<Option<Row>> {
    Ok(signups::find(&mut app.store.read().await?, id).await?)
}

fn next_step_of(row: &Row) -> String {
    let stored = StoredError::of(row).filter(|_| row.state == SignupState::Unfinished);
    stored.map_or_else(String::new, |error| next_step(error.next_step()).to_owned())
}

fn json_of(row: &Row, open: &[NotChosenNumber]) -> Value {
    let error = StoredError::of(row);
    let step = error.as_ref().filter(|_| row.state == SignupState::Unfinished).map(|it| it.next_step().into_str());
    let number = |it: &NotChosenNumber| {
        json!({ "phone_number_id": it.phone_number_id.as_str(), "business_account_id": it.waba_id.as_str(),
            "phone_number": it.phone_number, "name": it.name })
    };
    json!({ "id": row.id.to_string(), "account_id": row.account_id.0, "state": row.state.into_str(),
        "inbox_id": row.channel_id.map(|id| id.0), "next_step": step,
        "error": error.map(|it| json!({ "code": it.code, "text": it.text })),
        "not_connected": open.iter().map(number).collect::<Vec<_>>(), "created_at": row.created_at })
}
