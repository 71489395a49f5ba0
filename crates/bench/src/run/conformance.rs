//! `bench conformance`: runs the suite of `linekeeper conformance` against Linekeeper and other receivers in one run and shows
//! the results side by side. Must not judge results itself.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde::Deserialize;
use server::seal::Keyring;
use tokio::process::Command;

use super::clients::ApiClients;
use super::database::{Engine, Postgres, Tuning};
use super::machine::Machine;
use super::peers::{Peer, VERIFY_TOKEN};
use super::product::{APP_SECRET, Programs, start_emulator};
use super::test_bed::TestDatabase;
use crate::progress::log_progress;

mod hook;
mod report;

/// Where to put temporary files and the page.
#[derive(Debug, clap::Args)]
pub(crate) struct Conformance {
    /// Folder for temporary databases and logs.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Page to write, without raw figures.
    #[arg(long, default_value = "docs/measurements/conformance.md")]
    out: PathBuf,
}

/// The report of the suite about one receiver.
#[derive(Debug, Clone, Deserialize)]
struct SuiteReport {
    passed: usize,
    failed: usize,
    unknown: usize,
    cases: Vec<Case>,
}

/// One case of the suite.
#[derive(Debug, Clone, Deserialize)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    expected: String,
    observed: String,
    result: String,
    messages: usize,
    handled_once: Option<usize>,
    handled_more_than_once: Option<usize>,
}

/// A receiver with the report about it.
#[derive(Debug)]
struct Column {
    name: &'static str,
    versions: String,
    stores: &'static str,
    report: SuiteReport,
}

/// All results of the run.
struct Measures {
    date: Timestamp,
    machine: Machine,
    profile: String,
    columns: Vec<Column>,
}

impl Conformance {
    /// Runs the suite against every receiver and writes the page.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-conformance-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let result = against_each(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        report::write(&result?, &self.out)?;
        log_progress(&format!("written: {}", self.out.display()));
        Ok(())
    }
}

async fn against_each(folder: &Path) -> anyhow::Result<Measures> {
    let programs = Programs::beside_us()?;
    let machine = Machine::inspect(folder, Postgres::version())?;
    let versions = Peer::ALL.map(Peer::versions);
    log_progress("Linekeeper");
    let mut columns = vec![linekeeper(&programs, folder).await?];
    for (peer, versions) in Peer::ALL.into_iter().zip(versions) {
        log_progress(peer.into_str());
        let receiver = peer.start(folder).await?;
        let base = format!("http://{}", receiver.address);
        let report = suite(&programs, &base, &format!("{base}/observed"), &[]).await?;
        columns.push(Column { name: peer.into_str(), versions: versions?, stores: peer.stores(), report });
    }
    #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
    let date = Timestamp::now();
    Ok(Measures { date, machine, profile: programs.profile, columns })
}

async fn linekeeper(programs: &Programs, folder: &Path) -> anyhow::Result<Column> {
    let place = TestDatabase::open(Engine::Sqlite, folder, Tuning::default()).await?;
    let (_meta, meta) = start_emulator(programs, folder).await?;
    let config = place.config(&meta)?;
    let tenant = config.prepare(programs)?;
    let mut command = config.command(&programs.linekeeper);
    command.env("LINEKEEPER_META_VERIFY_TOKEN", VERIFY_TOKEN).arg("serve");
    let _server = config.start(&mut command, "linekeeper").await?;
    let clients = ApiClients { http: reqwest::Client::new(), config: &config, tenant: &tenant };
    let numbers = clients.sign_up(2, false).await?;
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.phone_number_id).collect();
    let observed = hook::serve(config.database.clone(), Keyring::parse(&config.keys)?).await?;
    let report = suite(programs, &config.url(), &observed, &numbers).await?;
    Ok(Column {
        name: "Linekeeper",
        versions: format!("linekeeper {}, SQLite", env!("CARGO_PKG_VERSION")),
        stores: "every change of every field, whole and sealed; a repeated change is not stored again",
        report,
    })
}

/// Runs the shipped program's suite; a failed case is a result, not an error.
async fn suite(programs: &Programs, base: &str, observed: &str, numbers: &[String]) -> anyhow::Result<SuiteReport> {
    let mut command = Command::new(&programs.linekeeper);
    command.args(["--json", "conformance", "--verify-token", VERIFY_TOKEN, "--observed-url", observed]);
    command.arg("--url").arg(format!("{base}/webhooks/whatsapp"));
    command.args(numbers.iter().flat_map(|number| ["--phone-number-id", number]));
    let output = command.env("LINEKEEPER_CONFORMANCE_SECRET", APP_SECRET).kill_on_drop(true).output().await?;
    let ran = matches!(output.status.code(), Some(0 | 3));
    ensure!(ran, "the suite could not be run: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the suite's answer cannot be read")
}
