//! `bench run`: measures everything, one part after the other, and compares it with the ceiling of the same run. Prints a
//! table and writes a page with its raw figures; goals that are missed are shown like those that are met.

use std::path::PathBuf;

use anyhow::ensure;
use serde::{Deserialize, Serialize};

pub(crate) mod clients;
pub(crate) mod conformance;
pub(crate) mod consumers;
pub(crate) mod database;
pub(crate) mod footprint;
pub(crate) mod forward;
pub(crate) mod ingest;
pub(crate) mod machine;
pub(crate) mod page;
pub(crate) mod peers;
pub(crate) mod plot;
pub(crate) mod process;
pub(crate) mod product;
pub(crate) mod rate_search;
pub(crate) mod report;
pub(crate) mod rig;
pub(crate) mod run_context;
pub(crate) mod samples;
pub(crate) mod stored_rows;
pub(crate) mod table;
pub(crate) mod test_bed;

use self::clients::{ApiClients, Approval};
use self::database::{Engine, Tuning};
use self::footprint::Footprint;
use self::forward::Forwarding;
use self::ingest::Ingest;
use self::machine::load_average;
use self::product::start_emulator;
use self::rate_search::{Durations, SustainedRate};
use self::rig::Rig;
use self::run_context::RunContext;
use self::test_bed::TestDatabase;
use crate::progress::log_progress;

/// Milliseconds that every fsync is slowed down by, for the figures of a slower disk.
const SLOW_FSYNC_MS: u32 = 5;

/// A part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Events per second, and the ceiling.
    Ingest,
    /// Events per second with slow fsync.
    Slow,
    /// Time from approval to live.
    Approval,
    /// Idle memory, cold start and program size.
    Footprint,
    /// Forwarding to one endpoint.
    Delivered,
    /// Forwarding to several endpoints.
    FanOut,
    /// Forwarding to an endpoint that was down.
    Backlog,
    /// Forwarding to a healthy endpoint beside failing ones.
    Isolation,
}

/// Which parts to measure, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Measure everything briefly, to see whether it works; write no page.
    #[arg(long)]
    quick: bool,
    /// Measure everything as briefly as possible, fail if an acknowledged event was not delivered; write no page.
    #[arg(long, conflicts_with = "quick")]
    smoke: bool,
    /// Folder for temporary databases and logs; its file system is part of what is measured.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Page to write, with raw figures and plots beside it. In docs/measurements: bench.md, or bench-sqlite.md and
    /// bench-postgresql.md for one engine.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Measure only these engines.
    #[arg(long = "engine", value_enum, default_values_t = [Engine::Sqlite, Engine::Postgres])]
    engines: Vec<Engine>,
    /// Measure only these parts, and write no page.
    #[arg(long = "part", value_enum)]
    parts: Vec<Part>,
    /// Measure only this number of changes per post.
    #[arg(long = "changes", default_values_t = [1, 10])]
    changes: Vec<usize>,
    /// A PostgreSQL setting beside its defaults, as `name=value`.
    #[arg(long = "postgres")]
    postgres: Vec<String>,
    /// Connections of the load generator.
    #[arg(long, default_value_t = rig::CONNECTIONS)]
    connections: usize,
    /// Posts per second for the forwarding times, instead of half of the sustained rate.
    #[arg(long)]
    rate: Option<f64>,
    /// Events that pile up for an endpoint that is down; `bench backlog` measures many more.
    #[arg(long = "backlog", default_value_t = 100_000)]
    events: u64,
    /// Posts per second while they pile up.
    #[arg(long, default_value_t = 8000.0)]
    backlog_rate: f64,
    /// Pairs of runs with and without failing endpoints.
    #[arg(long, default_value_t = 7)]
    pairs: usize,
}

/// All results of one run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measures {
    #[serde(flatten)]
    pub(crate) context: RunContext,
    pub(crate) connections: usize,
    pub(crate) durations: Durations,
    /// The signature check alone, before and after the product; the higher rate counts.
    pub(crate) ceiling: Vec<SustainedRate>,
    pub(crate) ingest: Vec<Ingest>,
    pub(crate) approval: Option<Approval>,
    pub(crate) footprint: Vec<(Engine, Footprint)>,
    pub(crate) forwarding: Forwarding,
    /// Size of the program in megabytes of a million bytes.
    pub(crate) binary_mb: Option<f64>,
    /// Whether every requested part was measured.
    pub(crate) is_complete: bool,
}

