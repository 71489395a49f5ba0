//! `bench peers`: the highest rate that we hold and that other receivers hold, one after the other in one run, with the
//! same posts from the same generator. What each keeps before it answers is told beside its figures; every
//! acknowledged message is looked for in its database.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::{Connection as _, SqliteConnection};

use super::database::{Engine, Postgres};
use super::machine::{Machine, load_average};
use super::process::{Process, output};
use super::product::{APP_SECRET, Programs, free_address, wait_until_it_answers};
use super::rows::Rows;
use super::search::{Held, Loader, Pace};
use super::{Bench, Run, say};
use crate::load::acks::Acks;
use crate::load::body::number_of;

mod report;

/// What a handshake must carry.
pub(super) const VERIFY_TOKEN: &str = "bench-verify-token-77c0";

/// Where the peers are, from the root of the repository.
const FOLDER: &str = "bench/peers";

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Peers {
    /// Everything, but briefly: says whether it works, not how fast it is. Writes no document.
    #[arg(long)]
    quick: bool,
    /// Where databases and logs are put and removed again; its file system is what is measured.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Where the document is written.
    #[arg(long, default_value = "docs/measurements/peers.md")]
    out: PathBuf,
    /// Connections of the generator.
    #[arg(long, default_value_t = 512)]
    connections: usize,
}

/// Another receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum Peer {
    Node,
    Pywa,
}

/// A peer that runs.
pub(super) struct Receiver {
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    database: PathBuf,
}

impl Peer {
    pub(super) const ALL: [Self; 2] = [Self::Node, Self::Pywa];

    /// Its name for `run.sh`, and for people.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Pywa => "pywa",
        }
    }

    /// What it keeps of a post before it answers.
    pub(super) const fn keeps(self) -> &'static str {
        match self {
            Self::Node => "id and JSON of every message, one commit for what waits in a process; no other field",
            Self::Pywa => {
                "id and JSON of the message its handler is handed, one commit for what waits in a process; nothing else"
            }
        }
    }

    /// The versions it is made of; fails where it is not installed.
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
            format!("the {} peer is not installed: {FOLDER}/setup.sh, from the root of the repository", self.name())
        })?;
        Ok(text.trim().to_owned())
    }

    /// Starts it over an empty database and waits until it answers.
    pub(super) async fn start(self, folder: &Path) -> anyhow::Result<Receiver> {
        let database = folder.join(format!("{}.db", self.name()));
        super::remove_sqlite(&database);
        let log = folder.join(format!("{}.log", self.name()));
        let (process, address) = start(self.name(), APP_SECRET, &log, Some(&database)).await?;
        Ok(Receiver { process, address, database })
    }
}

/// Starts what `run.sh` knows by this name and waits until it answers.
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

/// One receiver, measured.
#[derive(Debug, Clone, Serialize)]
struct Measured {
    name: &'static str,
    made_of: String,
    keeps: &'static str,
    load_average: String,
    held: Held,
    /// What its database held; a ceiling has none.
    rows: Option<Rows>,
}

/// Everything measured.
#[derive(Debug, Clone, Serialize)]
struct Measures {
    date: Timestamp,
    profile: String,
    machine: Machine,
    connections: usize,
    pace: Pace,
    /// Signature check only, before the others and after them.
    ceilings: Vec<Measured>,
    ours: Measured,
    peers: Vec<Measured>,
}

impl Peers {
    /// Measures.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-peers-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let result = self.measure(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = result?;
        report::print(&measures);
        if self.quick { Ok(()) } else { report::write(&measures, &self.out) }
    }

    async fn measure(&self, folder: &Path) -> anyhow::Result<Measures> {
        let made_of = Peer::ALL.map(Peer::versions);
        let run =
            Run { quick: self.quick, connections: self.connections, ..Run::of(vec![Engine::Sqlite], &self.folder) };
        let pace = Pace::of(self.quick);
        let bench = Bench { run: &run, programs: Programs::beside_us()?, folder: folder.to_owned(), pace };
        let machine = Machine::look(folder, Postgres::version())?;
        let mut ceilings = vec![ceiling(&bench).await?];
        let ours = ours(&bench).await?;
        let mut peers = Vec::new();
        for (peer, made_of) in Peer::ALL.into_iter().zip(made_of) {
            peers.push(theirs(&bench, peer, made_of?).await?);
        }
        ceilings.push(ceiling(&bench).await?);
        #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
        let date = Timestamp::now();
        let profile = bench.programs.profile.clone();
        Ok(Measures { date, profile, machine, connections: self.connections, pace, ceilings, ours, peers })
    }
}

async fn ceiling(bench: &Bench<'_>) -> anyhow::Result<Measured> {
    let load_average = load_average();
    let held = bench.ceiling(1).await?;
    Ok(Measured {
        name: "signature check only",
        made_of: made_of_ours(),
        keeps: "nothing: our listener, router and signature check",
        load_average,
        held,
        rows: None,
    })
}

async fn ours(bench: &Bench<'_>) -> anyhow::Result<Measured> {
    let ingest = bench.ingest(Engine::Sqlite, 1, 0).await?;
    Ok(Measured {
        name: "Linekeeper",
        made_of: made_of_ours(),
        keeps: "every change of every field, whole and sealed, with a key against repetition; one commit for what waits",
        load_average: ingest.load_average,
        held: ingest.held,
        rows: Some(ingest.rows),
    })
}

fn made_of_ours() -> String {
    format!("linekeeper {}, SQLite", env!("CARGO_PKG_VERSION"))
}

async fn theirs(bench: &Bench<'_>, peer: Peer, made_of: String) -> anyhow::Result<Measured> {
    let load_average = load_average();
    say(&format!("{} (load average {load_average})", peer.name()));
    let receiver = peer.start(&bench.folder).await?;
    let mut loader = Loader {
        programs: bench.programs.clone(),
        target: receiver.address,
        numbers: vec!["106000000000001:102000000000001".to_owned()],
        changes: 1,
        people: 1,
        warmup: bench.pace.warmup,
        connections: bench.run.connections,
        folder: bench.folder.clone(),
        first: 1,
        acks: Vec::new(),
    };
    let held = loader.highest(bench.pace, &receiver.process)?;
    let database = receiver.database.clone();
    drop(receiver);
    let rows = kept(&database, &loader.acks).await?;
    say(&format!("    rows: {rows:?}"));
    super::remove_sqlite(&database);
    Ok(Measured { name: peer.name(), made_of, keeps: peer.keeps(), load_average, held, rows: Some(rows) })
}

/// Which of the acknowledged messages a peer's database holds; its primary key lets none be there twice.
async fn kept(database: &Path, acknowledged: &[Acks]) -> anyhow::Result<Rows> {
    let mut conn = SqliteConnection::connect(&format!("sqlite://{}", database.display())).await?;
    let ids: Vec<(String,)> = sqlx::query_as("select id from message").fetch_all(&mut conn).await?;
    conn.close().await?;
    let mut found = Acks::new(0);
    let mut rows = Rows { acknowledged: acknowledged.iter().map(Acks::len).sum(), ..Rows::default() };
    for (id,) in ids {
        let Some(number) = number_of(id.as_bytes()) else { continue };
        ensure!(number < 1 << 40, "{id} is a strange number");
        rows.stored += 1;
        rows.twice += u64::from(!found.insert(number));
    }
    rows.missing = acknowledged.iter().flat_map(Acks::iter).filter(|number| !found.contains(*number)).count() as u64;
    Ok(rows)
}
