//! Meta, as it posts: many conversations side by side, each message again and again until it is answered
//! with 200, and the next one of its conversation only then, so that the order is known.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use graph_emulator::SignupResult;
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::APP_SECRET;

/// How many conversations post side by side.
const CONVERSATIONS: usize = 200;

/// Between two messages of a conversation: enough that what is behind at the end is soon delivered.
const PAUSE: Duration = Duration::from_millis(40);

/// Between two tries of the same message.
const AGAIN: Duration = Duration::from_millis(40);

pub(super) struct Senders {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<(String, usize)>,
}

impl Senders {
    pub(super) fn start(addresses: &[String], signup: &SignupResult) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let mut tasks = JoinSet::new();
        for n in 0..CONVERSATIONS {
            let from = format!("1555019{n:04}");
            let sender = Sender {
                http: http.clone(),
                // by turns, so that neighbours in a conversation are received by different processes
                urls: addresses.iter().map(|address| format!("http://{address}/webhooks/whatsapp")).collect(),
                waba: signup.waba_id.clone().unwrap(),
                number: signup.phone_number_id.clone().unwrap(),
                from,
                stop: Arc::clone(&stop),
            };
            tasks.spawn(sender.run());
        }
        Self { stop, tasks }
    }

    /// Lets every conversation end with its present message; how many of each were answered with 200.
    pub(super) async fn stop(self) -> HashMap<String, usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().collect()
    }
}

struct Sender {
    http: reqwest::Client,
    urls: Vec<String>,
    waba: String,
    number: String,
    from: String,
    stop: Arc<AtomicBool>,
}

impl Sender {
    async fn run(self) -> (String, usize) {
        let mut answered = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let body = self.body(answered);
            let signature = graph_api::webhook::sign(&APP_SECRET.into(), body.as_bytes());
            let mut tries = answered;
            while !self.is_answered(tries, &body, &signature).await {
                tries += 1;
                tokio::time::sleep(AGAIN).await;
            }
            answered += 1;
            tokio::time::sleep(PAUSE).await;
        }
        (self.from, answered)
    }

    async fn is_answered(&self, tries: usize, body: &str, signature: &str) -> bool {
        let url = &self.urls[tries % self.urls.len()];
        let sent = self.http.post(url).header("x-hub-signature-256", signature).body(body.to_owned()).send().await;
        sent.is_ok_and(|answer| answer.status() == 200)
    }

    fn body(&self, n: usize) -> String {
        let message = json!({ "from": self.from, "id": format!("wamid.{}.{n}", self.from), "type": "text",
            "timestamp": "1790000000", "text": { "body": n.to_string() } });
        let value = json!({ "messaging_product": "whatsapp", "metadata": { "phone_number_id": self.number,
            "display_phone_number": "15550100001" }, "messages": [message] });
        json!({ "object": "whatsapp_business_account",
            "entry": [{ "id": self.waba, "changes": [{ "field": "messages", "value": value }] }] })
        .to_string()
    }
}
