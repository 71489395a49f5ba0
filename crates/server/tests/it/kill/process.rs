//! An installation of the real program: its database, its keys, Meta, and its process, which may be
//! killed and started again.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::ids::{AccountId, PhoneNumberId};
use graph_emulator::{Config as EmulatorConfig, Emulator, SignupResult};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use server::clock::Clock;
use server::killpoint::{KillPoint, MARKER};
use server::seal::Keyring;
use server::store::keys::{self, NewApiKey, Scope};
use server::store::{Engine, accounts, numbers};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::app::{APP_ID, APP_SECRET, browser};
use crate::support::stores::Database;

/// How much faster than the wall the program's clock runs.
const PACE: u32 = 20;

/// Nothing takes this long; a story that does is told as failed.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What stays when a process is killed.
pub(super) struct Installation {
    pub(super) meta: Emulator,
    pub(super) system_token: Option<String>,
    pub(super) pace: u32,
    database: Database,
    keys: SecretString,
    account: AccountId,
    key: SecretString,
    address: String,
    began: Timestamp,
    http: reqwest::Client,
}

/// One life of the program; dropped, it is killed.
pub(super) struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Installation {
    pub(super) async fn new(engine: Engine) -> Self {
        let meta = EmulatorConfig {
            app_id: APP_ID.to_owned(),
            app_secret: APP_SECRET.to_owned(),
            ..EmulatorConfig::default()
        };
        let meta = Emulator::start(meta).await.unwrap();
        let system_token = meta.with_world(|world, now| world.issue_partner_token(now));
        let database = Database::empty(engine).await;
        let keys = Keyring::generate();
        let began = Clock::system().now();
        let store = database.open(&keys).await;
        let mut tx = store.write().await.unwrap();
        let account = accounts::create(&mut tx, "Example Platform", began).await.unwrap();
        let key = keys::fresh_secret();
        let new = NewApiKey { account_id: Some(account), name: "test".to_owned(), scope: Scope::Admin };
        keys::insert(&mut tx, &new, &key, began).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        // an address that was free a moment ago, and the same for every life
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let system_token = Some(system_token);
        Self { meta, system_token, pace: PACE, database, keys, account, key, address, began, http }
    }

    /// Starts the program and waits until it answers; with a point it will stop there.
    pub(super) async fn start(&self, kill_at: Option<KillPoint>) -> Process {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_linekeeper"));
        command
            .arg("serve")
            .current_dir(folder.path())
            .env("LINEKEEPER_PUBLIC_URL", format!("http://{}", self.address))
            .env("LINEKEEPER_LISTEN", &self.address)
            .env("LINEKEEPER_DATABASE", &self.database.url)
            .env("LINEKEEPER_SEAL_KEYS", self.keys.expose_secret())
            .env("LINEKEEPER_META_APP_ID", APP_ID)
            .env("LINEKEEPER_META_APP_SECRET", APP_SECRET)
            .env("LINEKEEPER_META_BASE_URL", self.meta.base_url())
            .env("LINEKEEPER_REHEARSED_PACE", format!("{}@{}", self.pace, self.began))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(token) = &self.system_token {
            command.env("LINEKEEPER_META_SYSTEM_TOKEN", token);
        }
        if let Some(point) = kill_at {
            command.env("LINEKEEPER_KILL_AT", point.as_str());
        }
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let written = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                written.lock().unwrap().push(line);
            }
        });
        let mut process = Process { child, log };
        let answers = async || {
            let asked = self.http.get(format!("http://{}/healthz", self.address)).send().await;
            asked.is_ok_and(|answer| answer.status().is_success())
        };
        process.wait("it answers", answers).await;
        process
    }

    /// Sends what the browser got, behind; a process that dies meanwhile answers nothing.
    pub(super) fn authorize(&self, signup: &SignupResult) -> JoinHandle<Option<u16>> {
        let request = self.request("/whatsapp/authorization").json(&browser(signup));
        tokio::spawn(async move { request.send().await.ok().map(|answer| answer.status().as_u16()) })
    }

    /// As an impatient browser does, until the server takes the code.
    pub(super) async fn send_again_until_taken(&self, process: &Process, signup: &SignupResult) {
        let taken = async || self.authorize(signup).await.unwrap() == Some(200);
        process.wait_still("the code is taken", taken).await;
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}/api/v1/accounts/{}{path}", self.address, self.account);
        self.http.post(url).bearer_auth(self.key.expose_secret())
    }

    pub(super) async fn wait_for_calls(&self, process: &Process, number: &str, count: usize) {
        let called = async || self.meta.number(number).unwrap().register_calls.len() >= count;
        process.wait_still("Meta is called", called).await;
    }

    /// Until Meta holds the number live and the server says so too, with nothing left open.
    pub(super) async fn wait_until_live(&self, process: &Process, number: &str) {
        let live = async || {
            let listed = self
                .http
                .get(format!("http://{}/api/v1/accounts/{}/inboxes", self.address, self.account))
                .bearer_auth(self.key.expose_secret())
                .send();
            let Ok(listed) = listed.await else { return false };
            let listed: Value = listed.json().await.unwrap_or_default();
            let seen = self.meta.number(number).unwrap();
            let listed = listed.to_string();
            let says_so = ["\"level\":\"live\"", "\"level\":\"at_risk\""].iter().any(|level| listed.contains(level));
            seen.registered && seen.status == "CONNECTED" && says_so && !self.is_open(number).await
        };
        process.wait_still("the number is live", live).await;
    }

    /// A call without an outcome.
    async fn is_open(&self, number: &str) -> bool {
        let store = self.database.open(&self.keys).await;
        let mut tx = store.read().await.unwrap();
        let rows = numbers::attempts(&mut tx, &PhoneNumberId(number.to_owned()), 100).await.unwrap();
        drop(tx);
        store.close().await;
        rows.iter().any(|row| row.attempt.settled_at.is_none())
    }

    /// The PIN at Meta is the stored one, every call is written down, and there was at most one more
    /// than it takes; the webhooks are set.
    pub(super) async fn check(&self, number: &str, least: usize) {
        let seen = self.meta.number(number).unwrap();
        let id = PhoneNumberId(number.to_owned());
        let store = self.database.open(&self.keys).await;
        let mut tx = store.read().await.unwrap();
        let rows = numbers::attempts(&mut tx, &id, 100).await.unwrap();
        let pin = numbers::pin(&mut tx, &id).await.unwrap().map(|pin| pin.expose_secret().to_owned());
        drop(tx);
        store.close().await;
        assert!(seen.pin.is_some() && seen.pin == pin, "the stored PIN is not the number's");
        let calls = &seen.register_calls;
        assert!(rows.len() >= calls.len(), "{} written, {} received: {calls:?}", rows.len(), calls.len());
        assert!(calls.len() <= least + 1, "{} calls: {calls:?}", calls.len());
        let waba = self.meta.with_world(|world, _| world.waba(&seen.waba_id)).unwrap();
        let callback = waba.subscriptions.get(APP_ID).and_then(Option::as_ref).map(|it| it.callback_url.clone());
        let expected = format!("http://{}/webhooks/whatsapp/+{}", self.address, seen.phone_number);
        assert_eq!(callback, Some(expected), "{:?}", json!(waba.subscriptions));
    }
}

impl Process {
    /// Waits for the point and sends SIGKILL; the process must have died of that and nothing else.
    pub(super) async fn kill_at(&mut self, point: KillPoint) {
        let marker = format!("{MARKER}{}", point.as_str());
        let log = Arc::clone(&self.log);
        let reached = async || log.lock().unwrap().iter().any(|line| line.contains(&marker));
        self.wait(&marker, reached).await;
        self.child.start_kill().unwrap();
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
    }

    /// Waits for something, as long as the process lives.
    async fn wait(&mut self, what: &str, is_so: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so().await {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "waited for: {what}; {ended:?}\n{}", self.story());
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn wait_still(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(Instant::now() < until, "waited for: {what}\n{}", self.story());
            tokio::time::sleep(LOOK).await;
        }
    }

    fn story(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }
}
