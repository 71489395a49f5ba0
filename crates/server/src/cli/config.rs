//! `linekeeper config`: prints a configuration file to start from.

use super::output::{CommandStatus, Output};

pub(super) const EXAMPLES: &str = "\
Example:
  linekeeper config template > linekeeper.toml";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Config {
    /// Print a configuration file with every setting, its meaning and its default.
    #[command(after_help = EXAMPLES)]
    Template,
}

impl Config {
    pub(super) fn run(self, output: Output) -> anyhow::Result<CommandStatus> {
        match self {
            Self::Template => output.print_text(&server::config::Config::template()),
        }
    }
}
