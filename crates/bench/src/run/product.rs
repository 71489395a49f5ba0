//! The product and Meta's stand-in as processes of their own, configured through the environment like
//! anybody's installation.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use server::seal::Keyring;

use super::database::Preload;
use super::process::{Process, output};

/// The app at Meta.
const APP_ID: &str = "740000000000001";

/// What the posts are signed with.
pub(crate) const APP_SECRET: &str = "bench-app-secret-2f61";

/// How long a process may take until it answers.
const READY: Duration = Duration::from_mins(1);

/// The programs, all built with the same settings.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// The product.
    pub(crate) linekeeper: PathBuf,
    /// Meta's stand-in.
    pub(crate) emulator: PathBuf,
    /// This program.
    pub(crate) bench: PathBuf,
    /// The folder they are in, which is named after the build profile.
    pub(crate) profile: String,
}

impl Programs {
    /// Those beside this one.
    pub(crate) fn beside_us() -> anyhow::Result<Self> {
        let bench = std::env::current_exe()?;
        let folder = bench.parent().context("no folder")?.to_owned();
        let program = |name: &str| {
            let path = folder.join(name);
            ensure!(path.is_file(), "{} is not built; use `make bench`", path.display());
            Ok(path)
        };
        let profile = folder.file_name().map(|name| name.display().to_string()).unwrap_or_default();
        Ok(Self { linekeeper: program("linekeeper")?, emulator: program("graph-emulator")?, bench, profile })
    }
}

/// How the product is configured.
#[derive(Clone)]
pub(crate) struct Setting {
    /// Its database.
    pub(crate) database: String,
    /// Its seal key.
    pub(crate) keys: SecretString,
    /// Where Meta is.
    pub(crate) meta: String,
    /// Makes its disk slower.
    pub(crate) preload: Option<Preload>,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Where logs go.
    pub(crate) folder: PathBuf,
}

impl Setting {
    /// Over a database, with a fresh key and port.
    pub(crate) fn new(database: &str, meta: &str, folder: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            database: database.to_owned(),
            keys: Keyring::generate(),
            meta: meta.to_owned(),
            preload: None,
            listen: free_address()?,
            folder: folder.to_owned(),
        })
    }

    /// The base of its addresses.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// A command with the whole configuration.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .env("LINEKEEPER_PUBLIC_URL", self.url())
            .env("LINEKEEPER_LISTEN", self.listen.to_string())
            .env("LINEKEEPER_DATABASE", &self.database)
            .env("LINEKEEPER_SEAL_KEYS", self.keys.expose_secret())
            .env("LINEKEEPER_META_APP_ID", APP_ID)
            .env("LINEKEEPER_META_APP_SECRET", APP_SECRET)
            .env("LINEKEEPER_META_BASE_URL", &self.meta)
            // what is forwarded goes to this machine
            .env("LINEKEEPER_DELIVERY_ALLOW_SUBNETS", "127.0.0.1")
            .env("LINEKEEPER_DELIVERY_ALLOW_HTTP", "true")
            // a search stores tens of gigabytes, and a full database refuses
            .env("LINEKEEPER_RETENTION_MAX_GIGABYTES", "0");
        command
    }

    /// Makes the tables, an account and a key for it.
    pub(crate) fn prepare(&self, programs: &Programs) -> anyhow::Result<Tenant> {
        output(self.command(&programs.linekeeper).arg("migrate"))?;
        self.tenant(programs, "Bench")
    }

    /// Makes an account and a key for it.
    pub(crate) fn tenant(&self, programs: &Programs, name: &str) -> anyhow::Result<Tenant> {
        let cli = |args: &[&str]| -> anyhow::Result<Value> {
            let text = output(self.command(&programs.linekeeper).arg("--json").args(args))?;
            Ok(serde_json::from_str(&text).unwrap_or_default())
        };
        let account = cli(&["account", "create", "--name", name])?["id"].as_i64().context("no account")?;
        let key = cli(&["key", "create", "--account", &account.to_string(), "--scope", "admin", "--name", "bench"])?;
        let key = key["secret"].as_str().context("no key")?.into();
        Ok(Tenant { account, key })
    }

    /// Starts the product and waits until it answers.
    pub(crate) async fn serve(&self, programs: &Programs) -> anyhow::Result<Process> {
        let mut command = self.command(&programs.linekeeper);
        command.arg("serve");
        if let Some(preload) = &self.preload {
            preload.apply(&mut command);
        }
        self.start(&mut command, "linekeeper").await
    }

    /// Starts the ceiling and waits until it answers.
    pub(crate) async fn serve_ceiling(&self, programs: &Programs) -> anyhow::Result<Process> {
        self.start(self.command(&programs.bench).arg("ceiling"), "ceiling").await
    }

    /// Starts a server configured so and waits until it answers.
    pub(crate) async fn start(&self, command: &mut Command, name: &str) -> anyhow::Result<Process> {
        let mut process = Process::start(command, &self.folder.join(format!("{name}.log")))?;
        wait_until_it_answers(&format!("{}/healthz", self.url()), &mut process).await?;
        Ok(process)
    }
}

/// Who uses the product's API.
#[derive(Clone)]
pub(crate) struct Tenant {
    /// The account.
    pub(crate) account: i64,
    /// Its key.
    pub(crate) key: SecretString,
}

/// Starts Meta's stand-in on the wall's clock; its base address.
pub(crate) async fn start_meta(programs: &Programs, folder: &Path) -> anyhow::Result<(Process, String)> {
    let address = free_address()?;
    let mut command = Command::new(&programs.emulator);
    command.args(["--port", &address.port().to_string(), "--app-id", APP_ID, "--app-secret", APP_SECRET]);
    let mut process = Process::start(&mut command, &folder.join("meta.log"))?;
    let url = format!("http://{address}");
    wait_until_it_answers(&format!("{url}/_emulator/clock"), &mut process).await?;
    Ok((process, url))
}

/// Waits until an address answers well, or the process has ended.
pub(crate) async fn wait_until_it_answers(url: &str, process: &mut Process) -> anyhow::Result<()> {
    let deadline = Instant::now() + READY;
    loop {
        if reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        process.check()?;
        ensure!(Instant::now() < deadline, "{url} does not answer");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A port nobody uses at the moment.
pub(crate) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
