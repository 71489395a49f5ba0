//! `bench run`: everything that is measured, one after the other, with what it is compared with in the
//! same run. Prints a table and writes docs/measurements/bench.md; goals that are missed are printed
//! like those that are met.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use jiff::Timestamp;
use serde::Serialize;
use server::seal::Keyring;

pub(crate) mod conformance;
pub(crate) mod consumers;
mod database;
mod live;
mod machine;
pub(crate) mod peers;
pub(crate) mod process;
mod product;
mod report;
mod rows;
mod search;
mod steady;

use database::{Engine, Postgres, Preload};
use live::{Approval, Sides};
use machine::{Machine, load_average};
use product::{Programs, Setting, free_address, start_meta};
use rows::Rows;
use search::{Held, Loader, Pace};
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
}

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// Everything, but briefly: says whether it works, not how fast it is. Writes no document.
    #[arg(long)]
    quick: bool,
    /// Where databases and logs are put and removed again; its file system is what is measured.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Where the document is written.
    #[arg(long, default_value = "docs/measurements/bench.md")]
    out: PathBuf,
    /// Only these engines.
    #[arg(long = "engine", value_enum, default_values_t = [Engine::Sqlite, Engine::Postgres])]
    engines: Vec<Engine>,
    /// Only these parts; then no document is written.
    #[arg(long = "part", value_enum)]
    parts: Vec<Part>,
    /// Only this many changes per post.
    #[arg(long = "changes", default_values_t = [1, 10])]
    changes: Vec<usize>,
    /// Connections of the generator.
    #[arg(long, default_value_t = 512)]
    connections: usize,
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
    date: Timestamp,
    profile: String,
    machine: Machine,
    load_average_before: String,
    load_average_after: String,
    connections: usize,
    pace: Pace,
    /// Signature check only; measured before and after the product, the higher one counts.
    ceiling: Vec<Held>,
    ingest: Vec<Ingest>,
    approval: Option<Approval>,
    steady: Vec<(Engine, Steady)>,
    binary_mb: Option<f64>,
}

/// One run.
struct Bench<'a> {
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
        let pace = Pace::of(self.quick);
        let bench = Bench { run: self, programs: Programs::beside_us()?, folder: folder.clone(), pace };
        let result = bench.all().await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = result?;
        report::print(&measures);
        if self.quick || !self.parts.is_empty() {
            return Ok(());
        }
        report::write(&measures, &self.out)
    }

    fn wants(&self, part: Part) -> bool {
        self.parts.is_empty() || self.parts.contains(&part)
    }
}

impl Bench<'_> {
    async fn all(&self) -> anyhow::Result<Measures> {
        #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
        let date = Timestamp::now();
        let mut measures = Measures {
            date,
            profile: self.programs.profile.clone(),
            machine: Machine::look(&self.folder, Postgres::version())?,
            load_average_before: load_average(),
            load_average_after: String::new(),
            connections: self.run.connections,
            pace: self.pace,
            ceiling: Vec::new(),
            ingest: Vec::new(),
            approval: None,
            steady: Vec::new(),
            binary_mb: steady::size_mb(&self.programs.linekeeper),
        };
        if self.run.wants(Part::Steady) {
            for engine in &self.run.engines {
                measures.steady.push((*engine, self.steady(*engine).await?));
            }
        }
        if self.run.wants(Part::Approval) {
            measures.approval = Some(self.approval().await?);
        }
        if self.run.wants(Part::Ingest) {
            self.fast(&mut measures).await?;
        }
        if self.run.wants(Part::Slow) {
            for engine in &self.run.engines {
                measures.ingest.push(self.ingest(*engine, 1, SLOW_FSYNC_MS).await?);
            }
        }
        measures.load_average_after = load_average();
        Ok(measures)
    }

    /// Every engine between two looks at the ceiling, form by form.
    async fn fast(&self, measures: &mut Measures) -> anyhow::Result<()> {
        for changes in &self.run.changes {
            measures.ceiling.push(self.ceiling(*changes).await?);
            for engine in &self.run.engines {
                measures.ingest.push(self.ingest(*engine, *changes, 0).await?);
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
        let preload = match fsync_added_ms {
            0 => None,
            milliseconds => Some(Preload::build(&self.folder, milliseconds)?),
        };
        let place = Place::open(engine, &self.folder, preload.as_ref()).await?;
        let (_meta, meta) = start_meta(&self.programs, &self.folder).await?;
        let setting = Setting { preload: preload.filter(|_| engine == Engine::Sqlite), ..place.setting(&meta)? };
        let tenant = setting.prepare(&self.programs)?;
        let server = setting.serve(&self.programs).await?;
        let sides = Sides { http: reqwest::Client::new(), setting: &setting, tenant: &tenant };
        let numbers = sides.sign_up(NUMBERS, false).await?;
        for number in &numbers {
            ensure!(sides.is_live_in_time(number).await?, "inbox {} is not live", number.inbox);
        }
        let numbers = numbers.iter().map(|number| format!("{}:{}", number.phone_number_id, number.waba_id)).collect();
        let mut loader = self.loader(&setting, changes, numbers);
        let held = loader.highest(self.pace, &server)?;
        drop(server);
        let rows = rows::check(&setting.database, &Keyring::parse(&setting.keys)?, &loader.acks).await?;
        say(&format!("    rows: {rows:?}"));
        place.remove().await?;
        Ok(Ingest { engine, fsync_added_ms, load_average, held, rows })
    }

    async fn approval(&self) -> anyhow::Result<Approval> {
        say(&format!("approval to live (load average {})", load_average()));
        let place = Place::open(Engine::Sqlite, &self.folder, None).await?;
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
        let place = Place::open(engine, &self.folder, None).await?;
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
            connections: self.run.connections,
            folder: self.folder.clone(),
            first: 1,
            acks: Vec::new(),
        }
    }
}

/// Where an engine's database is.
enum Place {
    Sqlite { folder: PathBuf, file: PathBuf },
    Postgres { folder: PathBuf, server: Postgres, url: String },
}

impl Place {
    const NAME: &'static str = "linekeeper_bench";

    async fn open(engine: Engine, folder: &Path, preload: Option<&Preload>) -> anyhow::Result<Self> {
        let owned = folder.to_owned();
        match engine {
            Engine::Sqlite => Ok(Self::Sqlite { file: folder.join("bench.db"), folder: owned }),
            Engine::Postgres => {
                let server = Postgres::start(&folder.join("postgres"), preload).await?;
                let url = server.create(Self::NAME).await?;
                Ok(Self::Postgres { folder: owned, server, url })
            }
        }
    }

    fn setting(&self, meta: &str) -> anyhow::Result<Setting> {
        let (url, folder) = match self {
            Self::Sqlite { folder, file } => (format!("sqlite://{}", file.display()), folder),
            Self::Postgres { folder, url, .. } => (url.clone(), folder),
        };
        Ok(Setting { listen: free_address()?, ..Setting::new(&url, meta, folder)? })
    }

    async fn remove(self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite { file, .. } => remove_sqlite(&file),
            Self::Postgres { server, .. } => server.remove(Self::NAME).await?,
        }
        Ok(())
    }
}

fn remove_sqlite(file: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
}

#[expect(clippy::print_stderr, reason = "progress, for whoever waits")]
fn say(text: &str) {
    eprintln!("{text}");
}
