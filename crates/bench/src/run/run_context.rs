//! When, where and how figures were measured: date, commit, command, machine and its load. Every page begins with it. Must
//! not know any figure.

use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::database::Postgres;
use super::machine::{Machine, load_average};
use super::product::Programs;

/// The circumstances of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RunContext {
    /// Start of the run.
    pub(crate) date: Timestamp,
    /// The command line of the run.
    pub(crate) command: String,
    /// Build profile of the programs.
    pub(crate) profile: String,
    pub(crate) machine: Machine,
    load_average_before: String,
    load_average_after: String,
}

impl RunContext {
    /// Starts a run now; `folder` will contain the databases.
    pub(crate) fn begin(programs: &Programs, folder: &Path) -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
        let date = Timestamp::now();
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Ok(Self {
            date,
            command: format!("bench {}", arguments.join(" ")),
            profile: programs.profile.clone(),
            machine: Machine::inspect(folder, Postgres::version())?,
            load_average_before: load_average(),
            load_average_after: String::new(),
        })
    }

    /// Records the load average at the end of the run.
    pub(crate) fn end(&mut self) {
        self.load_average_after = load_average();
    }

    /// The circumstances as lines of a page.
    pub(crate) fn lines(&self) -> Vec<String> {
        let machine = &self.machine;
        vec![
            format!("{}, commit {}, `{}`", self.date.strftime("%Y-%m-%d %H:%M UTC"), machine.commit, self.command),
            format!(
                "{}, {} cores, {:.0} GB, Linux {}",
                machine.processor, machine.cores, machine.memory_gb, machine.kernel
            ),
            format!(
                "file system {}; writing 4 KiB with fdatasync takes {:.0} µs",
                machine.file_system, machine.fsync_us
            ),
            format!("{}; build profile {}", machine.postgres.as_deref().unwrap_or("no PostgreSQL"), self.profile),
            format!("load average before: {}; after: {}", self.load_average_before, self.load_average_after),
        ]
    }
}
