//! Log entries of calls and webhooks. Must not contain secrets: fingerprints replace them, so that tests can compare them.

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::world::Request;

/// One Graph call with its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Position in the order in which calls and webhooks ended.
    pub seq: u64,
    /// Method and template, for example `"POST /{phone}/register"`; for an uncovered path, the path itself.
    pub route: String,
    /// Path of the call, with its version.
    pub path: String,
    /// Query parameters, with fingerprints in place of secrets.
    pub query: Map<String, Value>,
    /// Body members, with fingerprints in place of secrets.
    pub body: Map<String, Value>,
    /// Fingerprint of the token, from the parameter or the header.
    pub token: Option<String>,
    /// HTTP status; `None` if the connection was cut.
    pub status: Option<u16>,
    pub error_code: Option<i64>,
    pub error_subcode: Option<i64>,
    /// The WABA that the call concerned.
    pub waba_id: Option<String>,
    /// The number that the call concerned.
    pub phone_number_id: Option<String>,
    /// Whether a fault matched the call.
    pub faulted: bool,
    /// Whether the call was a part of a batch.
    pub in_batch: bool,
    /// Start of the call, in microseconds of wall time since the emulator started.
    pub started_at_us: u64,
    /// Answer of the call on the same scale; tests find overlapping calls with it.
    pub ended_at_us: u64,
    /// World time of the call.
    pub at: Timestamp,
}

impl LogEntry {
    /// The text of a body member or query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.body.get(name).or_else(|| self.query.get(name)).and_then(Value::as_str)
    }
}

/// One webhook POST or handshake with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEntry {
    /// Position in the order in which calls and webhooks ended.
    pub seq: u64,
    /// Either `event` or `challenge`.
    pub kind: String,
    pub callback_url: String,
    /// The field of each update in the body.
    pub fields: Vec<String>,
    /// The exact body that was posted.
    pub body: String,
    /// Value of the header `x-hub-signature-256`.
    pub signature: String,
    /// Number of the attempt; the first is 1.
    pub attempt: u32,
    /// Status that the callback answered; `None` without an answer.
    pub status: Option<u16>,
    /// World time of the answer.
    pub at: Timestamp,
}

/// Parameters that the log contains only as fingerprints.
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

/// A short hash in place of a secret; equal secrets have equal fingerprints.
pub fn fingerprint(secret: &str) -> String {
    let hash = digest::digest(&digest::SHA256, secret.as_bytes());
    let short = hash.as_ref().get(..8).unwrap_or_default();
    format!("sha256:{}", hex::encode(short))
}

fn redact(name: &str, value: &Value) -> Value {
    if SECRETS.contains(&name) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        return Value::String(fingerprint(&text));
    }
    if let Value::Object(map) = value {
        return Value::Object(map.iter().map(|(k, v)| (k.clone(), redact(k, v))).collect());
    }
    // A form carries structured parameters as JSON text.
    let inner = value.as_str().filter(|text| text.starts_with('{')).map(serde_json::from_str::<Value>);
    match inner {
        Some(Ok(inner)) => redact(name, &inner),
        Some(Err(_)) | None => value.clone(),
    }
}

/// The query of a call, without secrets.
pub(crate) fn redacted_query(request: &Request) -> Map<String, Value> {
    let pair = |(name, value): &(String, String)| (name.clone(), redact(name, &Value::String(value.clone())));
    request.query.iter().map(pair).collect()
}

/// The body of a call, without secrets.
pub(crate) fn redacted_body(request: &Request) -> Map<String, Value> {
    let pair = |(name, value): (&String, &Value)| match name.as_str() {
        // Every part is logged as a call of its own; the URLs of parts may contain tokens.
        "batch" => (name.clone(), Value::String("(every part is logged as a call)".to_owned())),
        _ => (name.clone(), redact(name, value)),
    };
    request.body.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Method;
    use serde_json::json;

    #[test]
    fn the_log_has_no_secret_but_equal_secrets_have_equal_fingerprints() {
        let request = Request::new(Method::Post, "/1/register")
            .query("access_token", "TOKEN")
            .body("pin", "123456")
            .body("webhook_configuration", json!({"override_callback_uri": "https://a", "verify_token": "V"}));
        let text = format!("{:?}{:?}", redacted_query(&request), redacted_body(&request));
        assert!(!text.contains("TOKEN") && !text.contains("123456") && !text.contains("\"V\""), "{text}");
        assert_eq!(redacted_body(&request)["pin"], fingerprint("123456"));
    }
}
