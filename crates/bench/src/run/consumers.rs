//! `bench consumers`: pywa, an independent consumer with its own route, gets every post of Meta twice: directly, and forwarded
//! by Linekeeper in the format `meta`. Its handlers must get the same updates, or more. Nothing is timed.
//!
//! `posts` builds Meta's posts, `report` writes the page.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::json;

use super::clients::ApiClients;
use super::database::{Engine, Postgres, Tuning};
use super::machine::Machine;
use super::peers::{self, Peer, VERIFY_TOKEN};
use super::process::Process;
use super::product::{APP_SECRET, Programs, start_emulator};
use super::test_bed::TestDatabase;
use crate::progress::log_progress;

mod posts;
mod report;

use posts::{Case, Number};

/// Secret of the forwarding endpoint; the consumer knows it instead of Meta's.
const ENDPOINT_SECRET: &str = "bench-endpoint-secret-9d03";

/// How long a case waits for expected updates, and then for unexpected ones.
const TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIME: Duration = Duration::from_millis(500);

/// Where to put temporary files and the page.
#[derive(Debug, clap::Args)]
pub(crate) struct Consumers {
    /// Folder for the temporary database and logs.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Page to write, without raw figures.
    #[arg(long, default_value = "docs/measurements/consumers.md")]
    out: PathBuf,
}

/// An update that a handler of the consumer got.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct HandledUpdate {
    handler: String,
    #[serde(default)]
    id: String,
    waba: String,
    #[serde(default)]
    number: String,
    /// The sender or the recipient.
    #[serde(default)]
    person: Option<String>,
    /// The text, the pressed reply, or the status.
    #[serde(default)]
    content: Option<String>,
}

/// A case and its results.
struct CaseResult {
    case: Case,
    /// Updates that pywa got directly from Meta.
    direct: Vec<HandledUpdate>,
    /// Updates that pywa got through Linekeeper.
    forwarded: Vec<HandledUpdate>,
}

impl CaseResult {
    /// Whether pywa got exactly the expected updates, each once. Of several messages in one change it reads only the first, from
    /// Meta as well, so that is not a fault of forwarding.
    fn is_complete(&self) -> bool {
        let due = if self.case.in_one_change { &self.direct } else { &self.case.due };
        self.forwarded == *due && self.direct.iter().all(|handed| self.forwarded.contains(handed))
    }
}

/// A check of the set-up: what was done, and what was observed.
struct SetupCheck {
    what: &'static str,
    observed: String,
}

/// All results of the run.
struct Measures {
    date: Timestamp,
    machine: Machine,
    profile: String,
    versions: String,
    setup_checks: Vec<SetupCheck>,
    results: Vec<CaseResult>,
    /// Number of updates of other tenants that the consumer got.
    foreign: usize,
}

impl Consumers {
    /// Forwards and compares; fails if an update is missing, foreign or duplicated.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-consumers-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let result = measure(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = result?;
        report::write(&measures, &self.out)?;
        log_progress(&format!("written: {}", self.out.display()));
        let wrong: Vec<_> =
            measures.results.iter().filter(|results| !results.is_complete()).map(|results| results.case.name).collect();
        ensure!(wrong.is_empty(), "not as it should be: {}", wrong.join(", "));
        ensure!(measures.foreign == 0, "{} posts of another account were forwarded", measures.foreign);
        Ok(())
    }
}

async fn measure(folder: &Path) -> anyhow::Result<Measures> {
    let programs = Programs::beside_us()?;
    let machine = Machine::inspect(folder, Postgres::version())?;
    let versions = Peer::Pywa.versions()?;
    let place = TestDatabase::open(Engine::Sqlite, folder, Tuning::default()).await?;
    let (_meta, meta) = start_emulator(&programs, folder).await?;
    let config = place.config(&meta)?;
    let (ours, theirs) = (config.prepare(&programs)?, config.tenant(&programs, "Another")?);
    let _server = config.serve(&programs).await?;
    let http = Client::new();
    let ours = ApiClients { http: http.clone(), config: &config, tenant: &ours };
    let theirs = ApiClients { http: http.clone(), config: &config, tenant: &theirs };
    let mut numbers = Vec::new();
    for number in ours.sign_up(2, false).await?.into_iter().chain(theirs.sign_up(1, false).await?) {
        numbers.push(Number { id: number.phone_number_id, waba: number.waba_id });
    }
    let [first, second, foreign] = numbers.try_into().map_err(|_| anyhow::anyhow!("three numbers were signed up"))?;

    let (_direct, direct) = consumer(folder, "direct", APP_SECRET).await?;
    let (_forwarded, forwarded) = consumer(folder, "forwarded", ENDPOINT_SECRET).await?;
    let mut setup_checks = verify_subscription(&ours, &forwarded).await?;
    setup_checks.push(check_foreign_signature(&http, &forwarded).await?);

    let receives = Consumer { http, hook: format!("{}/webhooks/whatsapp", config.url()), direct, forwarded };
    let own = [first.waba.clone(), second.waba.clone()];
    let mut results = Vec::new();
    for case in posts::all(&first, &second, &foreign) {
        log_progress(case.name);
        results.push(receives.log_result(case, &own).await?);
    }
    let foreign = receives.all(&receives.forwarded).await?.iter().filter(|handed| !own.contains(&handed.waba)).count();
    #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
    let date = Timestamp::now();
    Ok(Measures { date, machine, profile: programs.profile, versions, setup_checks, results, foreign })
}

