//! A temporary PostgreSQL server with the engine's default settings, synchronous commit included, except those a command
//! gives. The server stops and its files are removed at the end of the run.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::process::{Process, output};

/// The database engine of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, strum::Display)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    #[strum(serialize = "SQLite")]
    Sqlite,
    #[strum(serialize = "PostgreSQL")]
    Postgres,
}

/// What differs from the defaults of a temporary PostgreSQL server.
#[derive(Clone, Copy, Default)]
pub(crate) struct Tuning<'a> {
    /// Library that slows its disk down.
    pub(crate) preload: Option<&'a Preload>,
    /// Settings, each as `name=value`.
    pub(crate) settings: &'a [String],
}

/// A temporary PostgreSQL server.
pub(crate) struct Postgres {
    process: Process,
    folder: PathBuf,
}

impl Postgres {
    /// Version of the newest installed PostgreSQL, as it prints it.
    pub(crate) fn version() -> Option<String> {
        output(Command::new(programs()?.join("postgres")).arg("--version")).ok().map(|text| text.trim().to_owned())
    }

    /// Starts a server in an empty folder.
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

    /// Creates an empty database and returns its URL; an existing one of this name is dropped.
    pub(crate) async fn create(&self, name: &str) -> anyhow::Result<String> {
        let mut conn = PgConnection::connect(&self.address("postgres")).await?;
        // Only names of this program are used.
        conn.execute(sqlx::AssertSqlSafe(format!("drop database if exists {name}"))).await?;
        conn.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await?;
        Ok(self.address(name))
    }

    /// Drops a database of this server.
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

/// A library for `LD_PRELOAD` that slows every fsync down.
#[derive(Debug, Clone)]
pub(crate) struct Preload {
    library: PathBuf,
    milliseconds: u32,
}

impl Preload {
    /// Compiles the library with gcc.
    pub(crate) fn build(folder: &Path, milliseconds: u32) -> anyhow::Result<Self> {
        let source = folder.join("slow_fsync.c");
        let library = folder.join("slow_fsync.so");
        fs::write(&source, include_str!("../../shim/slow_fsync.c"))?;
        output(Command::new("gcc").args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source).arg("-ldl"))?;
        Ok(Self { library, milliseconds })
    }

    /// Makes the process of a command use the library.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("BENCH_FSYNC_MS", self.milliseconds.to_string());
    }
}

/// A command that runs as the user postgres, since PostgreSQL refuses to run as root.
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
