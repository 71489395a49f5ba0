//! An installation of the real program: its database, its keys, Meta, and its process, which may be
//! killed and started again.

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
use server::flows::onboarding::progress::state;
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

/// How much faster than the wall the program's clock runs.
const PACE: i32 = 20;

/// Nothing takes this long; a story that does is told as failed.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What stays when a process is killed.
pub(super) struct Installation {
    pub(super) meta: Emulator,
    pub(super) system_token: Option<String>,
    pub(super) pace: i32,
    /// What is told, for the one who reads of a failure.
    name: String,
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
        Self { meta, system_token, pace: PACE, name, database, keys, account, key, address, began, http }
    }

    /// Lets time pass while no process runs: the next one's clock is so much ahead. A clock that runs so many
    /// times faster than the wall gains this when it is said to have begun earlier. Meta's, which dates its
    /// webhooks, is set by it.
    pub(super) async fn pass(&mut self, time: SignedDuration) {
        self.began -= time / (self.pace - 1);
        let wall = Clock::system().now();
        self.meta.set_now(self.began + wall.duration_since(self.began) * self.pace).await;
    }

    /// Starts the program and waits until it answers; with a point it will stop there.
    pub(super) async fn start(&self, kill_at: Option<Failpoint>) -> Process {
        self.start_at(&self.address, kill_at).await
    }

    /// The same at another address: a second process on the same database.
    pub(super) async fn start_at(&self, address: &str, kill_at: Option<Failpoint>) -> Process {
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
            .env("LINEKEEPER_CLOCK_SPEED", format!("{}@{}", self.pace, self.began))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(token) = &self.system_token {
            command.env("LINEKEEPER_META_SYSTEM_USER_TOKEN", token);
        }
        if let Some(point) = kill_at {
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

    /// Where so many processes of it listen; the first is the one Meta knows.
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

    /// Sends what the browser got, behind; a process that dies meanwhile answers nothing.
    pub(super) fn authorize(&self, signup: &SignupResult) -> JoinHandle<Option<u16>> {
        self.post("/whatsapp/authorization", &browser(signup))
    }

    /// Posts to the account, behind; a process that dies meanwhile answers nothing.
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

    /// As an impatient browser does, until the server takes the code.
    pub(super) async fn send_again_until_taken(&self, process: &Process, signup: &SignupResult) {
        let taken = async || self.authorize(signup).await.unwrap() == Some(200);
        process.wait_still("the code is taken", taken).await;
    }

    fn request(&self, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}/api/v1/accounts/{}{path}", self.address, self.account);
        self.http.post(url).bearer_auth(self.key.expose_secret())
    }

    /// Until the call was answered and nothing is left to be done now.
    pub(super) async fn wait_until_refused(&self, process: &Process, number: &str) {
        let refused =
            async || self.meta.number(number).unwrap().register_calls.len() == 1 && !self.is_open(number).await;
        process.wait_still("the number is refused and nothing is open", refused).await;
    }

    /// Until Meta holds the number live, the server says so too, and nothing is left to be done: what is
    /// checked then is the end.
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
        process.wait_still("the number is live and nothing is open", live).await;
    }

    /// A call without an outcome, or a signup that is to be taken up again.
    async fn is_open(&self, number: &str) -> bool {
        let store = self.database.open(&self.keys).await;
        let mut tx = store.read().await.unwrap();
        let rows = numbers::attempts(&mut tx, &PhoneNumberId(number.to_owned()), 100).await.unwrap();
        let signups = signups::list(&mut tx, self.account, None, 100).await.unwrap();
        drop(tx);
        store.close().await;
        let ended = |state: &str| [state::DONE, state::FAILED].contains(&state);
        rows.iter().any(|row| row.attempt.settled_at.is_none()) || signups.iter().any(|it| !ended(&it.state))
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

/// An address that is free, and the same for every life. It is none of those the system gives away by itself,
/// or somebody else might have it before the next life does.
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
    /// Ends it, and returns when it is gone.
    pub(super) async fn end(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends SIGKILL wherever it is; it must have died of that and nothing else.
    pub(super) async fn kill_now(mut self) {
        assert!(self.child.try_wait().unwrap().is_none(), "it died by itself\n{}", self.story());
        self.child.start_kill().unwrap();
        let status = self.child.wait().await.unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
    }

    /// Waits for the point and sends SIGKILL; the process must have died of that and nothing else.
    pub(super) async fn kill_at(&mut self, point: Failpoint) {
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
        format!("{}\n{}", self.name, self.log.lock().unwrap().join("\n"))
    }
}
