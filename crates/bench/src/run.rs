//! `bench run`: everything that is measured, one after the other, with what it is compared with in the
//! same run. Prints a table and writes a document under docs/measurements; goals that are missed are printed
//! like those that are met.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use serde::Serialize;

pub(crate) mod conformance;
pub(crate) mod consumers;
mod database;
pub(crate) mod forward;
mod live;
mod machine;
mod occasion;
pub(crate) mod peers;
pub(crate) mod process;
mod product;
mod report;
mod rows;
mod samples;
mod search;
mod stage;
mod steady;

use database::{Engine, Tuning};
use forward::Forwarding;
use live::{Approval, Sides};
use machine::load_average;
use occasion::Occasion;
use product::{Programs, Setting, start_meta};
use rows::Rows;
use search::{Held, Loader, Pace};
use stage::{Place, Stage, remove_sqlite};
use steady::Steady;

/// What every fsync is made slower by, for the figures of a slower disk.
const SLOW_FSYNC_MS: u32 = 5;

/// Numbers the load is for; all are live and known to the product.
const NUMBERS: usize = 20;

/// A part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Events per second, and the ceiling.
    Ingest,
    /// The same with slow fsync.
    Slow,
    /// Approval to live.
    Approval,
    /// Memory, cold start, size.
    Steady,
    /// Forwarding to one endpoint.
    Delivered,
    /// Forwarding to several.
    FanOut,
    /// An endpoint that was down.
    Backlog,
    /// A healthy endpoint beside sick ones.
    Isolation,
}

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Everything, but briefly: says whether it works, not how fast it is. Writes no document.
    #[arg(long)]
    quick: bool,
    /// Everything, as small as it goes; fails where something that was acknowledged was not delivered. Writes
    /// no document.
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Where databases and logs are put and removed again; its file system is what is measured.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Where the document is written; bench.md or, for one engine, bench-sqlite.md or bench-postgresql.md in
    /// docs/measurements unless given.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Only these engines.
    #[arg(long = "engine", value_enum, default_values_t = [Engine::Sqlite, Engine::Postgres])]
    engines: Vec<Engine>,
    /// Only these parts; then no document is written.
    #[arg(long = "part", value_enum)]
    parts: Vec<Part>,
    /// Only this many changes per post.
    #[arg(long = "changes", default_values_t = [1, 10])]
    changes: Vec<usize>,
    /// A setting PostgreSQL is run with, `name=value`, beside its default ones.
    #[arg(long = "postgres")]
    postgres: Vec<String>,
    /// Connections of the generator.
    #[arg(long, default_value_t = 512)]
    connections: usize,
    /// Posts per second for the times of forwarding, instead of half of what it keeps up with.
    #[arg(long)]
    rate: Option<f64>,
    /// How many events pile up before an endpoint that is down; `bench backlog` is for many.
    #[arg(long = "backlog", default_value_t = 100_000)]
    events: u64,
    /// Posts per second while they do.
    #[arg(long, default_value_t = 8000.0)]
    backlog_rate: f64,
    /// Pairs of runs with and without sick endpoints.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
}

/// Events per second of one engine in one form.
#[derive(Debug, Clone, Serialize)]
struct Ingest {
    engine: Engine,
    fsync_added_ms: u32,
    /// Before it began.
    load_average: String,
    held: Held,
    rows: Rows,
}

/// Everything measured.
#[derive(Debug, Clone, Serialize)]
struct Measures {
    #[serde(flatten)]
    occasion: Occasion,
    connections: usize,
    pace: Pace,
    /// Signature check only; measured before and after the product, the higher one counts.
    ceiling: Vec<Held>,
    ingest: Vec<Ingest>,
    approval: Option<Approval>,
    steady: Vec<(Engine, Steady)>,
    forwarding: Forwarding,
    binary_mb: Option<f64>,
    /// Whether all that was wanted was measured.
    is_whole: bool,
}

/// One run.
pub(crate) struct Bench<'a> {
    run: &'a Run,
    programs: Programs,
    folder: PathBuf,
    pace: Pace,
}

