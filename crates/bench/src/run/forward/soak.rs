//! A steady load with forwarding for minutes, the memory of the product looked at all along: what leaks shows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use serde::Serialize;

use super::{Course, Passage};
use crate::run::database::Engine;
use crate::run::occasion::Occasion;
use crate::run::product::Programs;
use crate::run::rows::Rows;
use crate::run::samples::{Sampler, Samples};
use crate::run::search::Pace;
use crate::run::{Bench, Run, say};

/// At most so many looks at the memory are taken, and at least so long apart.
const LOOKS: u32 = 240;
const LEAST_APART: Duration = Duration::from_millis(500);

/// How long, how fast.
#[derive(Debug, clap::Args)]
pub(crate) struct Soak {
    /// How long, over each engine: 20s, 10m.
    #[arg(long = "for", default_value = "10m")]
    lasts: SignedDuration,
    /// Posts per second.
    #[arg(long, default_value_t = 1500.0)]
    rate: f64,
    /// Over these engines.
    #[arg(long = "engine", value_enum, default_values_t = [Engine::Sqlite, Engine::Postgres])]
    engines: Vec<Engine>,
    /// Where databases and logs are put and removed again.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Where the document is written.
    #[arg(long, default_value = "docs/measurements/soak.md")]
    out: PathBuf,
    /// Write no document.
    #[arg(long)]
    dry: bool,
}

/// What was measured over one database.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Soaked {
    /// Over which database.
    pub(crate) engine: Engine,
    /// Seconds.
    pub(crate) lasted: f64,
    /// The load and what arrived of it.
    pub(crate) passage: Passage,
    /// Memory.
    pub(crate) memory: Samples,
    /// What the database held afterwards.
    pub(crate) rows: Rows,
}

/// The document.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measures {
    /// When and where.
    pub(crate) occasion: Occasion,
    /// By engine.
    pub(crate) soaked: Vec<Soaked>,
}

impl Soak {
    /// Measures and writes the document.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-soak-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let result = self.measure(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = result?;
        super::report::print_soak(&measures);
        if self.dry { Ok(()) } else { super::report::write_soak(&measures, &self.out) }
    }

    async fn measure(&self, folder: &Path) -> anyhow::Result<Measures> {
        let run = Run::of(self.engines.clone(), &self.folder);
        let programs = Programs::beside_us()?;
        let mut occasion = Occasion::begin(&programs, folder)?;
        let bench = Bench { run: &run, programs, folder: folder.to_owned(), pace: Pace::of(false) };
        let mut soaked = Vec::new();
        for engine in &self.engines {
            soaked.push(self.soak(&bench, *engine).await?);
        }
        occasion.end();
        Ok(Measures { occasion, soaked })
    }

    async fn soak(&self, bench: &Bench<'_>, engine: Engine) -> anyhow::Result<Soaked> {
        let lasts = Duration::try_from(self.lasts).context("how long is not in the past")?;
        say(&format!("soak, {}: {:.0}/s for {lasts:?}", engine.as_str(), self.rate));
        let mut course = Course::with_endpoints(bench, engine, 1).await?;
        let sampler = Sampler::start(&course.stage.server, (lasts / LOOKS).max(LEAST_APART));
        let passage = course.pass(self.rate, lasts.as_secs_f64(), 1)?;
        let memory = sampler.stop();
        let rows = course.stage.end().await?;
        Ok(Soaked { engine, lasted: lasts.as_secs_f64(), passage, memory, rows })
    }
}
