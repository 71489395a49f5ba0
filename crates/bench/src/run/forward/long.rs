//! The commands of the long measurements: `bench backlog` and `bench soak`. Must not measure anything themselves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;

use super::{backlog, report, soak};
use crate::run::database::Engine;
use crate::run::page::write_raw;
use crate::run::rate_search::Durations;
use crate::run::rig::Rig;
use crate::run::run_context::RunContext;

/// A million events for one endpoint that is down.
#[derive(Debug, clap::Args)]
pub(crate) struct BacklogCommand {
    /// Number of events that pile up.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Posts per second while they pile up.
    #[arg(long, default_value_t = 8000.0)]
    rate: f64,
    /// Measure only these engines.
    #[arg(long = "engine", value_enum, default_values_t = [Engine::Sqlite, Engine::Postgres])]
    engines: Vec<Engine>,
    /// Folder for temporary databases and logs; its file system is part of what is measured.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Page to write, with raw figures and plots beside it.
    #[arg(long, default_value = "docs/measurements/backlog.md")]
    out: PathBuf,
    /// Print the table, but write no page.
    #[arg(long)]
    dry: bool,
}

/// How long and how fast a steady load is forwarded.
#[derive(Debug, clap::Args)]
pub(crate) struct SoakCommand {
    /// Duration over each engine, for example 20s or 10m.
    #[arg(long = "for", default_value = "10m")]
    duration: SignedDuration,
    /// Posts per second during the soak.
    #[arg(long, default_value_t = 1500.0)]
    rate: f64,
    /// Measure only these engines.
    #[arg(long = "engine", value_enum, default_values_t = [Engine::Sqlite, Engine::Postgres])]
    engines: Vec<Engine>,
    /// Folder for temporary databases and logs.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Page to write, with raw figures and plots beside it.
    #[arg(long, default_value = "docs/measurements/soak.md")]
    out: PathBuf,
    /// Print the table, but write no page.
    #[arg(long)]
    dry: bool,
}

impl BacklogCommand {
    /// Measures, prints the table and writes the page.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-backlog-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let outcome = self.measure(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = outcome?;
        report::print_backlog(&measures);
        if self.dry {
            return Ok(());
        }
        write_raw(&self.out, &measures)?;
        report::write_backlog(&measures, &self.out)
    }

    async fn measure(&self, folder: &Path) -> anyhow::Result<backlog::Measures> {
        let rig = Rig::new(folder, Durations::of(false))?;
        let mut context = RunContext::begin(&rig.programs, folder)?;
        let size = backlog::Size { events: self.events, rate: self.rate };
        let mut backlogs = Vec::new();
        for engine in &self.engines {
            backlogs.push(backlog::measure(&rig, *engine, size).await?);
        }
        context.end();
        Ok(backlog::Measures { context, backlog: backlogs })
    }
}

impl SoakCommand {
    /// Measures, prints the table and writes the page.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-soak-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let outcome = self.measure(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = outcome?;
        report::print_soak(&measures);
        if self.dry {
            return Ok(());
        }
        write_raw(&self.out, &measures)?;
        report::write_soak(&measures, &self.out)
    }

    async fn measure(&self, folder: &Path) -> anyhow::Result<soak::Measures> {
        let duration = Duration::try_from(self.duration).context("the duration of a soak must be positive")?;
        let rig = Rig::new(folder, Durations::of(false))?;
        let mut context = RunContext::begin(&rig.programs, folder)?;
        let mut runs = Vec::new();
        for engine in &self.engines {
            runs.push(soak::measure(&rig, *engine, self.rate, duration).await?);
        }
        context.end();
        Ok(soak::Measures { context, runs })
    }
}
