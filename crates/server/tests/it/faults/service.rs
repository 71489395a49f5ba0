//! The program `linekeeper serve` as a process over a database, with its log; and its other commands beside it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use server::runtime::clock::Clock;
use server::seal::Keyring;
use server::store::api_keys::{self, NewApiKey, Scope};
use server::store::{Store, accounts, events};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::app::{APP_ID, APP_SECRET};

/// How long a test waits for a condition.
const PATIENCE: Duration = Duration::from_mins(1);

const POLL: Duration = Duration::from_millis(50);

/// A database with a key file, an account and its key.
pub(super) struct Place {
    pub(super) url: String,
    pub(super) key_file: PathBuf,
    pub(super) keys: SecretString,
    account: i64,
    key: SecretString,
    /// Where commands run and find no file of settings.
    folder: TempDir,
}

/// A running service; dropping it kills it.
pub(super) struct Service {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    address: String,
    http: reqwest::Client,
}

impl Place {
    pub(super) async fn at(url: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keyring::generate();
        let key_file = folder.path().join("seal.keys");
        std::fs::write(&key_file, keys.expose_secret()).unwrap();
        let store = Store::open_and_migrate(&url, Keyring::parse(&keys).unwrap()).await.unwrap();
        let now = Clock::system().now();
        let mut tx = store.write().await.unwrap();
        let account = accounts::create(&mut tx, "Example Platform", now).await.unwrap();
        let key = api_keys::fresh_secret();
        let new = NewApiKey { account_id: Some(account), name: "test".to_owned(), scope: Scope::Admin };
        api_keys::insert(&mut tx, &new, &key, now).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        Self { url, key_file, keys, account: account.0, key, folder }
    }

    /// A command of the program on this database.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_linekeeper"), arguments)
    }

    fn command_of(&self, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LINEKEEPER_DATABASE", &self.url)
            .env("LINEKEEPER_SEAL_KEY_FILE", &self.key_file)
            .env("LINEKEEPER_META_APP_ID", APP_ID)
            .env("LINEKEEPER_META_APP_SECRET", APP_SECRET)
            .env("LINEKEEPER_META_BASE_URL", "http://127.0.0.1:1")
            .env("LINEKEEPER_META_MANAGE_APP_CALLBACK", "false")
            .env("LINEKEEPER_LISTEN", "127.0.0.1:0")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end; its exit status and what it wrote.
    pub(super) async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        end_of(self.command(arguments)).await
    }

    /// The same as another user of the machine, who cannot write what root owns.
    pub(super) async fn run_as_postgres(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let program = env!("CARGO_BIN_EXE_linekeeper");
        let user = ["--reuid=postgres", "--regid=postgres", "--clear-groups", program];
        end_of(self.command_of("setpriv", &[&user, arguments].concat())).await
    }

    pub(super) async fn serve(&self) -> Service {
        self.serve_with(&[]).await
    }

    /// Starts the service and waits until it answers.
    pub(super) async fn serve_with(&self, environment: &[(&str, &str)]) -> Service {
        let address = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().to_string()
        };
        // a limit of the size of files is an error here, not the end of the process
        let ignore_limits = "trap '' XFSZ; exec \"$0\" \"$@\"";
        let program = env!("CARGO_BIN_EXE_linekeeper");
        let mut command = self.command_of("sh", &["-c", ignore_limits, program, "serve"]);
        command.env("LINEKEEPER_LISTEN", &address).envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                written.lock().unwrap().push(line);
            }
        });
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let service = Service { child, log, address, http };
        service.until("it is ready", async || service.ready().await.0 == 200).await;
        service
    }

    pub(super) async fn store(&self) -> Store {
        let keys = std::fs::read_to_string(&self.key_file).unwrap();
        Store::open(&self.url, Keyring::parse(&keys.into()).unwrap()).await.unwrap()
    }

    /// How many events wait to be interpreted.
    pub(super) async fn waiting(&self) -> i64 {
        let store = self.store().await;
        let backlog = events::backlog(&mut store.read().await.unwrap()).await.unwrap();
        store.close().await;
        backlog.count
    }

    /// Asks the service to erase a person: the smallest write of the API. The status of its answer.
    pub(super) async fn write_by_api(&self, service: &Service) -> u16 {
        let url = format!("http://{}/api/v1/accounts/{}/erasures", service.address, self.account);
        let request = service.http.post(url).bearer_auth(self.key.expose_secret());
        request.json(&json!({ "person": "+15550199999" })).send().await.unwrap().status().as_u16()
    }
}

async fn end_of(mut command: Command) -> (Option<i32>, String) {
    let ended = tokio::time::timeout(PATIENCE, command.output()).await.expect("the command ends").unwrap();
    let text = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (ended.status.code(), text)
}

impl Service {
    /// Meta posts one event that is interpreted; the status of the answer.
    pub(super) async fn post(&self, name: &str) -> u16 {
        let value = json!({ "event": "ACCOUNT_UPDATE", "name": name, "filler": "x".repeat(2_000) });
        let body = json!({ "object": "whatsapp_business_account",
            "entry": [{ "id": "102", "time": 1_790_000_000, "changes": [{ "field": "account_update", "value": value }] }] })
        .to_string();
        let signature = graph_api::webhook::sign(&APP_SECRET.into(), body.as_bytes());
        let request = self.http.post(format!("http://{}/webhooks/whatsapp", self.address)).body(body);
        let answer = request.header("x-hub-signature-256", signature).send().await;
        answer.unwrap().status().as_u16()
    }

    /// Status and body of the readiness check; 0 while nothing answers.
    pub(super) async fn ready(&self) -> (u16, Value) {
        let Ok(answer) = self.http.get(format!("http://{}/readyz", self.address)).send().await else {
            return (0, Value::Null);
        };
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// The process id, to set limits of the process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Lines of the log.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// How many lines of the log contain a text.
    pub(super) fn logged(&self, text: &str) -> usize {
        self.log.lock().unwrap().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for a condition.
    #[track_caller]
    pub(super) fn until(&self, what: &'static str, is_so: impl AsyncFn() -> bool) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let until = Instant::now() + PATIENCE;
            while !is_so().await {
                assert!(Instant::now() < until, "{caller}: waited for: {what}\n{}", self.log().join("\n"));
                tokio::time::sleep(POLL).await;
            }
        }
    }

    pub(super) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The database's file in a folder, as an address.
pub(super) fn sqlite_in(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("linekeeper.db").display())
}
