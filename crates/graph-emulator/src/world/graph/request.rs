//! A call to Graph and its answer as plain values. Must not know sockets or the state of the world.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::IntoStaticStr;

/// The HTTP methods Graph uses, with their upper-case names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE", const_into_str)]
pub enum Method {
    Get,
    Post,
    Delete,
}

/// One call, already parsed from HTTP.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: Method,
    /// Path with its version, percent-decoded, without the query.
    pub path: String,
    /// Query parameters in order.
    pub query: Vec<(String, String)>,
    /// Body members: of a JSON object, or of a form, whose values are all strings.
    pub body: Map<String, Value>,
    /// Token of the `Authorization: Bearer` header.
    pub bearer: Option<String>,
    /// Base address under which the caller reached the emulator; paging links repeat it.
    pub base_url: String,
}

impl Request {
    /// Creates a call without parameters.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            body: Map::new(),
            bearer: None,
            base_url: "https://graph.facebook.com".to_owned(),
        }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a body member.
    #[must_use]
    pub fn body(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.body.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the bearer token.
    #[must_use]
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.bearer = Some(token.into());
        self
    }

    /// A parameter as text, from the body or the query: Graph accepts it in either (facts §1).
    pub fn text(&self, name: &str) -> Option<String> {
        match self.body.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Null) => None,
            Some(other) => Some(other.to_string()),
            None => self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()),
        }
    }

    /// A structured parameter. In a form or a query it is JSON text, which is parsed.
    pub fn value(&self, name: &str) -> Option<Value> {
        match self.body.get(name) {
            Some(Value::String(text)) => {
                Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
            }
            Some(other) => Some(other.clone()),
            None => {
                let text = self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v)?;
                Some(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
            }
        }
    }

    /// Whether the caller sent `true` or `1`, the two spellings Graph accepts.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|t| t == "true" || t == "1")
    }

    /// The access token; like in Graph, the parameter wins over the header.
    pub fn token(&self) -> Option<String> {
        self.text("access_token").or_else(|| self.bearer.clone()).filter(|t| !t.is_empty())
    }
}

/// The answer to a call, or the handshake that must come before it.
#[derive(Debug)]
pub enum Answer {
    Reply(Reply),
    /// Meta first sends the callback a challenge. Pass the result to `World::finish_challenge`.
    AfterChallenge(Challenge),
}

/// A complete HTTP answer of Graph.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// All headers except content type and content length.
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

/// The handshake that a new callback must pass (facts §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Identifies the waiting call in `World::finish_challenge`.
    pub id: u64,
    pub callback_url: String,
    /// Value of the parameter `hub.verify_token`.
    pub verify_token: String,
    /// Value of `hub.challenge`, which must come back as the whole body.
    pub challenge: String,
}

/// How a handshake ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// The callback answered 200 with the challenge as its body.
    Echoed,
    /// The callback answered another status, or 200 with another body.
    Refused(u16),
    /// The callback gave no answer.
    Unreachable,
}
