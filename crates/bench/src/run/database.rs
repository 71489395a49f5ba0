//! Throw-away databases: a SQLite file, or a database on a PostgreSQL of our own with the
//! engine's defaults, synchronous commit included, but for settings that were named. Ends with the run.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::process::{Process, output};

/// Which database stands behind the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Engine {
    /// Its name for people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// What is other than usual about a PostgreSQL of our own.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tuning<'a> {
    /// Slows its disk.
    pub(crate) preload: Option<&'a Preload>,
    /// Its settings, each `name=value`.
    pub(crate) settings: &'a [String],
}

/// A PostgreSQL of our own.
pub(crate) struct Postgres {
    process: Process,
    folder: PathBuf,
}

impl Postgres {
    /// The newest one installed, in words.
    pub(crate) fn version() -> Option<String> {
        output(Command::new(programs()?.join("postgres")).arg("--version")).ok().map(|text| text.trim().to_owned())
    }

    /// Starts one.
    pub(crate) async fn start(folder: &Path, tuning: Tuning<'_>) -> anyhow::Result<Self> {
        let programs = programs().context("no PostgreSQL server under /usr/lib/postgresql")?;
        let _ = fs::remove_dir_all(folder);
        fs::create_dir(folder)?;
        let is_root = fs::metadata("/proc/self")?.uid() == 0;
        if is_root {
            output(Command::new("chown").arg("postgres:postgres").arg(folder))?;
        }
        let data = folder.join("data");
        let mut make = as_postgres(is_root, &programs.join("initdb"));
        make.args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--pgdata"]).arg(&data);
        output(&mut make)?;
        let mut serve = as_postgres(is_root, &programs.join("postgres"));
        serve.arg("-D").arg(&data).arg("-k").arg(folder).args(["-c", "listen_addresses="]);
        for setting in tuning.settings {
            serve.args(["-c", setting]);
        }
        if let Some(preload) = tuning.preload {
            preload.apply(&mut serve);
        }
        let log = folder.with_extension("log");
        let mut server =
            Self { process: Process::start(&mut serve, &log)?.ended_by("-INT"), folder: folder.to_owned() };
        let deadline = Instant::now() + Duration::from_mins(1);
        while PgConnection::connect(&server.address("postgres")).await.is_err() {
            server.process.check()?;
            ensure!(Instant::now() < deadline, "PostgreSQL does not answer; see {}", log.display());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Makes a database and says where it is; one of the same name is thrown away.
    pub(crate) async fn create(&self, name: &str) -> anyhow::Result<String> {
        let mut conn = PgConnection::connect(&self.address("postgres")).await?;
        // the names are ours
        conn.execute(sqlx::AssertSqlSafe(format!("drop database if exists {name}"))).await?;
        conn.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await?;
        Ok(self.address(name))
    }

    /// Throws a database away.
    pub(crate) async fn remove(&self, name: &str) -> anyhow::Result<()> {
        let mut conn = PgConnection::connect(&self.address("postgres")).await?;
        conn.execute(sqlx::AssertSqlSafe(format!("drop database if exists {name}"))).await?;
        Ok(())
    }

    fn address(&self, database: &str) -> String {
        let socket = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{socket}/{database}")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.process.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A library that makes every fsync slower.
#[derive(Debug, Clone)]
pub(crate) struct Preload {
    library: PathBuf,
    milliseconds: u32,
}

impl Preload {
    /// Compiles it.
    pub(crate) fn build(folder: &Path, milliseconds: u32) -> anyhow::Result<Self> {
        let source = folder.join("slow_fsync.c");
        let library = folder.join("slow_fsync.so");
        fs::write(&source, include_str!("../../shim/slow_fsync.c"))?;
        output(Command::new("gcc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).arg("-ldl"))?;
        Ok(Self { library, milliseconds })
    }

    /// Makes a command's process use it.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("BENCH_FSYNC_MS", self.milliseconds.to_string());
    }
}

/// PostgreSQL refuses to run as root.
fn as_postgres(is_root: bool, program: &Path) -> Command {
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program).current_dir("/");
    command
}

fn programs() -> Option<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = installed.filter_map(|entry| {
        let programs = entry.path().join("bin");
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        (programs.join("postgres").is_file() && programs.join("initdb").is_file()).then_some((version, programs))
    });
    versions.max_by_key(|(version, _)| *version).map(|(_, programs)| programs)
}
