//! An endpoint that is down while its events pile up, comes back, and asks for all of them again: what the product holds
//! in memory meanwhile, how fast what piled up is delivered, and whether whoever posts notices.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use super::Course;
use super::replay::Replay;
use crate::load::Outcome;
use crate::load::acks::Acks;
use crate::load::body::unix_micros;
use crate::run::database::Engine;
use crate::run::machine::load_average;
use crate::run::occasion::Occasion;
use crate::run::process::Memory;
use crate::run::product::Programs;
use crate::run::rows::Rows;
use crate::run::samples::{Sampler, Samples};
use crate::run::search::Pace;
use crate::run::{Bench, Run, say};
use crate::sink::{Manner, Summary};

/// How long the product is left alone before its memory is looked at.
const QUIET: Duration = Duration::from_secs(5);

/// How often memory is looked at.
pub(super) const SAMPLED: Duration = Duration::from_millis(500);

/// So much is posted, of what was posted while it was down, while what piled up is delivered.
const MEANWHILE: f64 = 0.2;

/// An endpoint that is down is tried every five minutes at the least.
const PROBED: Duration = Duration::from_secs(400);

/// A million events before one endpoint.
#[derive(Debug, clap::Args)]
pub(crate) struct Long {
    /// How many events pile up.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Posts per second while they do.
    #[arg(long, default_value_t = 8000.0)]
    rate: f64,
    /// Over these engines.
    #[arg(long = "engine", value_enum, default_values_t = [Engine::Sqlite, Engine::Postgres])]
    engines: Vec<Engine>,
    /// Where databases and logs are put and removed again; its file system is what is measured.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Where the document is written.
    #[arg(long, default_value = "docs/measurements/backlog.md")]
    out: PathBuf,
    /// Write no document.
    #[arg(long)]
    dry: bool,
}

/// How much piles up, and how fast.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Size {
    /// Events.
    pub(crate) events: u64,
    /// Posts per second.
    pub(crate) rate: f64,
}

impl Size {
    /// How long they are posted, the warm-up aside.
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 events")]
    fn seconds(self, warmup: f64) -> f64 {
        (self.events as f64 / self.rate - warmup).max(0.1)
    }
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Backlog {
    /// Over which database.
    pub(crate) engine: Engine,
    load_average: String,
    /// What was asked for.
    pub(crate) size: Size,
    /// Posts at the same rate before there was an endpoint.
    pub(crate) before: Outcome,
    /// Posts while it was down.
    pub(crate) down: Outcome,
    /// Posts while what had piled up was delivered.
    pub(crate) meanwhile: Outcome,
    /// Memory before the endpoint was made.
    pub(crate) memory_before: Memory,
    /// Memory while it was down.
    pub(crate) memory_down: Samples,
    /// Memory from its return until everything was delivered.
    pub(crate) memory_drain: Samples,
    /// Memory after everything was delivered.
    pub(crate) memory_after: Memory,
    /// Seconds until the endpoint was found to be back: it is tried less and less often.
    pub(crate) found_s: f64,
    /// What arrived once it was back.
    pub(crate) drain: Summary,
    /// Acknowledged while it was down or later, and never taken.
    pub(crate) missing: u64,
    /// Everything asked for again.
    pub(crate) replay: Replay,
    /// What the database held afterwards.
    pub(crate) rows: Rows,
}

impl Backlog {
    /// Memory over all of it.
    pub(crate) fn memory(&self) -> Samples {
        let mut all = self.memory_down.clone();
        let until = all.0.last().map_or(0.0, |sample| sample.at_s);
        all.0.extend(
            self.memory_drain
                .0
                .iter()
                .map(|sample| crate::run::samples::Sample { at_s: until + sample.at_s, ..*sample }),
        );
        all
    }

    /// Memory from when the endpoint was found to be back; until then the server rests.
    pub(crate) fn memory_back(&self) -> Samples {
        self.memory_drain.since(self.found_s)
    }