impl Run {
    /// Measures.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let pace = if self.smoke { Pace::SMOKE } else { Pace::of(self.quick) };
        let bench = Bench { run: self, programs: Programs::beside_us()?, folder: folder.clone(), pace };
        let mut measures = bench.begin()?;
        let result = bench.all(&mut measures).await;
        let _ = std::fs::remove_dir_all(&folder);
        report::print(&measures);
        result?;
        ensure!(!self.smoke || measures.forwarding.is_all_there(), "something that was acknowledged was not delivered");
        Ok(())
    }

    /// Whether what is measured goes into the document.
    fn is_for_the_document(&self) -> bool {
        !self.quick && !self.smoke && self.parts.is_empty()
    }

    /// Where the document is written.
    fn document(&self) -> PathBuf {
        let of_engines = || match self.engines.as_slice() {
            [engine] => format!("docs/measurements/bench-{}.md", engine.as_str().to_lowercase()).into(),
            _ => PathBuf::from("docs/measurements/bench.md"),
        };
        self.out.clone().unwrap_or_else(of_engines)
    }

    /// What other commands measure with.
    fn of(engines: Vec<Engine>, folder: &Path) -> Self {
        Self {
            quick: false,
            smoke: false,
            folder: folder.to_owned(),
            out: None,
            engines,
            parts: Vec::new(),
            changes: vec![1],
            postgres: Vec::new(),
            connections: 512,
            rate: None,
            events: 0,
            backlog_rate: 0.0,
            pairs: 0,
        }
    }

    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

