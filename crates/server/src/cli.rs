//! The command line: opens the same [`server::App`] as the server, calls the same flows as its pages,
//! and puts what comes back into a table, or into JSON for programs.
//!
//! One file per command. Nothing here decides about a number.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod account;
mod check;
mod conformance;
mod demo;
mod endpoint;
mod erase;
mod inbox;
mod key;
mod migrate;
mod open;
mod output;
mod serve;
mod words;

use output::Output;

/// How a command ended that did what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// All well.
    Well,
    /// It ran, and the answer is no: a check failed, a number is not live.
    NotWell,
}

const EXIT_CODES: &str = "\
Exit status:
  0  done, all well
  1  it could not be done; standard error says why
  2  wrong usage
  3  done, and the answer is no: a check failed, a number did not go live";

/// Brings WhatsApp Business numbers live and keeps them live.
#[derive(Debug, Parser)]
#[command(name = "linekeeper", version, about, after_help = EXIT_CODES, max_term_width = 100)]
struct Arguments {
    /// The configuration file; without it linekeeper.toml in this folder, where there is one.
    #[arg(long, global = true, env = "LINEKEEPER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print JSON instead of tables and sentences.
    #[arg(long, global = true)]
    json: bool,

    /// Log as the configuration says; without it a command other than serve logs warnings only.
    #[arg(long, short, global = true)]
    verbose: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: API, pages, Meta's callback and the jobs.
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::Serve),
    /// Watch it work, offline: sample numbers in every state, and one that goes live by itself.
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Demo),
    /// Look at configuration, database, keys and Meta, and say what to mend.
    #[command(after_help = check::EXAMPLES)]
    Check(check::Check),
    /// Try any WhatsApp webhook receiver: post what Meta would and what a forger would, see what it does.
    #[command(after_help = conformance::EXAMPLES)]
    Conformance(conformance::Conformance),
    /// Bring the database's tables up to date.
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Migrate),
    /// Accounts: the tenants of this installation.
    #[command(subcommand, visible_alias = "accounts", after_help = account::EXAMPLES)]
    Account(account::Account),
    /// Inboxes: the numbers, how they are and what happens next.
    #[command(subcommand, visible_alias = "inboxes", after_help = inbox::EXAMPLES)]
    Inbox(inbox::Inbox),
    /// Endpoints: the addresses events are forwarded to.
    #[command(subcommand, visible_alias = "endpoints", after_help = endpoint::EXAMPLES)]
    Endpoint(endpoint::Endpoint),
    /// Take one person out of everything that is kept for an account.
    #[command(after_help = erase::EXAMPLES)]
    Erase(erase::Erase),
    /// API keys, and the keys that seal tokens and PINs at rest.
    #[command(subcommand, visible_alias = "keys", after_help = key::EXAMPLES)]
    Key(key::Key),
    /// The configuration.
    #[command(subcommand, after_help = CONFIG_EXAMPLES)]
    Config(ConfigCommand),
    /// Print the API's description (OpenAPI 3.1, JSON).
    #[command(after_help = "Example:\n  linekeeper openapi > openapi.json")]
    Openapi,
}

const CONFIG_EXAMPLES: &str = "Example:\n  linekeeper config template > linekeeper.toml";

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print a configuration file with every setting, its meaning and its default.
    #[command(after_help = CONFIG_EXAMPLES)]
    Template,
}

/// Reads the arguments, runs the command, and says what went wrong.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.failed(&anyhow::Error::from(error).context("the program cannot start")),
    };
    match runtime.block_on(run(arguments, output)) {
        Ok(Verdict::Well) => ExitCode::SUCCESS,
        Ok(Verdict::NotWell) => ExitCode::from(3),
        Err(error) => output.failed(&error),
    }
}

async fn run(arguments: Arguments, output: Output) -> anyhow::Result<Verdict> {
    let from = open::From { config: arguments.config, verbose: arguments.verbose };
    match arguments.command {
        Command::Serve(command) => command.run(&from).await,
        Command::Demo(command) => command.run(output).await,
        Command::Check(command) => command.run(&from, output).await,
        Command::Conformance(command) => command.run(output).await,
        Command::Migrate(command) => command.run(&from, output).await,
        Command::Account(command) => command.run(&from, output).await,
        Command::Inbox(command) => command.run(&from, output).await,
        Command::Endpoint(command) => command.run(&from, output).await,
        Command::Erase(command) => command.run(&from, output).await,
        Command::Key(command) => command.run(&from, output).await,
        Command::Config(ConfigCommand::Template) => output.text(&server::config::Config::template()),
        Command::Openapi => output.json(&server::web::openapi_document()),
    }
}
