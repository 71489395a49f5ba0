//! A throw-away PostgreSQL server: one for the test process, gone when the process is gone.
//!
//! A small shell stands over the server and waits on a pipe that this process holds: however the
//! process ends, the pipe closes, and the shell stops the server and removes its files.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::sync::OnceCell;
use uuid::Uuid;

/// The package that brings the server's programs on Debian and its children.
const PACKAGE: &str = "postgresql";

/// `$1` is the server's folder, the rest its command.
const GUARD: &str = r#"
dir=$1; shift
"$@" >"$dir/log" 2>&1 </dev/null & server=$!
cat >/dev/null
kill -INT "$server" 2>/dev/null
wait "$server"
rm -rf "$dir"
"#;

/// How the server is run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Whether a commit waits for the disk, as it does in production.
    pub(crate) fsync: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { fsync: true }
    }
}

pub(crate) struct Postgres {
    folder: PathBuf,
    /// Ends with its standard input; held for that alone.
    _guard: Child,
}

impl Postgres {
    /// The server of this test process, started when first asked for.
    pub(crate) async fn shared() -> &'static Self {
        static SERVER: OnceCell<Postgres> = OnceCell::const_new();
        SERVER.get_or_init(|| Self::start(Settings::default())).await
    }

    /// Starts a server of one's own.
    pub(crate) async fn start(settings: Settings) -> Self {
        let programs = programs();
        let folder = PathBuf::from(format!("/tmp/lk-pg-{}", Uuid::now_v7().simple()));
        fs::create_dir(&folder).unwrap();
        let drop_root = runs_as_root();
        if drop_root {
            let owner = Command::new("chown").arg("postgres:postgres").arg(&folder).status().unwrap();
            assert!(owner.success(), "no user `postgres`: {}", how_to_install());
        }
        let data = folder.join("data");
        let made = as_postgres(drop_root, &programs.join("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C"])
            .arg("--pgdata")
            .arg(&data)
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let guard = guard(drop_root, &folder, &programs.join("postgres"), settings);
        let server = Self { folder, _guard: guard };
        server.wait_until_ready().await;
        server
    }

    /// Makes an empty database and gives its address.
    pub(crate) async fn create_database(&self) -> String {
        let name = format!("t_{}", Uuid::now_v7().simple());
        let mut conn = PgConnection::connect(&self.address("postgres")).await.unwrap();
        // the name is ours alone: letters and digits
        conn.execute(sqlx::AssertSqlSafe(format!("create database {name}"))).await.unwrap();
        self.address(&name)
    }

    fn address(&self, database: &str) -> String {
        let socket = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://postgres@{socket}/{database}")
    }

    async fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while PgConnection::connect(&self.address("postgres")).await.is_err() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline && !log.contains("FATAL:  could not"), "PostgreSQL: {log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn guard(drop_root: bool, folder: &Path, program: &Path, settings: Settings) -> Child {
    let mut command = as_postgres(drop_root, Path::new("/bin/sh"));
    command.args(["-c", GUARD, "guard"]).arg(folder).arg(program).arg("-D").arg(folder.join("data"));
    command.arg("-k").arg(folder);
    let on_or_off = if settings.fsync { "on" } else { "off" };
    for setting in [
        "listen_addresses=",
        "max_connections=400",
        "shared_buffers=64MB",
        "log_min_messages=warning",
        &format!("fsync={on_or_off}"),
    ] {
        command.args(["-c", setting]);
    }
    // not in the terminal's group: an interrupt reaches it through the pipe
    command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut guard = command.spawn().unwrap();
    guard.stdin.as_mut().unwrap().flush().unwrap();
    guard
}

/// PostgreSQL refuses to run as root.
fn as_postgres(drop_root: bool, program: &Path) -> Command {
    if !drop_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command.current_dir("/tmp");
    command
}

fn runs_as_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Where the newest installed server's programs are.
fn programs() -> PathBuf {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, folder)| folder.join("postgres").is_file() && folder.join("initdb").is_file())
        .collect();
    folders.sort();
    match folders.pop() {
        Some((_, folder)) => folder,
        None => panic!("no PostgreSQL server under /usr/lib/postgresql: {}", how_to_install()),
    }
}

fn how_to_install() -> String {
    format!("these tests run on a real one; install the Debian package `{PACKAGE}`")
}