impl Bench<'_> {
    fn begin(&self) -> anyhow::Result<Measures> {
        Ok(Measures {
            occasion: Occasion::begin(&self.programs, &self.folder)?,
            connections: self.run.connections,
            pace: self.pace,
            ceiling: Vec::new(),
            ingest: Vec::new(),
            approval: None,
            steady: Vec::new(),
            forwarding: Forwarding::default(),
            binary_mb: steady::size_mb(&self.programs.linekeeper),
            is_whole: false,
        })
    }

    /// The document so far: whoever ends an hour's run early keeps what it found.
    fn note(&self, measures: &Measures) -> anyhow::Result<()> {
        if self.run.is_for_the_document() { report::write(measures, &self.run.document()) } else { Ok(()) }
    }

    async fn all(&self, measures: &mut Measures) -> anyhow::Result<()> {
        if self.run.wants(Part::Steady) {
            for engine in &self.run.engines {
                measures.steady.push((*engine, self.steady(*engine).await?));
            }
        }
        if self.run.wants(Part::Approval) {
            measures.approval = Some(self.approval().await?);
        }
        if self.run.wants(Part::Ingest) {
            self.fast(measures).await?;
        }
        if self.run.wants(Part::Slow) {
            for engine in &self.run.engines {
                measures.ingest.push(self.ingest(*engine, 1, SLOW_FSYNC_MS).await?);
                self.note(measures)?;
            }
        }
        self.forward(measures).await?;
        measures.occasion.end();
        measures.is_whole = true;
        self.note(measures)
    }

    /// Everything about forwarding.
    async fn forward(&self, measures: &mut Measures) -> anyhow::Result<()> {
        let run = self.run;
        for engine in &run.engines {
            if run.wants(Part::Delivered) {
                let is_same = |ingest: &&Ingest| {
                    ingest.engine == *engine && ingest.fsync_added_ms == 0 && ingest.held.changes == 1
                };
                let ingest = measures.ingest.iter().find(is_same).map(|ingest| ingest.held.events_per_s);
                let delivered = forward::delivered::measure(self, *engine, run.rate, ingest).await?;
                measures.forwarding.delivered.push(delivered);
            }
            if run.wants(Part::FanOut) {
                measures.forwarding.fan_out.push(forward::fan_out::measure(self, *engine).await?);
            }
            if run.wants(Part::Backlog) {
                let size = forward::backlog::Size { events: run.events, rate: run.backlog_rate };
                measures.forwarding.backlog.push(forward::backlog::measure(self, *engine, size).await?);
            }
            if run.wants(Part::Isolation) {
                measures.forwarding.isolation.push(forward::isolation::measure(self, *engine, run.pairs).await?);
            }
            self.note(measures)?;
        }
        Ok(())
    }

    /// Every engine between two looks at the ceiling, form by form.
    async fn fast(&self, measures: &mut Measures) -> anyhow::Result<()> {
        for changes in &self.run.changes {
            measures.ceiling.push(self.ceiling(*changes).await?);
            for engine in &self.run.engines {
                measures.ingest.push(self.ingest(*engine, *changes, 0).await?);
                self.note(measures)?;
            }
            if *changes == 1 {
                measures.ceiling.push(self.ceiling(*changes).await?);
            }
        }
        Ok(())
    }

    async fn ceiling(&self, changes: usize) -> anyhow::Result<Held> {
        say(&format!("ceiling, {changes} per post (load average {})", load_average()));
        let file = self.folder.join("ceiling.db");
        let setting = Setting::new(&format!("sqlite://{}", file.display()), "http://127.0.0.1:9", &self.folder)?;
        let server = setting.serve_ceiling(&self.programs).await?;
        let mut loader = self.loader(&setting, changes, vec!["106000000000001:102000000000001".to_owned()]);
        let held = loader.highest(Pace { half: 0.0, ..self.pace }, &server)?;
        drop(server);
        remove_sqlite(&file);
        Ok(held)
    }

    async fn ingest(&self, engine: Engine, changes: usize, fsync_added_ms: u32) -> anyhow::Result<Ingest> {
        let load_average = load_average();
        say(&format!(
            "{}, {changes} per post, fsync +{fsync_added_ms} ms (load average {load_average})",
            engine.as_str()
        ));
        let mut stage = Stage::open(self, engine, fsync_added_ms, NUMBERS).await?;
        stage.loader.changes = changes;
        let held = stage.loader.highest(self.pace, &stage.server)?;
        let rows = stage.end().await?;
        say(&format!("    rows: {rows:?}"));
        Ok(Ingest { engine, fsync_added_ms, load_average, held, rows })
    }

    async fn approval(&self) -> anyhow::Result<Approval> {
        say(&format!("approval to live (load average {})", load_average()));
        let place = Place::open(Engine::Sqlite, &self.folder, Tuning::default()).await?;
        let (_meta, meta) = start_meta(&self.programs, &self.folder).await?;
        let setting = place.setting(&meta)?;
        let tenant = setting.prepare(&self.programs)?;
        let server = setting.serve(&self.programs).await?;
        let sides = Sides { http: reqwest::Client::new(), setting: &setting, tenant: &tenant };
        let numbers = sides.sign_up(if self.run.quick { 5 } else { 60 }, true).await?;
        let approval = sides.approve(&numbers).await?;
        drop(server);
        place.remove().await?;
        Ok(approval)
    }

    async fn steady(&self, engine: Engine) -> anyhow::Result<Steady> {
        say(&format!("memory and start, {} (load average {})", engine.as_str(), load_average()));
        let tuning = Tuning { settings: &self.run.postgres, ..Tuning::default() };
        let place = Place::open(engine, &self.folder, tuning).await?;
        let (_meta, meta) = start_meta(&self.programs, &self.folder).await?;
        let setting = place.setting(&meta)?;
        setting.prepare(&self.programs)?;
        let steady = steady::measure(&setting, &self.programs, if self.run.quick { 5 } else { 20 }).await?;
        place.remove().await?;
        Ok(steady)
    }

    fn loader(&self, setting: &Setting, changes: usize, numbers: Vec<String>) -> Loader {
        Loader {
            programs: self.programs.clone(),
            target: setting.listen,
            numbers,
            changes,
            people: 1,
            warmup: self.pace.warmup,
            connections: self.run.connections,
            folder: self.folder.clone(),
            first: 1,
            acks: Vec::new(),
        }
    }
}

#[expect(clippy::print_stderr, reason = "progress, for whoever waits")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
