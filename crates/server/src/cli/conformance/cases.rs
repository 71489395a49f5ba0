//! The cases, as data: the requests, the response a receiver must give, and how often it must handle the messages.
//! The rules are Meta's (facts §3.1 and §3.2). Must not send or evaluate.

use outbound::Method;
use secrecy::{ExposeSecret as _, SecretString};

use super::payloads::{self, Author, Payload};

/// One case: requests and the behaviour expected of a receiver.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// The expected behaviour, for people.
    pub(super) must: &'static str,
    pub(super) response: Response,
    pub(super) handling: Handling,
    pub(super) requests: Vec<Request>,
}

/// The response that a case expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Response {
    /// 200, and exactly this text.
    Challenge(String),
    /// No 2xx status, and a body without this text.
    NoChallenge(String),
    /// 200. Meta sends a webhook with any other response again, for days.
    Accepted,
    /// 4xx: the receiver rejects the signature.
    Rejected,
    /// 4xx, or 501: the receiver does not support the method.
    MethodRejected,
    /// 200, within the times that Meta asks for.
    InTime,
    /// No request is sent, for this reason.
    NotTested(&'static str),
}

/// How often a receiver must handle each message of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handling {
    Once,
    Never,
    /// Any number of times.
    Any,
}

/// Signature of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signature {
    /// As Meta signs, with the app secret.
    Valid,
    WrongSecret,
    /// Only the obsolete SHA-1 header.
    Sha1Only,
    None,
}

/// One HTTP request of a case.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) payload: Payload,
    pub(super) signature: Signature,
    /// Send the body in pieces with pauses between them.
    pub(super) is_slow: bool,
    /// Send it to the address with a slash behind it.
    pub(super) has_slash: bool,
}

/// Size in bytes of the largest body that Meta sends: "3 MB" (facts §3.1), which may be binary.
const MAX_BODY: usize = 3_000_000;
const MAX_BINARY_BODY: usize = 3 << 20;

/// Number of requests in the case that measures response times.
const TIMED_REQUESTS: usize = 100;

/// All cases, in the order they run.
pub(super) fn all(author: &Author, token: Option<&SecretString>) -> Vec<Case> {
    let mut cases = handshakes(author, token);
    cases.extend(forged(author));
    cases.extend(repeated_and_reordered(author));
    cases.extend(unusual(author));
    cases.extend(transport(author));
    cases
}

fn handshakes(author: &Author, token: Option<&SecretString>) -> Vec<Case> {
    let challenge = format!("1158{}", author.seconds);
    let handshake = |token: &str| Request {
        method: Method::GET,
        query: vec![
            ("hub.mode", "subscribe".to_owned()),
            ("hub.challenge", challenge.clone()),
            ("hub.verify_token", token.to_owned()),
        ],
        payload: Payload::default(),
        signature: Signature::None,
        is_slow: false,
        has_slash: false,
    };
    let right = token.map(|token| handshake(token.expose_secret()));
    let response = match &right {
        Some(_) => Response::Challenge(challenge.clone()),
        None => Response::NotTested("no --verify-token was given"),
    };
    let wrong = handshake(&author.id("wrong-token", 0));
    vec![
        Case {
            name: "handshake, right token",
            must: "respond with 200 and exactly the challenge",
            response,
            handling: Handling::Any,
            requests: right.into_iter().collect(),
        },
        case(
            "handshake, wrong token",
            "respond without 200 and without the challenge",
            Response::NoChallenge(challenge.clone()),
        )
        .requests([wrong]),
    ]
}

fn forged(author: &Author) -> Vec<Case> {
    let forged = |name: &'static str, signature: Signature| {
        let payload = author.text(name, 0, |_| {});
        case(name, "reject it with 4xx and handle no message", Response::Rejected)
            .handling(Handling::Never)
            .requests([Request { signature, ..Request::of(payload) }])
    };
    vec![
        forged("unsigned", Signature::None),
        forged("wrong secret", Signature::WrongSecret),
        forged("SHA-1 signature only", Signature::Sha1Only),
        case("escaped unicode", "check the signature over the received bytes", Response::Accepted)
            .handling(Handling::Once)
            .requests([Request::of(author.text("escaped-unicode", 0, payloads::with_unicode))]),
    ]
}

