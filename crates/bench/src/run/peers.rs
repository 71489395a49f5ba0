//! `bench peers`: the rates that Linekeeper and other receivers sustain, measured one after the other in one run with the
//! same posts from the same generator. Every acknowledged message is searched in the receiver's database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{Connection as _, SqliteConnection};

use super::database::{Engine, Postgres};
use super::ingest;
use super::machine::{Machine, load_average};
use super::page::write_raw;
use super::process::{Process, output};
use super::product::{APP_SECRET, free_address, wait_until_it_answers};
use super::rate_search::{Durations, Loader, SustainedRate};
use super::rig::Rig;
use super::stored_rows::StoredRows;
use super::test_bed::remove_sqlite;
use crate::load::acks::Acks;
use crate::load::body::number_of;
use crate::progress::log_progress;

pub(crate) mod report;

/// Verify token of every handshake.
pub(super) const VERIFY_TOKEN: &str = "bench-verify-token-77c0";

/// Folder of the peers, relative to the root of the repository.
const FOLDER: &str = "bench/peers";

/// How to measure the receivers.
#[derive(Debug, clap::Args)]
pub(crate) struct Peers {
    /// Measure everything briefly, to see whether it works; write no page.
    #[arg(long)]
    quick: bool,
    /// Folder for temporary databases and logs; its file system is part of what is measured.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Page to write, with raw figures and plots beside it.
    #[arg(long, default_value = "docs/measurements/peers.md")]
    out: PathBuf,
    /// Connections of the load generator.
    #[arg(long, default_value_t = 512)]
    connections: usize,
}

/// Another receiver of webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub(super) enum Peer {
    Node,
    Pywa,
}

/// A running peer with its address and database.
pub(super) struct Receiver {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    database: PathBuf,
}

impl Peer {
    pub(super) const ALL: [Self; 2] = [Self::Node, Self::Pywa];

    /// The parts of a post that the peer stores before it answers.
    pub(super) const fn stores(self) -> &'static str {
        match self {
            Self::Node => "the id and JSON of every message, one commit for all that wait in a process; no other field",
            Self::Pywa => {
                "the id and JSON of the message its handler gets, one commit for all that wait in a process; nothing else"
            }
        }
    }

    /// The versions of its parts; fails if the peer is not installed.
    pub(super) fn versions(self) -> anyhow::Result<String> {
        let mut command = match self {
            Self::Node => {
                let mut node = Command::new("node");
                node.current_dir(Path::new(FOLDER).join("node")).args(["-p", NODE_VERSIONS]);
                node
            }
            Self::Pywa => {
                let mut python = Command::new(Path::new(FOLDER).join("pywa/.venv/bin/python"));
                python.args(["-c", PYTHON_VERSIONS]);
                python
            }
        };
        let text = output(&mut command).with_context(|| {
            format!("the {} peer is not installed: {FOLDER}/setup.sh, from the root of the repository", self.into_str())
        })?;
        Ok(text.trim().to_owned())
    }

    /// Starts the peer with an empty database and waits until it answers.
    pub(super) async fn start(self, folder: &Path) -> anyhow::Result<Receiver> {
        let database = folder.join(format!("{}.db", self.into_str()));
        remove_sqlite(&database);
        let log = folder.join(format!("{}.log", self.into_str()));
        let (process, address) = start(self.into_str(), APP_SECRET, &log, Some(&database)).await?;
        Ok(Receiver { process, address, database })
    }
}

/// Starts the program that `run.sh` has under this name and waits until it answers.
pub(super) async fn start(
    name: &str,
    secret: &str,
    log: &Path,
    database: Option<&Path>,
) -> anyhow::Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let mut command = Command::new(Path::new(FOLDER).join("run.sh"));
    command
        .arg(name)
        .env("PEER_PORT", address.port().to_string())
        .env("PEER_APP_SECRET", secret)
        .env("PEER_VERIFY_TOKEN", VERIFY_TOKEN)
        .envs(database.map(|path| ("PEER_DATABASE", path)));
    let mut process = Process::start(&mut command, log)?;
    wait_until_it_answers(&format!("http://{address}/observed"), &mut process).await?;
    Ok((process, address))
}

const NODE_VERSIONS: &str = "`fastify ${require('fastify/package.json').version}, better-sqlite3 \
${require('better-sqlite3/package.json').version}, Node ${process.versions.node}`";

const PYTHON_VERSIONS: &str = "import platform; from importlib.metadata import version as v
print(f\"pywa {v('pywa')}, FastAPI {v('fastapi')}, uvicorn {v('uvicorn')}, Python {platform.python_version()}\")";

/// The results of one receiver.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ReceiverResult {
    name: String,
    versions: String,
    stores: String,
    load_average: String,
    sustained: SustainedRate,
    /// Rows in its database; the ceiling has none.
    rows: Option<StoredRows>,
}

