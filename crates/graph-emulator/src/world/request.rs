//! A call to Graph and its answer as plain values. Must not know sockets or the state of the world.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The HTTP methods Graph uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read.
    Get,
    /// Change.
    Post,
    /// Remove.
    Delete,
}

impl Method {
    /// Upper-case name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// One call, already cut into parts.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path with its version, percent-decoded, without the query.
    pub path: String,
    /// Query parameters in order.
    pub query: Vec<(String, String)>,
    /// Body members: a JSON object, or a form as strings.
    pub body: Map<String, Value>,
    /// Bearer token of the header.
    pub bearer: Option<String>,
    /// Where the caller reached us, for paging links.
    pub base_url: String,
}

impl Request {
    /// A call without parameters.
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

    /// A parameter as text, wherever it was sent; Graph takes both places alike (facts §1).
    pub fn text(&self, name: &str) -> Option<String> {
        match self.body.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Null) => None,
            Some(other) => Some(other.to_string()),
            None => self.query.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()),
        }
    }

    /// A structured parameter; as text (form, query) it holds JSON.
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

    /// Whether the caller sent true in any of Graph's spellings.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name).is_some_and(|t| t == "true" || t == "1")
    }

    /// The access token: parameter before header, as Graph does.
    pub fn token(&self) -> Option<String> {
        self.text("access_token").or_else(|| self.bearer.clone()).filter(|t| !t.is_empty())
    }
}

/// What a call leads to.
#[derive(Debug)]
pub enum Answer {
    /// The answer is ready.
    Reply(Reply),
    /// Meta first asks the callback to prove itself; hand the outcome to `World::challenged`.
    AfterChallenge(Challenge),
}

/// A ready answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside content type and length.
    pub headers: Vec<(String, String)>,
    /// JSON body.
    pub body: Value,
}

/// The handshake a new callback must pass (facts §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// What to quote in `World::challenged`.
    pub id: u64,
    /// The callback to ask.
    pub callback_url: String,
    /// `hub.verify_token`.
    pub verify_token: String,
    /// `hub.challenge`, to come back bare.
    pub challenge: String,
}

/// How a handshake ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// 200 and the bare challenge.
    Echoed,
    /// Another status, or another body under 200.
    Refused(u16),
    /// No answer.
    Unreachable,
}
