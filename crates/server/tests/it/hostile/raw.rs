//! HTTP written out by hand: what a well-behaved client would refuse to send. Judges nothing.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What came back, head and body apart.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// 0 where the connection ended without an answer.
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Reply {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| line.split_once(':').is_some_and(|(known, _)| known.eq_ignore_ascii_case(name));
        self.head.lines().find(|text| line(text)).and_then(|text| text.split_once(':')).map(|(_, value)| value.trim())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Fails the test unless this is a whole problem document with this status and code.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, code: &str) -> Value {
        let document = self.any_problem();
        assert_eq!((self.status, document["code"].as_str()), (status, Some(code)), "{}", self.body);
        document
    }

    /// Fails the test unless this is a problem document that says something.
    #[track_caller]
    pub(super) fn any_problem(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}\n{}", self.head, self.body);
        let document = self.json();
        assert_eq!(document["status"], self.status, "{}", self.body);
        for member in ["type", "title", "detail", "code", "error", "request_id"] {
            let says = document[member].as_str().is_some_and(|text| !text.trim().is_empty());
            assert!(says, "no {member}: {}\n{}", self.head, self.body);
        }
        document
    }
}

/// Sends bytes as they are and reads until the server closes.
pub(super) async fn exchange(url: &str, bytes: &[u8]) -> Reply {
    let mut stream = connect(url).await;
    // the server may answer and close before it has read everything
    let _ = stream.write_all(bytes).await;
    finish(stream).await
}

pub(super) async fn connect(url: &str) -> TcpStream {
    TcpStream::connect(url.trim_start_matches("http://")).await.unwrap()
}

/// Reads what is left of a connection.
pub(super) async fn finish(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    // a reset after the answer is no lack of an answer
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        bytes.extend_from_slice(&chunk[..count]);
    }
    Reply::read(&bytes)
}

/// A request's bytes; the length is announced unless a header says how the body comes.
pub(super) fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{method} {target} HTTP/1.1\r\nhost: linekeeper.test\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    let says_how = |(name, _): &(&str, &str)| matches!(*name, "transfer-encoding" | "content-length");
    if !headers.iter().any(says_how) {
        bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A body cut into chunks of this size.
pub(super) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + body.len() / size * 8 + 16);
    for chunk in body.chunks(size) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
