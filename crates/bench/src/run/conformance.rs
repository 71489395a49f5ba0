//! `bench conformance`: the suite of `linekeeper conformance` against us and against the peers, in one run, side by
//! side. It judges nothing itself; it starts receivers and shows what the suite said.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde::Deserialize;
use server::seal::Keyring;
use tokio::process::Command;

use super::database::{Engine, Postgres, Tuning};
use super::live::Sides;
use super::machine::Machine;
use super::peers::{Peer, VERIFY_TOKEN};
use super::product::{APP_SECRET, Programs, start_meta};
use super::{Place, say};

mod hook;
mod report;

/// Where the document is written, and what it is about.
#[derive(Debug, clap::Args)]
pub(crate) struct Conformance {
    /// Where databases and logs are put and removed again.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Where the document is written.
    #[arg(long, default_value = "docs/measurements/conformance.md")]
    out: PathBuf,
}

/// What the suite said of a receiver.
#[derive(Debug, Clone, Deserialize)]
struct Told {
    passed: usize,
    failed: usize,
    unknown: usize,
    cases: Vec<Case>,
}

/// One case of it.
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

/// A receiver and what was said of it.
#[derive(Debug)]
struct Column {
    name: &'static str,
    made_of: String,
    keeps: &'static str,
    told: Told,
}

/// The run.
struct Measures {
    date: Timestamp,
    machine: Machine,
    profile: String,
    columns: Vec<Column>,
}

impl Conformance {
    /// Runs the suite against each.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-conformance-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let result = against_each(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        report::write(&result?, &self.out)?;
        say(&format!("written: {}", self.out.display()));
        Ok(())
    }
}

async fn against_each(folder: &Path) -> anyhow::Result<Measures> {
    let programs = Programs::beside_us()?;
    let machine = Machine::look(folder, Postgres::version())?;
    let made_of = Peer::ALL.map(Peer::versions);
    say("Linekeeper");
    let mut columns = vec![ours(&programs, folder).await?];
    for (peer, made_of) in Peer::ALL.into_iter().zip(made_of) {
        say(peer.name());
        let receiver = peer.start(folder).await?;
        let base = format!("http://{}", receiver.address);
        let told = suite(&programs, &base, &format!("{base}/observed"), &[]).await?;
        columns.push(Column { name: peer.name(), made_of: made_of?, keeps: peer.keeps(), told });
    }
    #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
    let date = Timestamp::now();
    Ok(Measures { date, machine, profile: programs.profile, columns })
}

async fn ours(programs: &Programs, folder: &Path) -> anyhow::Result<Column> {
    let place = Place::open(Engine::Sqlite, folder, Tuning::default()).await?;
    let (_meta, meta) = start_meta(programs, folder).await?;
    let setting = place.setting(&meta)?;
    let tenant = setting.prepare(programs)?;
    let mut command = setting.command(&programs.linekeeper);
    command.env("LINEKEEPER_META_VERIFY_TOKEN", VERIFY_TOKEN).arg("serve");
    let _server = setting.start(&mut command, "linekeeper").await?;
    let sides = Sides { http: reqwest::Client::new(), setting: &setting, tenant: &tenant };
    let numbers = sides.sign_up(2, false).await?;
    let numbers: Vec<String> = numbers.into_iter().map(|number| number.phone_number_id).collect();
    let observed = hook::serve(setting.database.clone(), Keyring::parse(&setting.keys)?).await?;
    let told = suite(programs, &setting.url(), &observed, &numbers).await?;
    Ok(Column {
        name: "Linekeeper",
        made_of: format!("linekeeper {}, SQLite", env!("CARGO_PKG_VERSION")),
        keeps: "every change of every field, whole and sealed; a change that came before is not kept again",
        told,
    })
}

/// Runs the shipped program's suite; that a case fails is an answer.
async fn suite(programs: &Programs, base: &str, observed: &str, numbers: &[String]) -> anyhow::Result<Told> {
    let mut command = Command::new(&programs.linekeeper);
    command.args(["--json", "conformance", "--verify-token", VERIFY_TOKEN, "--observed-url", observed]);
    command.arg("--url").arg(format!("{base}/webhooks/whatsapp"));
    command.args(numbers.iter().flat_map(|number| ["--phone-number-id", number]));
    let output = command.env("LINEKEEPER_CONFORMANCE_SECRET", APP_SECRET).kill_on_drop(true).output().await?;
    let ran = matches!(output.status.code(), Some(0 | 3));
    ensure!(ran, "the suite could not be run: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).context("the suite's answer cannot be read")
}