    /// Whether everything acknowledged was delivered, and came again when asked for.
    pub(crate) fn is_all_there(&self) -> bool {
        let acknowledged = self.down.stored() + self.meanwhile.stored();
        self.missing == 0 && self.drain.taken > 0 && self.replay.is_all_of(acknowledged)
    }

    /// Whether memory stayed flat, however much piled up: while it did, and while it was delivered.
    pub(crate) fn is_flat(&self) -> bool {
        self.memory_down.is_flat() && self.memory_back().is_flat()
    }
}

/// Measures.
pub(crate) async fn measure(bench: &Bench<'_>, engine: Engine, size: Size) -> anyhow::Result<Backlog> {
    let load_average = load_average();
    say(&format!("backlog of {}, {} (load average {load_average})", size.events, engine.as_str()));
    let mut course = Course::open(bench, engine, 1).await?;
    let before = course.stage.loader.load(size.rate, bench.pace.probe)?;
    tokio::time::sleep(QUIET).await;
    let memory_before = course.stage.server.memory()?;
    course.sink.set(0, Manner::IsDown);
    let made_us = unix_micros();
    let endpoint = course.stage.add_endpoint(&course.sink.url(0)).await?;
    let since = course.stage.loader.acks.len();

    let sampler = Sampler::start(&course.stage.server, SAMPLED);
    let down = course.stage.loader.load(size.rate, size.seconds(bench.pace.warmup))?;
    let memory_down = sampler.stop();
    say(&format!("    down: p99 {:.1} ms, at most {:.1} MB", down.p99_ms, memory_down.max_mb()));

    let sampler = Sampler::start(&course.stage.server, SAMPLED);
    course.sink.begin(0.0)?;
    course.sink.set(0, Manner::Takes);
    let back = Instant::now();
    while course.sink.taken(0) < 100.min(down.stored()) {
        ensure!(back.elapsed() < PROBED, "the endpoint is not tried any more");
        std::thread::sleep(Duration::from_millis(10));
    }
    let found_s = back.elapsed().as_secs_f64();
    let rate = size.rate * MEANWHILE;
    let meanwhile = course.stage.loader.load(rate, bench.pace.probe)?;
    course.wait(1, down.stored() + meanwhile.stored());
    let memory_drain = sampler.stop();
    let drain = course.sink.summary(1)?;
    say(&format!(
        "    back: {:.0}/s, {} taken, at most {:.1} MB",
        drain.per_second(),
        drain.taken,
        memory_drain.max_mb()
    ));
    tokio::time::sleep(QUIET).await;
    let memory_after = course.stage.server.memory()?;
    let wanted = course.stage.loader.acks.iter().skip(since);
    let missing = wanted.map(|acks: &Acks| course.sink.missing(0, acks)).sum();
    let replay = Replay::measure(&mut course, &endpoint, made_us, rate, bench.pace).await?;
    let rows = course.stage.end().await?;
    Ok(Backlog {
        engine,
        load_average,
        size,
        before,
        down,
        meanwhile,
        memory_before,
        memory_down,
        memory_drain,
        memory_after,
        found_s,
        drain,
        missing,
        replay,
        rows,
    })
}

/// The document of `bench backlog`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measures {
    /// When and where.
    pub(crate) occasion: Occasion,
    /// By engine.
    pub(crate) backlog: Vec<Backlog>,
}

impl Long {
    /// Measures and writes the document.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-backlog-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let result = self.measure(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = result?;
        super::report::print_backlog(&measures);
        if self.dry { Ok(()) } else { super::report::write_backlog(&measures, &self.out) }
    }

    async fn measure(&self, folder: &std::path::Path) -> anyhow::Result<Measures> {
        let run = Run::of(self.engines.clone(), &self.folder);
        let programs = Programs::beside_us()?;
        let mut occasion = Occasion::begin(&programs, folder)?;
        let bench = Bench { run: &run, programs, folder: folder.to_owned(), pace: Pace::of(false) };
        let size = Size { events: self.events, rate: self.rate };
        let mut backlog = Vec::new();
        for engine in &self.engines {
            backlog.push(measure(&bench, *engine, size).await?);
        }
        occasion.end();
        Ok(Measures { occasion, backlog })
    }
}
