//! On which occasion figures were taken: when, of which commit, by which command, on what machine, how busy it
//! was. Every document begins with it; knows no figure.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::database::Postgres;
use super::machine::{Machine, load_average};
use super::product::Programs;

/// When and where.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Occasion {
    /// When it began.
    pub(crate) date: Timestamp,
    /// The command as it was given.
    pub(crate) command: String,
    /// The build profile of the programs.
    pub(crate) profile: String,
    /// Where.
    pub(crate) machine: Machine,
    load_average_before: String,
    load_average_after: String,
}

impl Occasion {
    /// It begins now; `folder` is where the databases will be.
    pub(crate) fn begin(programs: &Programs, folder: &Path) -> anyhow::Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
        let date = Timestamp::now();
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Ok(Self {
            date,
            command: format!("bench {}", arguments.join(" ")),
            profile: programs.profile.clone(),
            machine: Machine::look(folder, Postgres::version())?,
            load_average_before: load_average(),
            load_average_after: String::new(),
        })
    }

    /// It is over.
    pub(crate) fn end(&mut self) {
        self.load_average_after = load_average();
    }

    /// For people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let machine = &self.machine;
        vec![
            format!("{}, commit {}, `{}`", self.date.strftime("%Y-%m-%d %H:%M UTC"), machine.commit, self.command),
            format!(
                "{}, {} cores, {:.0} GB, Linux {}",
                machine.processor, machine.cores, machine.memory_gb, machine.kernel
            ),
            format!("file system {}; 4 KiB and fdatasync take {:.0} µs", machine.file_system, machine.fsync_us),
            format!("{}; build profile {}", machine.postgres.as_deref().unwrap_or("no PostgreSQL"), self.profile),
            format!("load average before: {}; after: {}", self.load_average_before, self.load_average_after),
        ]
    }
}
