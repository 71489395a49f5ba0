//! `bench consumers`: a consumer that nobody here wrote, pywa on its own route, gets what Meta posts twice over: straight
//! from Meta, and forwarded by us "as Meta". What its handlers are handed must be the same, or more. Nothing is timed.
//!
//! Beside: `posts` (what Meta posts), `report` (the document).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::json;

use super::database::{Engine, Postgres, Tuning};
use super::live::Sides;
use super::machine::Machine;
use super::peers::{self, Peer, VERIFY_TOKEN};
use super::process::Process;
use super::product::{APP_SECRET, Programs, start_meta};
use super::say;
use super::stage::Place;

mod posts;
mod report;

use posts::{Case, Number};

/// What the forwarding endpoint signs with; the consumer knows this one and not Meta's.
const ENDPOINT_SECRET: &str = "bench-endpoint-secret-9d03";

/// How long a case waits for what it must see, and then for what it must not.
const PATIENCE: Duration = Duration::from_secs(5);
const QUIET: Duration = Duration::from_millis(500);

/// Where the document is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Consumers {
    /// Where the database and logs are put and removed again.
    #[arg(long, default_value = "/var/tmp")]
    folder: PathBuf,
    /// Where the document is written.
    #[arg(long, default_value = "docs/measurements/consumers.md")]
    out: PathBuf,
}

/// What a handler of the consumer was handed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct Handed {
    handler: String,
    #[serde(default)]
    id: String,
    waba: String,
    #[serde(default)]
    number: String,
    /// Whom it is from, or to.
    #[serde(default)]
    person: Option<String>,
    /// Its text, what was pressed, or what became of it.
    #[serde(default)]
    said: Option<String>,
}

/// A case and what came of it.
struct Told {
    case: Case,
    /// What pywa was handed of this account's, straight from Meta.
    direct: Vec<Handed>,
    /// What it was handed through us.
    forwarded: Vec<Handed>,
}

impl Told {
    /// Everything of this account's and nothing else, each once. What pywa leaves out of one change it leaves out of Meta's
    /// own post too; that is no fault of whoever forwards the change whole.
    fn is_right(&self) -> bool {
        let due = if self.case.in_one_change { &self.direct } else { &self.case.due };
        self.forwarded == *due && self.direct.iter().all(|handed| self.forwarded.contains(handed))
    }
}

/// A check that is no case: what it is, and what was seen.
struct Seen {
    what: &'static str,
    saw: String,
}

/// The run.
struct Measures {
    date: Timestamp,
    machine: Machine,
    profile: String,
    made_of: String,
    seen: Vec<Seen>,
    told: Vec<Told>,
    /// Accounts of Meta's in what the forwarded-to consumer got at all, its own left out.
    foreign: usize,
}