/// All results of `bench peers`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measures {
    date: Timestamp,
    profile: String,
    machine: Machine,
    connections: usize,
    durations: Durations,
    /// The signature check alone, before and after the others.
    ceilings: Vec<ReceiverResult>,
    linekeeper: ReceiverResult,
    peers: Vec<ReceiverResult>,
}

impl Peers {
    /// Measures, prints the table and writes the page.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let result = self.measure(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = result?;
        report::print(&measures);
        if self.quick {
            return Ok(());
        }
        write_raw(&self.out, &measures)?;
        report::write(&measures, &self.out)
    }

    async fn measure(&self, folder: &Path) -> anyhow::Result<Measures> {
        let versions = Peer::ALL.map(Peer::versions);
        let durations = Durations::of(self.quick);
        let rig = Rig { connections: self.connections, ..Rig::new(folder, durations)? };
        let machine = Machine::inspect(folder, Postgres::version())?;
        let mut ceilings = vec![ceiling(&rig).await?];
        let linekeeper = linekeeper(&rig).await?;
        let mut peers = Vec::new();
        for (peer, versions) in Peer::ALL.into_iter().zip(versions) {
            peers.push(measure_peer(&rig, peer, versions?).await?);
        }
        ceilings.push(ceiling(&rig).await?);
        #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
        let date = Timestamp::now();
        let profile = rig.programs.profile.clone();
        Ok(Measures { date, profile, machine, connections: self.connections, durations, ceilings, linekeeper, peers })
    }
}

async fn ceiling(rig: &Rig) -> anyhow::Result<ReceiverResult> {
    let load_average = load_average();
    let sustained = ingest::ceiling(rig, 1).await?;
    Ok(ReceiverResult {
        name: "signature check only".to_owned(),
        versions: made_of_ours(),
        stores: "nothing: Linekeeper's listener, router and signature check".to_owned(),
        load_average,
        sustained,
        rows: None,
    })
}

async fn linekeeper(rig: &Rig) -> anyhow::Result<ReceiverResult> {
    let ingest = ingest::measure(rig, Engine::Sqlite, 1, 0).await?;
    Ok(ReceiverResult {
        name: "Linekeeper".to_owned(),
        versions: made_of_ours(),
        stores: "every change of every field, whole and sealed, with a deduplication key; one commit for all that wait"
            .to_owned(),
        load_average: ingest.load_average,
        sustained: ingest.sustained,
        rows: Some(ingest.rows),
    })
}

fn made_of_ours() -> String {
    format!("linekeeper {}, SQLite", env!("CARGO_PKG_VERSION"))
}

async fn measure_peer(rig: &Rig, peer: Peer, versions: String) -> anyhow::Result<ReceiverResult> {
    let load_average = load_average();
    log_progress(&format!("{} (load average {load_average})", peer.into_str()));
    let receiver = peer.start(&rig.folder).await?;
    let mut loader = Loader {
        programs: rig.programs.clone(),
        target: receiver.address,
        numbers: vec!["106000000000001:102000000000001".to_owned()],
        changes: 1,
        people: 1,
        warmup: rig.durations.warmup,
        connections: rig.connections,
        folder: rig.folder.clone(),
        first: 1,
        acks: Vec::new(),
    };
    let sustained = loader.highest(rig.durations, &receiver.process)?;
    let database = receiver.database.clone();
    drop(receiver);
    let rows = stored_messages(&database, &loader.acks).await?;
    log_progress(&format!("    rows: {rows:?}"));
    remove_sqlite(&database);
    Ok(ReceiverResult {
        name: peer.into_str().to_owned(),
        versions,
        stores: peer.stores().to_owned(),
        load_average,
        sustained,
        rows: Some(rows),
    })
}

/// Searches the acknowledged messages in a peer's database, whose primary key prevents duplicates.
async fn stored_messages(database: &Path, acknowledged: &[Acks]) -> anyhow::Result<StoredRows> {
    let mut conn = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await?;
    let ids: Vec<(String,)> = sqlx::query_as("select id from message").fetch_all(&mut conn).await?;
    conn.close().await?;
    let mut found = Acks::new(0);
    let mut rows = StoredRows { acknowledged: acknowledged.iter().map(Acks::len).sum(), ..StoredRows::default() };
    for (id,) in ids {
        let Some(number) = number_of(id.as_bytes()) else { continue };
        ensure!(number < 1 << 40, "{id} is a strange number");
        rows.stored += 1;
        rows.duplicated += u64::from(!found.insert(number));
    }
    rows.missing = acknowledged.iter().flat_map(Acks::iter).filter(|number| !found.contains(*number)).count() as u64;
    Ok(rows)
}
