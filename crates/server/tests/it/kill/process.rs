//! An installation of the real program: its database, its keys, the emulator, and its process, which a test
//! can kill and start again.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use domain::delivery::{EventKind, Format};
use domain::ids::{AccountId, PhoneNumberId};
use graph_emulator::{Config as EmulatorConfig, Emulator, SignupResult};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use server::runtime::clock::Clock;
use server::runtime::failpoint::{Failpoint, MARKER};
use server::seal::Keyring;
use server::store::api_keys::{self, NewApiKey, Scope};
use server::store::endpoints::{self, NewEndpoint};
use server::store::{Engine, accounts, channels, numbers, signups};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::app::{APP_ID, APP_SECRET, browser};
use crate::support::stores::Database;

/// How much faster than the wall clock the program's clock runs.
const CLOCK_SPEED: i32 = 20;

/// How long a test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often a condition is checked.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Everything that survives the kill of a process.
pub(super) struct Installation {
    pub(super) meta: Emulator,
    pub(super) system_token: Option<String>,
    pub(super) clock_speed: i32,
    /// Names the test in the message of a failure.
    name: String,
    database: Database,
    keys: SecretString,
    account: AccountId,
    key: SecretString,
    address: String,
    began: Timestamp,
    http: reqwest::Client,
}

/// One run of the program; dropping it kills it.
pub(super) struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    name: String,
}

impl Installation {
    pub(super) async fn new(name: &str, engine: Engine) -> Self {
        let meta = EmulatorConfig {
            app_id: APP_ID.to_owned(),
            app_secret: APP_SECRET.to_owned(),
            ..EmulatorConfig::default()
        };
        let meta = Emulator::start(meta).await.unwrap();
        let system_token = meta.with_world(graph_emulator::World::issue_partner_token);
        let database = Database::empty(engine).await;
        let keys = Keyring::generate();
        let began = Clock::system().now();
        let store = database.open(&keys).await;
        let mut tx = store.write().await.unwrap();
        let account = accounts::create(&mut tx, "Example Platform", began).await.unwrap();
        let key = api_keys::fresh_secret();
        let new = NewApiKey { account_id: Some(account), name: "test".to_owned(), scope: Scope::Admin };
        api_keys::insert(&mut tx, &new, &key, began).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
        let address = free_address();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let system_token = Some(system_token);
        let name = format!("{name} on {engine:?}");
        Self { meta, system_token, clock_speed: CLOCK_SPEED, name, database, keys, account, key, address, began, http }
    }

    /// Lets time pass while no process runs: the clock of the next one is ahead by it, because its speed counts
    /// from an earlier instant. The emulator's clock, which dates its webhooks, follows.
    pub(super) async fn pass(&mut self, time: SignedDuration) {
        self.began -= time / (self.clock_speed - 1);
        let wall = Clock::system().now();
        self.meta.set_now(self.began + wall.duration_since(self.began) * self.clock_speed).await;
    }

    /// Starts the program and waits until it answers; with a failpoint it will stop there.
    pub(super) async fn start(&self, failpoint: Option<Failpoint>) -> Process {
        self.start_at(&self.address, failpoint).await
    }

    /// The same at another address: a second process on the same database.
    pub(super) async fn start_at(&self, address: &str, failpoint: Option<Failpoint>) -> Process {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_linekeeper"));
        command
            .arg("serve")
            .current_dir(folder.path())
            .env("LINEKEEPER_PUBLIC_URL", format!("http://{}", self.address))
            .env("LINEKEEPER_DELIVERY_ALLOW_SUBNETS", "127.0.0.0/8")
            .env("LINEKEEPER_DELIVERY_ALLOW_HTTP", "true")
            .env("LINEKEEPER_LISTEN", address)
            .env("LINEKEEPER_DATABASE", &self.database.url)
            .env("LINEKEEPER_SEAL_KEYS", self.keys.expose_secret())
            .env("LINEKEEPER_META_APP_ID", APP_ID)
            .env("LINEKEEPER_META_APP_SECRET", APP_SECRET)
            .env("LINEKEEPER_META_BASE_URL", self.meta.base_url())
            .env("LINEKEEPER_CLOCK_SPEED", format!("{}@{}", self.clock_speed, self.began))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(token) = &self.system_token {
            command.env("LINEKEEPER_META_SYSTEM_USER_TOKEN", token);
        }
        if let Some(point) = failpoint {
            command.env("LINEKEEPER_FAILPOINT", point.as_str());
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
        let mut process = Process { child, log, name: self.name.clone() };
        let answers = async || {
            let asked = self.http.get(format!("http://{address}/healthz")).send().await;
            asked.is_ok_and(|answer| answer.status().is_success())
        };
        process.wait("it answers", answers).await;
        process
    }

    /// The addresses of `count` processes; the first is the one the emulator posts to.
    pub(super) fn addresses(&self, count: usize) -> Vec<String> {
        std::iter::once(self.address.clone()).chain((1..count).map(|_| free_address())).collect()
    }

    /// An endpoint of the account for a receiver, as Standard Webhooks.
    pub(super) async fn forward_to(&self, url: &str) {
        let settings = endpoints::Settings {
            name: "receiver".to_owned(),
            url: url.into(),
            host: "127.0.0.1".to_owned(),
            kinds: vec![EventKind::Messages],
            headers: BTreeMap::new(),
            per_second: None,
        };
        let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3".into();
        let new =
            NewEndpoint { account_id: self.account, channel_id: None, format: Format::Standard, secret, settings };
        let store = self.database.open(&self.keys).await;
        let mut tx = store.write().await.unwrap();
        endpoints::insert(&mut tx, &new, self.began).await.unwrap();
        tx.commit().await.unwrap();
        store.close().await;
    }

    /// Posts the popup's result in a task of its own; `None` when the process was killed meanwhile.
    pub(super) fn authorize(&self, signup: &SignupResult) -> JoinHandle<Option<u16>> {
        self.post("/whatsapp/authorization", &browser(signup))
    }

    /// Posts to the account in a task of its own; `None` when the process was killed meanwhile.
    pub(super) fn post(&self, path: &str, body: &Value) -> JoinHandle<Option<u16>> {
        let request = self.request(path).json(body);
        tokio::spawn(async move { request.send().await.ok().map(|answer| answer.status().as_u16()) })
    }

    /// The one inbox there is.
    pub(super) async fn inbox(&self) -> i64 {
        let store = self.database.open(&self.keys).await;
        let mut tx = store.read().await.unwrap();
        let inboxes = channels::list(&mut tx, self.account, None, 1).await.unwrap();
        drop(tx);
        store.close().await;
        inboxes[0].id.0
    }

    /// Posts the popup's result again until the server accepts the code.
    pub(super) async fn repeat_until_accepted(&self, process: &Process, signup: &SignupResult) {
        let taken = async || self.authorize(signup).await.unwrap() == Some(200);
        process.wait_until("the code is accepted", taken).await;
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}/api/v1/accounts/{}{path}", self.address, self.account);
        self.http.post(url).bearer_auth(self.key.expose_secret())
    }

