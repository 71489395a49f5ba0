//! The command line: reads the arguments, runs one command, prints its result and sets the exit status.
//!
//! One file or folder per command. A command opens the same [`server::App`] as the service, calls the same
//! flows as the pages and the API, and prints a table, or JSON for programs. Nothing here decides about a
//! number, and nothing here writes to the database except through a flow.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod account;
mod callback;
mod check;
mod config;
mod conformance;
mod context;
mod demo;
mod durations;
mod endpoint;
mod erase;
mod inbox;
mod key;
mod lookup;
mod migrate;
mod output;
mod serve;
mod signup;

use context::ConfigSource;
use output::{CommandStatus, Output};

const EXIT_CODES: &str = "\
Exit status:
  0  success
  1  the command failed; standard error says why
  2  the arguments are wrong
  3  the command ran, and its result is negative: a check failed, or a number did not go live";

/// Brings WhatsApp Business numbers live and keeps them live.
#[derive(Debug, Parser)]
#[command(name = "linekeeper", version, about, after_help = EXIT_CODES, max_term_width = 100)]
struct Arguments {
    /// Configuration file. Default: linekeeper.toml in the current folder, if it exists.
    #[arg(long, global = true, env = "LINEKEEPER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print JSON instead of tables and text.
    #[arg(long, global = true)]
    json: bool,

    /// Log what log.filter in the configuration selects. Default for commands other than serve: warnings.
    #[arg(long, short, global = true)]
    verbose: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: API, pages, Meta's webhooks and background jobs.
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::Serve),
    /// Run the whole product offline, with sample numbers in every state and one that goes live by itself.
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::Demo),
    /// Check configuration, database, keys and Meta, and print how to fix each problem.
    #[command(after_help = check::EXAMPLES)]
    Check(check::Check),
    /// Test any WhatsApp webhook receiver with valid, forged and unusual webhooks.
    #[command(after_help = conformance::EXAMPLES)]
    Conformance(conformance::Conformance),
    /// Create the database's tables or bring them up to date.
    #[command(after_help = migrate::EXAMPLES)]
    Migrate(migrate::Migrate),
    /// Manage accounts: the tenants of this installation.
    #[command(subcommand, visible_alias = "accounts", after_help = account::EXAMPLES)]
    Account(account::Account),
    /// Manage inboxes: the numbers, their health and their next steps.
    #[command(subcommand, visible_alias = "inboxes", after_help = inbox::EXAMPLES)]
    Inbox(inbox::Inbox),
    /// List signups, and finish or revoke unfinished ones.
    #[command(subcommand, visible_alias = "signups", after_help = signup::EXAMPLES)]
    Signup(signup::Signup),
    /// Manage endpoints: the addresses that events are forwarded to.
    #[command(subcommand, visible_alias = "endpoints", after_help = endpoint::EXAMPLES)]
    Endpoint(endpoint::Endpoint),
    /// Show or take over the callback of the Meta app.
    #[command(subcommand, after_help = callback::EXAMPLES)]
    Callback(callback::Callback),
    /// Erase one person from everything stored for an account.
    #[command(after_help = erase::EXAMPLES)]
    Erase(erase::Erase),
    /// Manage API keys, and the seal keys that encrypt tokens and PINs in the database.
    #[command(subcommand, visible_alias = "keys", after_help = key::EXAMPLES)]
    Key(key::Key),
    /// Print a configuration file to start from.
    #[command(subcommand, after_help = config::EXAMPLES)]
    Config(config::Config),
    /// Print the API's description (OpenAPI 3.1, JSON).
    #[command(after_help = "Example:\n  linekeeper openapi > openapi.json")]
    Openapi,
}

/// Reads the arguments, runs the command, and prints its error if it fails.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output.print_error(&anyhow::Error::from(error).context("the program cannot start")),
    };
    match runtime.block_on(run(arguments, output)) {
        Ok(CommandStatus::Success) => ExitCode::SUCCESS,
        Ok(CommandStatus::Negative) => ExitCode::from(3),
        Err(error) => output.print_error(&error),
    }
}

async fn run(arguments: Arguments, output: Output) -> anyhow::Result<CommandStatus> {
    let source = ConfigSource { file: arguments.config, verbose: arguments.verbose };
    match arguments.command {
        Command::Serve(command) => command.run(&source).await,
        Command::Demo(command) => command.run(output).await,
        Command::Check(command) => command.run(&source, output).await,
        Command::Conformance(command) => command.run(output).await,
        Command::Migrate(command) => command.run(&source, output).await,
        Command::Account(command) => command.run(&source, output).await,
        Command::Inbox(command) => command.run(&source, output).await,
        Command::Signup(command) => command.run(&source, output).await,
        Command::Endpoint(command) => command.run(&source, output).await,
        Command::Callback(command) => command.run(&source, output).await,
        Command::Erase(command) => command.run(&source, output).await,
        Command::Key(command) => command.run(&source, output).await,
        Command::Config(command) => command.run(output),
        Command::Openapi => output.print_json(&server::web::openapi_document()),
    }
}
