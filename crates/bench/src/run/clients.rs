//! Clients of the product's API and of the emulator: sign numbers up and measure the time from approval to live. It counts
//! from the approval of a name until the number is CONNECTED at Meta and live in the product.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use reqwest::{Client, Method};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::machine::quantile;
use super::product::{ProductConfig, Tenant};

/// Time within which a number must become live.
const TIMEOUT: Duration = Duration::from_secs(30);

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The times from approval to live.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Approval {
    pub(crate) numbers: usize,
    /// Numbers that did not become live in time.
    pub(crate) not_live: usize,
    /// Median of the seconds until CONNECTED at Meta.
    pub(crate) connected_p50_s: f64,
    pub(crate) connected_p95_s: f64,
    /// Median of the seconds until live in the product.
    pub(crate) live_p50_s: f64,
    pub(crate) live_p95_s: f64,
    pub(crate) live_max_s: f64,
}

/// A number that was signed up.
#[derive(Debug, Clone)]
pub(crate) struct Number {
    pub(crate) inbox: i64,
    pub(crate) phone_number_id: String,
    pub(crate) waba_id: String,
}

/// Calls the product as one tenant, and the emulator.
pub(crate) struct ApiClients<'a> {
    pub(crate) http: Client,
    pub(crate) config: &'a ProductConfig,
    pub(crate) tenant: &'a Tenant,
}

impl ApiClients<'_> {
    /// Signs numbers up; with `in_review` Meta has not approved their names yet.
    pub(crate) async fn sign_up(&self, count: usize, in_review: bool) -> anyhow::Result<Vec<Number>> {
        let review = if in_review { json!({ "outcome": "APPROVED" }) } else { Value::Null };
        let popup = json!({ "review": review, "business_verification": "verified" });
        let mut numbers = Vec::with_capacity(count);
        for _ in 0..count {
            let handed = self.meta_post("/signups", &popup).await?;
            let text = |name: &str| handed[name].as_str().map(str::to_owned);
            let (code, business) = (text("code"), text("business_id"));
            let phone_number_id = text("phone_number_id").context("no number")?;
            let waba_id = text("waba_id").context("no account")?;
            let body = json!({ "code": code, "business_id": business, "waba_id": waba_id,
                "phone_number_id": phone_number_id });
            let answer = self.product(Method::POST, "/whatsapp/authorization", Some(&body)).await?;
            let inbox = answer["id"].as_i64().with_context(|| format!("no inbox: {answer}"))?;
            numbers.push(Number { inbox, phone_number_id, waba_id });
        }
        Ok(numbers)
    }

    /// Waits until a number is live in the product; returns false after the time limit.
    pub(crate) async fn is_live_in_time(&self, number: &Number) -> anyhow::Result<bool> {
        let began = Instant::now();
        while began.elapsed() < TIMEOUT {
            if self.product(Method::GET, &format!("/inboxes/{}", number.inbox), None).await?["level"] == "live" {
                return Ok(true);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(false)
    }

    async fn is_connected_in_time(&self, number: &Number) -> anyhow::Result<bool> {
        let url = format!("{}/_emulator/numbers/{}", self.config.meta, number.phone_number_id);
        let began = Instant::now();
        while began.elapsed() < TIMEOUT {
            let view: Value = self.http.get(&url).send().await?.json().await?;
            if view["status"] == "CONNECTED" {
                return Ok(true);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(false)
    }

    /// Approves one number after the other and measures each.
    pub(crate) async fn approve(&self, numbers: &[Number]) -> anyhow::Result<Approval> {
        let (mut connected, mut live, mut not_live) = (Vec::new(), Vec::new(), 0);
        for number in numbers {
            let began = Instant::now();
            let path = format!("/numbers/{}", number.phone_number_id);
            self.meta_post(&path, &json!({ "action": "approve_name" })).await?;
            let is_connected = self.is_connected_in_time(number).await?;
            connected.push(began.elapsed().as_secs_f64());
            let is_live = is_connected && self.is_live_in_time(number).await?;
            live.push(began.elapsed().as_secs_f64());
            not_live += usize::from(!is_live);
        }
        Ok(Approval {
            numbers: numbers.len(),
            not_live,
            connected_p50_s: quantile(&mut connected, 0.5),
            connected_p95_s: quantile(&mut connected, 0.95),
            live_p50_s: quantile(&mut live, 0.5),
            live_p95_s: quantile(&mut live, 0.95),
            live_max_s: quantile(&mut live, 1.0),
        })
    }

    async fn meta_post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let answer = self.http.post(format!("{}/_emulator{path}", self.config.meta)).json(body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "emulator: {path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// Calls the product's API for the account; returns null for an answer without a body.
    pub(crate) async fn product(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let url = format!("{}/api/v1/accounts/{}{path}", self.config.url(), self.tenant.account);
        let mut request = self.http.request(method, &url);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.bearer_auth(self.tenant.key.expose_secret()).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }
}