fn repeated_and_reordered(author: &Author) -> Vec<Case> {
    let accepted = |name, must| case(name, must, Response::Accepted).handling(Handling::Once);
    let repeated = Request::of(author.text("duplicate", 0, |_| {}));
    let latest_first = [2, 1, 0].map(|at| Request::of(author.text("out-of-order", at, |_| {})));
    let regrouped = [&[0, 1][..], &[1, 0], &[1, 2]].map(|at| Request::of(author.grouped("regrouped", at)));
    vec![
        accepted("batch of two tenants", "handle all 12 messages of 2 entries with 2 changes each")
            .requests([Request::of(author.batch("batch"))]),
        accepted("duplicate", "respond with 200 both times and handle it once").requests([repeated.clone(), repeated]),
        accepted("regrouped batch", "handle each message once, whichever others come with it").requests(regrouped),
        accepted("out of order", "handle each message although the newest comes first").requests(latest_first),
    ]
}

fn unusual(author: &Author) -> Vec<Case> {
    let handled = |name: &'static str, change: fn(&mut serde_json::Value)| {
        case(name, "respond with 200 and handle the message", Response::Accepted)
            .handling(Handling::Once)
            .requests([Request::of(author.text(&name.replace(' ', "-"), 0, change))])
    };
    let answered = |name, payload| {
        let must = "respond with 200: otherwise Meta sends it again for days";
        case(name, must, Response::Accepted).requests([Request::of(payload)])
    };
    vec![
        answered("unknown field", author.unknown_field()),
        handled("unknown message type", payloads::with_unknown_type),
        handled("no contacts", payloads::without_contacts),
        handled("scoped user id only", payloads::without_phone_number),
        handled("group message", payloads::in_group),
        case("changed user id", "handle the notice and what the person writes under the new id", Response::Accepted)
            .handling(Handling::Once)
            .requests([
                Request::of(author.text("changed-user-id", 0, payloads::with_changed_user_id)),
                Request::of(author.text("changed-user-id", 1, payloads::from_new_user_id)),
            ]),
        answered("errors only", author.errors_only()),
        answered("calls of two callers", author.calls("calls")),
        answered("echo", author.echo("echo")),
        answered("unknown number", author.for_unknown_number("unknown-number")),
        answered("no changes", author.empty()),
    ]
}

fn transport(author: &Author) -> Vec<Case> {
    let slow = Request { is_slow: true, ..Request::of(author.text("slow-body", 0, |_| {})) };
    let other = |at: usize, method: Method| Request { method, ..Request::of(author.text("wrong-method", at, |_| {})) };
    let timed = (0..TIMED_REQUESTS).map(|at| Request::of(author.text("response-time", at, |_| {})));
    vec![
        case("3 MB body", "handle all 1000 messages in it", Response::Accepted)
            .handling(Handling::Once)
            .requests([Request::of(author.large("large", MAX_BODY))]),
        case("3 MiB body", "handle all 1000 messages in it", Response::Accepted)
            .handling(Handling::Once)
            .requests([Request::of(author.large("large-binary", MAX_BINARY_BODY))]),
        case("trailing slash", "accept the address with a slash behind it, as some set it at Meta", Response::Accepted)
            .handling(Handling::Once)
            .requests([Request { has_slash: true, ..Request::of(author.text("trailing-slash", 0, |_| {})) }]),
        case("slow body", "accept a body that arrives over four seconds", Response::Accepted)
            .handling(Handling::Once)
            .requests([slow]),
        case("wrong method", "reject PUT and DELETE", Response::MethodRejected)
            .handling(Handling::Never)
            .requests([other(0, Method::PUT), other(1, Method::DELETE)]),
        case(
            "response time",
            "respond within 250 ms at the median, and to fewer than 1 of 100 after 1 s",
            Response::InTime,
        )
        .requests(timed),
    ]
}

fn case(name: &'static str, must: &'static str, response: Response) -> Case {
    Case { name, must, response, handling: Handling::Any, requests: Vec::new() }
}

impl Case {
    fn handling(self, handling: Handling) -> Self {
        Self { handling, ..self }
    }

    fn requests(self, requests: impl IntoIterator<Item = Request>) -> Self {
        Self { requests: requests.into_iter().collect(), ..self }
    }

    /// Ids of the messages in the case, without repetitions.
    pub(super) fn messages(&self) -> Vec<&str> {
        let mut all: Vec<&str> =
            self.requests.iter().flat_map(|request| &request.payload.messages).map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Request {
    /// A signed POST, as Meta sends it.
    fn of(payload: Payload) -> Self {
        Self {
            method: Method::POST,
            query: Vec::new(),
            payload,
            signature: Signature::Valid,
            is_slow: false,
            has_slash: false,
        }
    }
}
