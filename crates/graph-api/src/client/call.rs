//! One call to Graph before it is made, and a good answer after. How it is sent is in `send`.

use domain::meta::failure::Failure;
use reqwest::Method;
use serde_json::Value;

/// The body of a call.
pub(super) enum Body<'a> {
    Empty,
    Json(Value),
    Form(Vec<(&'static str, &'a str)>),
}

/// One call, before it is made.
pub(super) struct Call<'a> {
    pub method: Method,
    /// With `{…}` in place of the node's id; logs show this form.
    pub route: &'static str,
    /// The id of the node.
    pub node: &'a str,
    pub query: Vec<(&'static str, String)>,
    pub body: Body<'a>,
    /// The bearer; the code exchange has none.
    pub token: Option<&'a str>,
    /// Every secret the call carries beside the token: cleaned out of Meta's texts.
    pub secrets: Vec<&'a str>,
    /// The account whose hourly limit the call draws on.
    pub account: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, route: &'static str, node: &'a str) -> Self {
        Self {
            method,
            route,
            node,
            query: Vec::new(),
            body: Body::Empty,
            token: None,
            secrets: Vec::new(),
            account: None,
        }
    }

    pub(super) fn get(route: &'static str, node: &'a str) -> Self {
        Self::new(Method::GET, route, node)
    }

    pub(super) fn post(route: &'static str, node: &'a str) -> Self {
        Self::new(Method::POST, route, node)
    }

    pub(super) fn delete(route: &'static str, node: &'a str) -> Self {
        Self::new(Method::DELETE, route, node)
    }

    pub(super) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    pub(super) fn form(mut self, members: Vec<(&'static str, &'a str)>) -> Self {
        self.body = Body::Form(members);
        self
    }

    pub(super) fn token(mut self, token: &'a str) -> Self {
        self.token = Some(token);
        self
    }

    pub(super) fn secret(mut self, secret: &'a str) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Every secret that a text leaving the client must not hold.
    pub(super) fn all_secrets(&self) -> Vec<&'a str> {
        self.secrets.iter().copied().chain(self.token).collect()
    }
}

/// A good answer, still as JSON.
#[derive(Debug)]
pub(super) struct Answer {
    pub body: Value,
    /// Method and route, for messages.
    pub name: String,
}

impl Answer {
    /// The failure of an answer without a required member; the call may have worked.
    pub(super) fn unexpected(&self, missing: &str) -> Failure {
        Failure::unanswered(format!("{}: Meta's answer has no {missing}", self.name))
    }

    /// `{"success": true}`; facts §1.2 shows the word as text too.
    pub(super) fn success(&self) -> Result<(), Failure> {
        match self.body.get("success") {
            Some(Value::Bool(true)) => Ok(()),
            Some(Value::String(word)) if word == "true" => Ok(()),
            _ => Err(self.unexpected("\"success\": true")),
        }
    }
}
