//! The product and the emulator of Meta as processes, configured through the environment like any installation.

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

/// Id of the app at Meta.
const APP_ID: &str = "740000000000001";

/// App secret that signs the posts.
pub(crate) const APP_SECRET: &str = "bench-app-secret-2f61";

/// Time within which a started process must answer.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The programs, all built with the same settings.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) linekeeper: PathBuf,
    pub(crate) emulator: PathBuf,
    pub(crate) bench: PathBuf,
    /// Name of their folder, which is the build profile.
    pub(crate) profile: String,
}

impl Programs {
    /// The programs in the folder of this one.
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

/// The configuration of one process of the product.
#[derive(Clone)]
pub(crate) struct ProductConfig {
    /// URL of its database.
    pub(crate) database: String,
    /// Keys that seal stored secrets and bodies.
    pub(crate) keys: SecretString,
    /// Base address of Meta's Graph API.
    pub(crate) meta: String,
    /// Library that slows its disk down.
    pub(crate) preload: Option<Preload>,
    /// Address that it listens on.
    pub(crate) listen: SocketAddr,
    /// Folder for its logs.
    pub(crate) folder: PathBuf,
}

impl ProductConfig {
    /// A configuration for a database, with a new key and port.
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

    /// Base address of the product.
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
            // The receivers of forwarded messages are on this machine.
            .env("LINEKEEPER_DELIVERY_ALLOW_SUBNETS", "127.0.0.1")
            .env("LINEKEEPER_DELIVERY_ALLOW_HTTP", "true")
            // A rate search stores tens of gigabytes; a limit would refuse them.
            .env("LINEKEEPER_RETENTION_MAX_GIGABYTES", "0");
        command
    }

    /// Migrates the database and creates an account with a key.
    pub(crate) fn prepare(&self, programs: &Programs) -> anyhow::Result<Tenant> {
        output(self.command(&programs.linekeeper).arg("migrate"))?;
        self.tenant(programs, "Bench")
    }

    /// Creates an account and an API key for it.
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

    /// Starts a server with this configuration and waits until it answers.
    pub(crate) async fn start(&self, command: &mut Command, name: &str) -> anyhow::Result<Process> {
        let mut process = Process::start(command, &self.folder.join(format!("{name}.log")))?;
        wait_until_it_answers(&format!("{}/healthz", self.url()), &mut process).await?;
        Ok(process)
    }
}

/// An account of the product and its API key.
#[derive(Clone)]
pub(crate) struct Tenant {
    pub(crate) account: i64,
    pub(crate) key: SecretString,
}

/// Starts the emulator of Meta on the wall clock; returns its base address too.
pub(crate) async fn start_emulator(programs: &Programs, folder: &Path) -> anyhow::Result<(Process, String)> {
    let address = free_address()?;
    let mut command = Command::new(&programs.emulator);
    command.args(["--port", &address.port().to_string(), "--app-id", APP_ID, "--app-secret", APP_SECRET]);
    let mut process = Process::start(&mut command, &folder.join("meta.log"))?;
    let url = format!("http://{address}");
    wait_until_it_answers(&format!("{url}/_emulator/clock"), &mut process).await?;
    Ok((process, url))
}

/// Waits until an address answers with success; fails if the process ends.
pub(crate) async fn wait_until_it_answers(url: &str, process: &mut Process) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        process.check()?;
        ensure!(Instant::now() < deadline, "{url} does not answer");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A local address with a port that is free at the moment.
pub(crate) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
