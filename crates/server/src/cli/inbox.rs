//! `linekeeper inbox`: the numbers, their health, and the actions on one number.
//!
//! Beside: [`mod@actions`] (changes a number), [`mod@load`] (reads numbers from the database), [`mod@tables`] and
//! [`mod@text`] (how a number is printed).

use domain::health::Level;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use server::App;
use server::flows::health;
use server::flows::number::view;

use super::context::ConfigSource;
use super::lookup;
use super::output::{CommandStatus, Output};
use strum::VariantArray as _;

mod actions;
pub(super) mod load;
pub(super) mod tables;
pub(super) mod text;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper inbox list
  linekeeper inbox list --account 1 --level action_needed
  linekeeper inbox show 7
  linekeeper inbox register 7
  linekeeper inbox refresh
  echo 123456 | linekeeper inbox pin 7";

/// Numbers that are read at Meta at the same time.
const MAX_CONCURRENT_READS: usize = 8;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Inbox {
    /// List numbers with their health as of the last read, the most urgent first.
    #[command(after_help = "Example:\n  linekeeper inbox list --level action_needed --json")]
    List {
        /// Only numbers of this account.
        #[arg(long)]
        account: Option<i64>,
        /// Only numbers with this health level.
        #[arg(long, value_parser = parse_level)]
        level: Option<Level>,
    },
    /// Show one number: health, findings, register calls and the next step.
    #[command(after_help = "Example:\n  linekeeper inbox show 7")]
    Show {
        /// Id of the inbox, as `inbox list` shows it.
        id: i64,
    },
    /// Complete the registration of a number, as the button on its page does: reads the number at Meta, registers
    /// it if that is allowed now, and prints the reason otherwise.
    #[command(
        after_help = "Examples:\n  linekeeper inbox register 7      exit status 3 unless Meta registered the number\n  linekeeper inbox register 7 --leave-app"
    )]
    Register {
        /// Id of the inbox.
        id: i64,
        /// Register a number that was disconnected from the WhatsApp Business app, although that takes it out of the app
        /// on the phone.
        #[arg(long)]
        leave_app: bool,
    },
    /// Read the number's PIN, which its owner knows, from standard input, and register the number with it.
    #[command(after_help = "Example:\n  echo 123456 | linekeeper inbox pin 7")]
    Pin {
        /// Id of the inbox.
        id: i64,
    },
    /// Request a verification code: Meta sends it to the number.
    #[command(after_help = "Example:\n  linekeeper inbox code 7 --voice --language pt_BR")]
    Code {
        /// Id of the inbox.
        id: i64,
        /// Send the code by a call instead of a text message.
        #[arg(long)]
        voice: bool,
        /// Language of the call or text message.
        #[arg(long, default_value = "en_US")]
        language: String,
    },
    /// Read the verification code from standard input, verify the number, and register it.
    #[command(after_help = "Example:\n  echo 123456 | linekeeper inbox verify 7")]
    Verify {
        /// Id of the inbox.
        id: i64,
    },
    /// Subscribe the app to the number's webhooks and set the callback again.
    #[command(after_help = "Example:\n  linekeeper inbox webhook 7")]
    Webhook {
        /// Id of the inbox.
        id: i64,
    },
    /// Delete an inbox here and remove its webhooks at Meta. The number stays registered at Meta.
    #[command(after_help = "Example:\n  linekeeper inbox delete 7 --yes")]
    Delete {
        /// Id of the inbox.
        id: i64,
        /// Confirm the deletion. Without it, the command prints what would be deleted.
        #[arg(long)]
        yes: bool,
    },
    /// Read numbers at Meta now: one, or all.
    #[command(after_help = "Examples:\n  linekeeper inbox refresh\n  linekeeper inbox refresh 7")]
    Refresh {
        /// Read this inbox only.
        id: Option<i64>,
        /// Only numbers of this account.
        #[arg(long, conflicts_with = "id")]
        account: Option<i64>,
    },
}

fn parse_level(word: &str) -> Result<Level, String> {
    let known: Vec<&str> = Level::VARIANTS.iter().map(Level::into_str).collect();
    word.parse::<Level>().map_err(|_| format!("a level is one of {}", known.join(", ")))
}

impl Inbox {
    pub(super) async fn run(self, source: &ConfigSource, output: Output) -> anyhow::Result<CommandStatus> {
        let app = source.app().await?;
        let status = match self {
            Self::List { account, level } => list(&app, account, level, output).await,
            Self::Show { id } => show(&app, id, output).await,
            Self::Register { id, leave_app } => actions::register(&app, id, leave_app, output).await,
            Self::Pin { id } => actions::enter_pin(&app, id, output).await,
            Self::Code { id, voice, language } => actions::request_code(&app, id, voice, &language, output).await,
            Self::Verify { id } => actions::verify_code(&app, id, output).await,
            Self::Webhook { id } => actions::register_webhook(&app, id, output).await,
            Self::Delete { id, yes } => actions::delete(&app, id, yes, output).await,
            Self::Refresh { id, account } => refresh(&app, id, account, output).await,
        };
        app.stop().await;
        status
    }
}

async fn list(app: &App, account: Option<i64>, level: Option<Level>, output: Output) -> anyhow::Result<CommandStatus> {
    let account = lookup::account_filter(app, account).await?;
    let views = load::views(app, account, level).await?;
    output.print(&tables::json_list(&views), || tables::list(&views, app.clock.now()))
}

async fn show(app: &App, id: i64, output: Output) -> anyhow::Result<CommandStatus> {
    let channel = lookup::inbox(app, id).await?;
    let view = view::load(app, channel.id).await?;
    output.print(&tables::json_of(&view), || tables::page(&view, app.clock.now()))
}

async fn refresh(app: &App, id: Option<i64>, account: Option<i64>, output: Output) -> anyhow::Result<CommandStatus> {
    let channels = match (id, account) {
        (Some(id), _) => vec![lookup::inbox(app, id).await?],
        (None, Some(account)) => load::channels(app, Some(lookup::account(app, account).await?.id)).await?,
        (None, None) => load::channels(app, None).await?,
    };
    let bar = output.progress(channels.len(), "reading");
    let read = stream::iter(&channels)
        .map(async |channel| {
            let view = health::refresh(app, channel).await;
            bar.inc(1);
            (channel, view)
        })
        .buffer_unordered(MAX_CONCURRENT_READS)
        .collect::<Vec<_>>()
        .await;
    bar.finish_and_clear();
    let mut views = Vec::new();
    let mut failed = Vec::new();
    for (channel, view) in read {
        match view {
            Ok(view) if view.error.is_none() => views.push(view),
            Ok(view) => failed.push((channel, view.error.map_or_else(String::new, |failure| failure.message))),
            Err(error) => failed.push((channel, error.to_string())),
        }
    }
    views.sort_by_key(|view| (std::cmp::Reverse(view.report.level.urgency()), view.channel.id));
    let failures: Vec<Value> = failed.iter().map(|(c, why)| json!({ "id": c.id.0, "error": why })).collect();
    output.print(&json!({ "read": tables::json_list(&views), "failed": failures }), || {
        let table = (!views.is_empty() || failed.is_empty()).then(|| tables::list(&views, app.clock.now()));
        let failures = failed
            .iter()
            .map(|(channel, why)| format!("Inbox {} ({}) could not be read: {why}", channel.id, channel.phone_number));
        table.into_iter().chain(failures).collect::<Vec<_>>().join("\n")
    })?;
    Ok(CommandStatus::success_if(failed.is_empty()))
}