    /// Waits until Meta refused the one call and nothing is left to do now.
    pub(super) async fn wait_until_refused(&self, process: &Process, number: &str) {
        let refused =
            async || self.meta.number(number).unwrap().register_calls.len() == 1 && !self.is_open(number).await;
        process.wait_until("the number is refused and nothing is open", refused).await;
    }

    /// Waits until the number is live at Meta, the server reports it, and nothing is left to do.
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
        process.wait_until("the number is live and nothing is open", live).await;
    }

    /// Whether a call has no outcome yet, or a signup is to be resumed.
    async fn is_open(&self, number: &str) -> bool {
        let store = self.database.open(&self.keys).await;
        let mut tx = store.read().await.unwrap();
        let rows = numbers::attempts(&mut tx, &PhoneNumberId(number.to_owned()), 100).await.unwrap();
        let signups = signups::list(&mut tx, self.account, None, 100).await.unwrap();
        drop(tx);
        store.close().await;
        rows.iter().any(|row| row.attempt.settled_at.is_none()) || signups.iter().any(|signup| !signup.state.is_ended())
    }

    /// Checks that the PIN at Meta is the stored one, every call is in the ledger, there was at most one call
    /// more than needed, and the webhooks are set.
    pub(super) async fn check(&self, number: &str, least: usize) {
        let seen = self.meta.number(number).unwrap();
        let id = PhoneNumberId(number.to_owned());
        let store = self.database.open(&self.keys).await;
        let mut tx = store.read().await.unwrap();
        let rows = numbers::attempts(&mut tx, &id, 100).await.unwrap();
        let pin = numbers::pin(&mut tx, &id).await.unwrap().map(|pin| pin.expose_secret().to_owned());
        drop(tx);
        store.close().await;
        let name = &self.name;
        assert!(seen.pin.is_some() && seen.pin == pin, "{name}: the stored PIN is not the number's");
        let calls = &seen.register_calls;
        assert!(rows.len() >= calls.len(), "{name}: {} written, {} received: {calls:?}", rows.len(), calls.len());
        assert!(calls.len() <= least + 1, "{name}: {} calls: {calls:?}", calls.len());
        let waba = self.meta.with_world(|world, _| world.waba(&seen.waba_id)).unwrap();
        let callback = waba.subscriptions.get(APP_ID).and_then(Option::as_ref).map(|it| it.callback_url.clone());
        let expected = format!("http://{}/webhooks/whatsapp/+{}", self.address, seen.phone_number);
        assert_eq!(callback, Some(expected), "{name}: {:?}", json!(waba.subscriptions));
    }
}

/// A free address for all runs of a program. It is outside the range of ephemeral ports, so that nothing else
/// gets it between two runs.
fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 15_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let address = format!("127.0.0.1:{}", first + NEXT.fetch_add(1, Ordering::Relaxed));
        if std::net::TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

impl Process {
    /// Kills it and waits for its end.
    pub(super) async fn end(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends SIGKILL at once; the process must end by it.
    pub(super) async fn kill_now(mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "it died by itself\n{}", self.log_text());
        self.child.start_kill().unwrap();
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
    }

    /// Waits for the failpoint and sends SIGKILL; the process must end by it.
    pub(super) async fn kill_at(&mut self, point: Failpoint) {
        let marker = format!("{MARKER}{}", point.as_str());
        let log = Arc::clone(&self.log);
        let reached = async || log.lock().unwrap().iter().any(|line| line.contains(&marker));
        self.wait(&marker, reached).await;
        self.child.start_kill().unwrap();
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
    }

    /// Waits for a condition while the process runs.
    async fn wait(&mut self, what: &str, is_so: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so().await {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < until, "waited for: {what}; {ended:?}\n{}", self.log_text());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn wait_until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !is_so().await {
            assert!(Instant::now() < until, "waited for: {what}\n{}", self.log_text());
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    fn log_text(&self) -> String {
        format!("{}\n{}", self.name, self.log.lock().unwrap().join("\n"))
    }
}
