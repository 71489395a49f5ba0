//! What was asked and what was sent, without secrets: they stand as fingerprints, so that tests can compare them.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::world::Request;

/// One Graph call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Order of ending.
    pub seq: u64,
    /// `"POST /{phone}/register"`; an uncovered path as it came.
    pub route: String,
    /// Path as it came, with its version.
    pub path: String,
    /// Query parameters, secrets as fingerprints.
    pub query: Map<String, Value>,
    /// Body members, secrets as fingerprints.
    pub body: Map<String, Value>,
    /// Fingerprint of the token, wherever it was sent.
    pub token: Option<String>,
    /// HTTP status; none if the connection was cut.
    pub status: Option<u16>,
    /// Meta's code.
    pub error_code: Option<i64>,
    /// Meta's subcode.
    pub error_subcode: Option<i64>,
    /// The WABA it was about.
    pub waba_id: Option<String>,
    /// The number it was about.
    pub phone_number_id: Option<String>,
    /// Whether a fault of the test hit it.
    pub faulted: bool,
    /// Whether it was a part of a batch.
    pub in_batch: bool,
    /// Microseconds since the emulator started, wall time.
    pub started_at_us: u64,
    /// The same, at the answer: calls that overlap show here.
    pub ended_at_us: u64,
    /// World time.
    pub at: Timestamp,
}

impl LogEntry {
    /// A query parameter or body member as text.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.body.get(name).or_else(|| self.query.get(name)).and_then(Value::as_str)
    }
}

/// One webhook POST or handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEntry {
    /// Order of answering.
    pub seq: u64,
    /// `event` or `challenge`.
    pub kind: String,
    /// Callback.
    pub callback_url: String,
    /// Fields of the updates.
    pub fields: Vec<String>,
    /// The exact body.
    pub body: String,
    /// `X-Hub-Signature-256`.
    pub signature: String,
    /// One for the first try.
    pub attempt: u32,
    /// What the callback answered; none for no answer.
    pub status: Option<u16>,
    /// World time.
    pub at: Timestamp,
}

/// Parameters that are never shown.
const SECRETS: &[&str] = &[
    "access_token",
    "appsecret_proof",
    "client_secret",
    "code",
    "fb_exchange_token",
    "input_token",
    "pin",
    "revoke_token",
    "verify_token",
];

/// Stands for a secret; equal secrets have equal fingerprints.
pub fn fingerprint(secret: &str) -> String {
    let hash = digest::digest(&digest::SHA256, secret.as_bytes());
    let short = hash.as_ref().get(..8).unwrap_or_default();
    format!("sha256:{}", hex::encode(short))
}

fn hide(name: &str, value: &Value) -> Value {
    if SECRETS.contains(&name) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Value::String(fingerprint(&text));
    }
    if let Value::Object(map) = value {
        return Value::Object(map.iter().map(|(k, v)| (k.clone(), hide(k, v))).collect());
    }
    // A form carries structured parameters as JSON text.
    let inner = value.as_str().filter(|text| text.starts_with('{')).map(serde_json::from_str::<Value>);
    match inner {
        Some(Ok(inner)) => hide(name, &inner),
        Some(Err(_)) | None => value.clone(),
    }
}

/// The query of a call, fit to be shown.
pub(crate) fn shown_query(request: &Request) -> Map<String, Value> {
    let pair = |(name, value): &(String, String)| (name.clone(), hide(name, &Value::String(value.clone())));
    request.query.iter().map(pair).collect()
}

/// The body of a call, fit to be shown.
pub(crate) fn shown_body(request: &Request) -> Map<String, Value> {
    let pair = |(name, value): (&String, &Value)| match name.as_str() {
        // Parts are logged as calls of their own; their URLs may hold tokens.
        "batch" => (name.clone(), Value::String("(parts are logged on their own)".to_owned())),
        _ => (name.clone(), hide(name, value)),
    };
    request.body.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Method;
    use serde_json::json;

    #[test]
    fn no_secret_is_shown_but_equal_ones_can_be_told() {
        let request = Request::new(Method::Post, "/1/register")
            .query("access_token", "TOKEN")
            .body("pin", "123456")
            .body("webhook_configuration", json!({"override_callback_uri": "https://a", "verify_token": "V"}));
        let text = format!("{:?}{:?}", shown_query(&request), shown_body(&request));
        assert!(!text.contains("TOKEN") && !text.contains("123456") && !text.contains("\"V\""), "{text}");
        assert_eq!(shown_body(&request)["pin"], fingerprint("123456"));
    }
}
