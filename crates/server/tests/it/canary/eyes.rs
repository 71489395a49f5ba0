//! Everything the product answers, as a caller sees it: heads and bodies, kept to be searched.

use std::sync::Mutex;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

/// An answer that was kept.
pub(super) struct Seen {
    pub(super) what: String,
    pub(super) text: String,
    /// What this answer is there to show.
    pub(super) may_show: Vec<String>,
}

/// A caller that forgets nothing.
pub(super) struct Eyes {
    http: reqwest::Client,
    url: String,
    pub(super) seen: Mutex<Vec<Seen>>,
}

/// What a caller reads.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

impl Eyes {
    pub(super) fn new(url: &str) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, url: url.to_owned(), seen: Mutex::default() }
    }

    pub(super) async fn api(&self, method: &str, path: &str, body: Option<Value>, key: &SecretString) -> Reply {
        let bearer = format!("Bearer {}", key.expose_secret());
        self.ask(method, path, &[("authorization", &bearer)], body.map(|body| body.to_string())).await
    }

    pub(super) async fn form(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.ask("POST", path, &[("cookie", cookie), ("accept", "text/html"), kind], Some(body)).await
    }

    pub(super) async fn page(&self, path: &str, cookie: &str) -> Reply {
        self.ask("GET", path, &[("cookie", cookie), ("accept", "text/html")], None).await
    }

    /// Any request; the answer is kept.
    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Reply {
        let method: Method = method.parse().unwrap();
        let mut all = HeaderMap::from_iter([(
            HeaderName::from_static("content-type"),
            HeaderValue::from_static("application/json"),
        )]);
        for (name, value) in headers {
            all.insert(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url)).headers(all);
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let lines: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let kept = format!("{status}\n{}\n\n{text}", lines.join("\n"));
        let route = path.split('?').next().unwrap_or_default();
        self.seen.lock().unwrap().push(Seen { what: format!("{method} {route}"), text: kept, may_show: Vec::new() });
        Reply { status, headers, text }
    }

    /// How many answers there were.
    pub(super) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The last answer was there to show this secret.
    pub(super) fn may_show(&self, secret: &str) {
        self.may_show_as(secret, secret);
    }

    /// The same, of a secret that it writes so.
    pub(super) fn may_show_as(&self, secret: &str, written: &str) {
        let mut seen = self.seen.lock().unwrap();
        let last = seen.last_mut().unwrap();
        assert!(last.text.contains(written), "it does not even show it: {}", last.text);
        last.may_show.push(secret.to_owned());
    }
}