impl Consumers {
    /// Forwards, compares, and fails where something is missing, foreign or twice.
    pub(crate) async fn run(&self) -> anyhow::Result<()> {
        let folder = self.folder.join(format!("linekeeper-consumers-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let result = measure(&folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        let measures = result?;
        report::write(&measures, &self.out)?;
        say(&format!("written: {}", self.out.display()));
        let wrong: Vec<_> = measures.told.iter().filter(|told| !told.is_right()).map(|told| told.case.name).collect();
        ensure!(wrong.is_empty(), "not as it should be: {}", wrong.join(", "));
        ensure!(measures.foreign == 0, "{} posts of another account were forwarded", measures.foreign);
        Ok(())
    }
}

async fn measure(folder: &Path) -> anyhow::Result<Measures> {
    let programs = Programs::beside_us()?;
    let machine = Machine::look(folder, Postgres::version())?;
    let made_of = Peer::Pywa.versions()?;
    let place = Place::open(Engine::Sqlite, folder, Tuning::default()).await?;
    let (_meta, meta) = start_meta(&programs, folder).await?;
    let setting = place.setting(&meta)?;
    let (ours, theirs) = (setting.prepare(&programs)?, setting.tenant(&programs, "Another")?);
    let _server = setting.serve(&programs).await?;
    let http = Client::new();
    let ours = Sides { http: http.clone(), setting: &setting, tenant: &ours };
    let theirs = Sides { http: http.clone(), setting: &setting, tenant: &theirs };
    let mut numbers = Vec::new();
    for number in ours.sign_up(2, false).await?.into_iter().chain(theirs.sign_up(1, false).await?) {
        numbers.push(Number { id: number.phone_number_id, waba: number.waba_id });
    }
    let [first, second, foreign] = numbers.try_into().map_err(|_| anyhow::anyhow!("three numbers were signed up"))?;

    let (_direct, direct) = consumer(folder, "direct", APP_SECRET).await?;
    let (_forwarded, forwarded) = consumer(folder, "forwarded", ENDPOINT_SECRET).await?;
    let mut seen = shake_hands(&ours, &forwarded).await?;
    seen.push(forge(&http, &forwarded).await?);

    let receives = Receives { http, hook: format!("{}/webhooks/whatsapp", setting.url()), direct, forwarded };
    let own = [first.waba.clone(), second.waba.clone()];
    let mut told = Vec::new();
    for case in posts::all(&first, &second, &foreign) {
        say(case.name);
        told.push(receives.tell(case, &own).await?);
    }
    let foreign = receives.all(&receives.forwarded).await?.iter().filter(|handed| !own.contains(&handed.waba)).count();
    #[expect(clippy::disallowed_methods, reason = "the date of the measurement")]
    let date = Timestamp::now();
    Ok(Measures { date, machine, profile: programs.profile, made_of, seen, told, foreign })
}

/// Starts pywa's own route; its base address.
async fn consumer(folder: &Path, name: &str, secret: &str) -> anyhow::Result<(Process, String)> {
    let (process, address) = peers::start("consumer", secret, &folder.join(format!("{name}.log")), None).await?;
    Ok((process, format!("http://{address}")))
}

/// Makes the endpoint; pywa's own handler must answer the handshake, and refuse one with another token.
async fn shake_hands(ours: &Sides<'_>, url: &str) -> anyhow::Result<Vec<Seen>> {
    let endpoint = |token: &str| {
        json!({ "name": "pywa", "format": "meta", "url": format!("{url}/"), "secret": ENDPOINT_SECRET,
            "verify_token": token })
    };
    let refused = ours.product(Method::POST, "/endpoints", Some(&endpoint("another token"))).await;
    let refused = refused.err().context("pywa's handshake took another token")?.to_string();
    ensure!(refused.contains("403"), "not refused by pywa: {refused}");
    let made = ours.product(Method::POST, "/endpoints", Some(&endpoint(VERIFY_TOKEN))).await?;
    let saw = format!("the endpoint is made, and {}", made["state"].as_str().unwrap_or_default());
    Ok(vec![
        Seen {
            what: "the handshake of a new endpoint, with another verify token",
            saw: "pywa answers 403; no endpoint is made".to_owned(),
        },
        Seen { what: "the same, with pywa's", saw },
    ])
}

/// What Meta itself signs is refused: the consumer knows its endpoint's secret alone.
async fn forge(http: &Client, url: &str) -> anyhow::Result<Seen> {
    let status = post(http, &format!("{url}/"), APP_SECRET, b"{}").await?;
    ensure!(status == 403, "pywa took another's signature: {status}");
    Ok(Seen {
        what: "a post to pywa signed with Meta's app secret in place of the endpoint's",
        saw: "pywa answers 403".to_owned(),
    })
}

async fn post(http: &Client, url: &str, secret: &str, body: &[u8]) -> anyhow::Result<u16> {
    let request = http
        .post(url)
        .header("x-hub-signature-256", signature(secret, body))
        .header("content-type", "application/json");
    Ok(request.body(body.to_vec()).send().await?.status().as_u16())
}

/// As Meta signs; made here, so that it is not our own word that our signature is right.
fn signature(secret: &str, body: &[u8]) -> String {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!("sha256={}", hex::encode(hmac::sign(&key, body)))
}

/// Where everything is posted, and asked what came of it.
struct Receives {
    http: Client,
    hook: String,
    direct: String,
    forwarded: String,
}

impl Receives {
    async fn tell(&self, case: Case, own: &[String]) -> anyhow::Result<Told> {
        let before = [self.all(&self.direct).await?.len(), self.all(&self.forwarded).await?.len()];
        for body in &case.bodies {
            for url in [&self.hook, &format!("{}/", self.direct)] {
                let status = post(&self.http, url, APP_SECRET, body).await?;
                ensure!(status == 200, "{}: {url} answered {status}", case.name);
            }
        }
        let since = async |url: &str, before: usize| -> anyhow::Result<Vec<Handed>> {
            let all = self.all(url).await?;
            let is_told = |handed: &Handed| handed.handler != "raw" && own.contains(&handed.waba);
            let mut handed: Vec<_> = all.into_iter().skip(before).filter(is_told).collect();
            handed.sort();
            Ok(handed)
        };
        let deadline = Instant::now() + PATIENCE;
        while since(&self.forwarded, before[1]).await?.len() < case.due.len() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(QUIET).await;
        let direct = since(&self.direct, before[0]).await?;
        let forwarded = since(&self.forwarded, before[1]).await?;
        Ok(Told { case, direct, forwarded })
    }

    /// Everything a consumer was handed so far, every raw post among it.
    async fn all(&self, url: &str) -> anyhow::Result<Vec<Handed>> {
        Ok(self.http.get(format!("{url}/observed")).send().await?.error_for_status()?.json().await?)
    }
}