impl Run {
    /// Measures, prints the table and writes the page.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let durations = if self.smoke { Durations::SMOKE } else { Durations::of(self.quick) };
        let rig = Rig {
            connections: self.connections,
            postgres_settings: self.postgres.clone(),
            ..Rig::new(&folder, durations)?
        };
        let mut measures = self.begin(&rig)?;
        let outcome = self.measure_all(&rig, &mut measures).await;
        let _ = std::fs::remove_dir_all(&folder);
        report::print(&measures);
        outcome?;
        ensure!(!self.smoke || measures.forwarding.is_complete(), "an acknowledged event was not delivered");
        Ok(())
    }

    /// Whether the results go into the page.
    fn writes_page(&self) -> bool {
        !self.quick && !self.smoke && self.parts.is_empty()
    }

    /// Path of the page.
    fn page(&self) -> PathBuf {
        let by_engine = || match self.engines.as_slice() {
            [engine] => format!("docs/measurements/bench-{}.md", engine.to_string().to_lowercase()).into(),
            _ => PathBuf::from("docs/measurements/bench.md"),
        };
        self.out.clone().unwrap_or_else(by_engine)
    }

    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }

    fn begin(&self, rig: &Rig) -> anyhow::Result<Measures> {
        Ok(Measures {
            context: RunContext::begin(&rig.programs, &rig.folder)?,
            connections: self.connections,
            durations: rig.durations,
            ceiling: Vec::new(),
            ingest: Vec::new(),
            approval: None,
            footprint: Vec::new(),
            forwarding: Forwarding::default(),
            binary_mb: footprint::size_mb(&rig.programs.linekeeper),
            is_complete: false,
        })
    }

    /// Writes the page with the results so far, so that a run that is ended early keeps them.
    fn save(&self, measures: &Measures) -> anyhow::Result<()> {
        if !self.writes_page() {
            return Ok(());
        }
        page::write_raw(&self.page(), measures)?;
        report::write(measures, &self.page())
    }

    async fn measure_all(&self, rig: &Rig, measures: &mut Measures) -> anyhow::Result<()> {
        if self.wants(Part::Footprint) {
            for engine in &self.engines {
                measures.footprint.push((*engine, self.measure_footprint(rig, *engine).await?));
            }
        }
        if self.wants(Part::Approval) {
            measures.approval = Some(self.measure_approval(rig).await?);
        }
        if self.wants(Part::Ingest) {
            self.measure_ingest(rig, measures).await?;
        }
        if self.wants(Part::Slow) {
            for engine in &self.engines {
                measures.ingest.push(ingest::measure(rig, *engine, 1, SLOW_FSYNC_MS).await?);
                self.save(measures)?;
            }
        }
        self.measure_forwarding(rig, measures).await?;
        measures.context.end();
        measures.is_complete = true;
        self.save(measures)
    }

    async fn measure_forwarding(&self, rig: &Rig, measures: &mut Measures) -> anyhow::Result<()> {
        for engine in &self.engines {
            if self.wants(Part::Delivered) {
                let is_same = |ingest: &&Ingest| {
                    ingest.engine == *engine && ingest.fsync_added_ms == 0 && ingest.sustained.changes == 1
                };
                let ingest = measures.ingest.iter().find(is_same).map(|ingest| ingest.sustained.events_per_s);
                let delivered = forward::delivered::measure(rig, *engine, self.rate, ingest).await?;
                measures.forwarding.delivered.push(delivered);
            }
            if self.wants(Part::FanOut) {
                measures.forwarding.fan_out.push(forward::fan_out::measure(rig, *engine).await?);
            }
            if self.wants(Part::Backlog) {
                let size = forward::backlog::Size { events: self.events, rate: self.backlog_rate };
                measures.forwarding.backlog.push(forward::backlog::measure(rig, *engine, size).await?);
            }
            if self.wants(Part::Isolation) {
                measures.forwarding.isolation.push(forward::isolation::measure(rig, *engine, self.pairs).await?);
            }
            self.save(measures)?;
        }
        Ok(())
    }

    /// Measures every engine between two measurements of the ceiling.
    async fn measure_ingest(&self, rig: &Rig, measures: &mut Measures) -> anyhow::Result<()> {
        for changes in &self.changes {
            measures.ceiling.push(ingest::ceiling(rig, *changes).await?);
            for engine in &self.engines {
                measures.ingest.push(ingest::measure(rig, *engine, *changes, 0).await?);
                self.save(measures)?;
            }
            if *changes == 1 {
                measures.ceiling.push(ingest::ceiling(rig, *changes).await?);
            }
        }
        Ok(())
    }

    async fn measure_approval(&self, rig: &Rig) -> anyhow::Result<Approval> {
        log_progress(&format!("approval to live (load average {})", load_average()));
        let database = TestDatabase::open(Engine::Sqlite, &rig.folder, Tuning::default()).await?;
        let (_meta, meta) = start_emulator(&rig.programs, &rig.folder).await?;
        let config = database.config(&meta)?;
        let tenant = config.prepare(&rig.programs)?;
        let server = config.serve(&rig.programs).await?;
        let clients = ApiClients { http: reqwest::Client::new(), config: &config, tenant: &tenant };
        let numbers = clients.sign_up(if self.quick { 5 } else { 60 }, true).await?;
        let approval = clients.approve(&numbers).await?;
        drop(server);
        database.remove().await?;
        Ok(approval)
    }

    async fn measure_footprint(&self, rig: &Rig, engine: Engine) -> anyhow::Result<Footprint> {
        log_progress(&format!("memory and start, {engine} (load average {})", load_average()));
        let tuning = Tuning { settings: &self.postgres, ..Tuning::default() };
        let database = TestDatabase::open(engine, &rig.folder, tuning).await?;
        let (_meta, meta) = start_emulator(&rig.programs, &rig.folder).await?;
        let config = database.config(&meta)?;
        config.prepare(&rig.programs)?;
        let footprint = footprint::measure(&config, &rig.programs, if self.quick { 5 } else { 20 }).await?;
        database.remove().await?;
        Ok(footprint)
    }
}