/// Starts pywa with its own route; returns its base address.
async fn consumer(folder: &Path, name: &str, secret: &str) -> anyhow::Result<(Process, String)> {
    let (process, address) = peers::start("consumer", secret, &folder.join(format!("{name}.log")), None).await?;
    Ok((process, format!("http://{address}")))
}

/// Creates the endpoint; pywa's own handler must pass the handshake, and refuse one with another token.
async fn verify_subscription(ours: &ApiClients<'_>, url: &str) -> anyhow::Result<Vec<SetupCheck>> {
    let endpoint = |token: &str| {
        json!({ "name": "pywa", "format": "meta", "url": format!("{url}/"), "secret": ENDPOINT_SECRET,
            "verify_token": token })
    };
    let refused = ours.product(Method::POST, "/endpoints", Some(&endpoint("another token"))).await;
    let refused = refused.err().context("pywa's handshake took another token")?.to_string();
    ensure!(refused.contains("403"), "not refused by pywa: {refused}");
    let made = ours.product(Method::POST, "/endpoints", Some(&endpoint(VERIFY_TOKEN))).await?;
    let observed = format!("the endpoint is made, and {}", made["state"].as_str().unwrap_or_default());
    Ok(vec![
        SetupCheck {
            what: "the handshake of a new endpoint, with another verify token",
            observed: "pywa answers 403; no endpoint is made".to_owned(),
        },
        SetupCheck { what: "the same, with pywa's", observed },
    ])
}

/// Checks that the consumer refuses Meta's own signature: it knows only the endpoint's secret.
async fn check_foreign_signature(http: &Client, url: &str) -> anyhow::Result<SetupCheck> {
    let status = post(http, &format!("{url}/"), APP_SECRET, b"{}").await?;
    ensure!(status == 403, "pywa took another's signature: {status}");
    Ok(SetupCheck {
        what: "a post to pywa signed with Meta's app secret in place of the endpoint's",
        observed: "pywa answers 403".to_owned(),
    })
}

async fn post(http: &Client, url: &str, secret: &str, body: &[u8]) -> anyhow::Result<u16> {
    let request = http
        .post(url)
        .header("x-hub-signature-256", signature(secret, body))
        .header("content-type", "application/json");
    Ok(request.body(body.to_vec()).send().await?.status().as_u16())
}

/// Signs like Meta; computed here, independently of the product.
fn signature(secret: &str, body: &[u8]) -> String {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// The addresses that posts go to and updates are read from.
struct Consumer {
    http: Client,
    hook: String,
    direct: String,
    forwarded: String,
}

impl Consumer {
    async fn log_result(&self, case: Case, own: &[String]) -> anyhow::Result<CaseResult> {
        let before = [self.all(&self.direct).await?.len(), self.all(&self.forwarded).await?.len()];
        for body in &case.bodies {
            for url in [&self.hook, &format!("{}/", self.direct)] {
                let status = post(&self.http, url, APP_SECRET, body).await?;
                ensure!(status == 200, "{}: {url} answered {status}", case.name);
            }
        }
        let since = async |url: &str, before: usize| -> anyhow::Result<Vec<HandledUpdate>> {
            let all = self.all(url).await?;
            let is_told = |handed: &HandledUpdate| handed.handler != "raw" && own.contains(&handed.waba);
            let mut handed: Vec<_> = all.into_iter().skip(before).filter(is_told).collect();
            handed.sort();
            Ok(handed)
        };
        let deadline = Instant::now() + TIMEOUT;
        while since(&self.forwarded, before[1]).await?.len() < case.due.len() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(IDLE_TIME).await;
        let direct = since(&self.direct, before[0]).await?;
        let forwarded = since(&self.forwarded, before[1]).await?;
        Ok(CaseResult { case, direct, forwarded })
    }

    /// Every update that a consumer got so far, including raw posts.
    async fn all(&self, url: &str) -> anyhow::Result<Vec<HandledUpdate>> {
        Ok(self.http.get(format!("{url}/observed")).send().await?.error_for_status()?.json().await?)
    }
}
