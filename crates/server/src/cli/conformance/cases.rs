//! The cases, as data: what is sent, what a receiver must answer, and what must become of the messages.
//! The rules are Meta's (facts §3.1 and §3.2). Must not send or judge.

use outbound::Method;
use secrecy::{ExposeSecret as _, SecretString};

use super::bodies::{self, Author, Post};

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// What a receiver must do, for people.
    pub(super) must: &'static str,
    pub(super) wants: Wants,
    pub(super) handled: Handled,
    pub(super) shots: Vec<Shot>,
}

/// What the answer must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wants {
    /// 200 and nothing but this text.
    Challenge(String),
    /// Neither 200 nor this text.
    NoChallenge(String),
    /// 200: anything else is sent again for days.
    Taken,
    /// 4xx: the receiver says that it does not believe it.
    Refused,
    /// 4xx, or 501 of one that knows no such method.
    NoSuchMethod,
    /// 200, and as soon as Meta asks for.
    InTime,
    /// Nothing can be asked, for this reason.
    NotAsked(&'static str),
}

/// What must become of the case's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handled {
    /// Each exactly once.
    Once,
    /// None of them.
    Never,
    /// Counted and not judged.
    AsItLikes,
}

/// How a request is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signed {
    /// As Meta signs.
    Well,
    /// With another secret.
    ByAnother,
    /// With the SHA-1 header of old and no other.
    Sha1Only,
    /// Not at all.
    Not,
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Shot {
    pub(super) method: Method,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) post: Post,
    pub(super) signed: Signed,
    /// The body drips in.
    pub(super) is_slow: bool,
}

/// What Meta may send at most (facts §3.1).
const LARGEST: usize = 3_000_000;

/// How many posts the answer's time is taken from.
const TIMED: usize = 100;

/// Every case, in the order they are run.
pub(super) fn all(author: &Author, token: Option<&SecretString>) -> Vec<Case> {
    let mut cases = handshakes(author, token);
    cases.extend(forged(author));
    cases.extend(many(author));
    cases.extend(odd(author));
    cases.extend(transport(author));
    cases
}

fn handshakes(author: &Author, token: Option<&SecretString>) -> Vec<Case> {
    let challenge = format!("1158{}", author.seconds);
    let ask = |token: &str| Shot {
        method: Method::GET,
        query: vec![
            ("hub.mode", "subscribe".to_owned()),
            ("hub.challenge", challenge.clone()),
            ("hub.verify_token", token.to_owned()),
        ],
        post: Post::default(),
        signed: Signed::Not,
        is_slow: false,
    };
    let right = token.map(|token| ask(token.expose_secret()));
    let wants = match &right {
        Some(_) => Wants::Challenge(challenge.clone()),
        None => Wants::NotAsked("no --verify-token was given"),
    };
    let wrong = ask(&author.id("wrong-token", 0));
    vec![
        Case {
            name: "handshake, right token",
            must: "answer 200 and the bare challenge",
            wants,
            handled: Handled::AsItLikes,
            shots: right.into_iter().collect(),
        },
        case("handshake, wrong token", "not answer 200, nor tell the challenge", Wants::NoChallenge(challenge.clone()))
            .shots([wrong]),
    ]
}

fn forged(author: &Author) -> Vec<Case> {
    let refused = |name: &'static str, signed: Signed| {
        let post = author.text(name, 0, |_| {});
        case(name, "refuse it with 4xx and handle nothing of it", Wants::Refused)
            .handled(Handled::Never)
            .shots([Shot { signed, ..Shot::of(post) }])
    };
    vec![
        refused("unsigned", Signed::Not),
        refused("signed by another", Signed::ByAnother),
        refused("SHA-1 signature only", Signed::Sha1Only),
        case("escaped unicode", "check the signature over the bytes as they came", Wants::Taken)
            .handled(Handled::Once)
            .shots([Shot::of(author.text("escaped-unicode", 0, bodies::beyond_ascii))]),
    ]
}

fn many(author: &Author) -> Vec<Case> {
    let taken = |name, must| case(name, must, Wants::Taken).handled(Handled::Once);
    let again = Shot::of(author.text("duplicate", 0, |_| {}));
    let latest_first = [2, 1, 0].map(|at| Shot::of(author.text("out-of-order", at, |_| {})));
    vec![
        taken("batch of two tenants", "handle all 12 messages of 2 entries with 2 changes each")
            .shots([Shot::of(author.batch("batch"))]),
        taken("duplicate", "answer 200 each time and handle it once").shots([again.clone(), again]),
        taken("out of order", "handle each, the latest of which comes first").shots(latest_first),
    ]
}

fn odd(author: &Author) -> Vec<Case> {
    let kept = |name: &'static str, change: fn(&mut serde_json::Value)| {
        case(name, "answer 200 and handle the message", Wants::Taken)
            .handled(Handled::Once)
            .shots([Shot::of(author.text(&name.replace(' ', "-"), 0, change))])
    };
    let answered = |name, must, post| case(name, must, Wants::Taken).shots([Shot::of(post)]);
    let again = "answer 200: it would be sent again for days";
    vec![
        answered("unknown field", again, author.unknown_field()),
        kept("unknown message type", bodies::of_unknown_type),
        kept("no contacts", bodies::without_contacts),
        kept("scoped user id only", bodies::without_phone_number),
        answered("unknown number", again, author.for_a_stranger("unknown-number")),
        answered("no changes", again, author.empty()),
    ]
}

fn transport(author: &Author) -> Vec<Case> {
    let slow = Shot { is_slow: true, ..Shot::of(author.text("slow-body", 0, |_| {})) };
    let other = |at: usize, method: Method| Shot { method, ..Shot::of(author.text("wrong-method", at, |_| {})) };
    let timed = (0..TIMED).map(|at| Shot::of(author.text("answer-time", at, |_| {})));
    vec![
        case("3 MB body", "handle all 1000 messages of it", Wants::Taken)
            .handled(Handled::Once)
            .shots([Shot::of(author.large("large", LARGEST))]),
        case("slow body", "wait for a body that takes four seconds", Wants::Taken).handled(Handled::Once).shots([slow]),
        case("wrong method", "not take PUT and DELETE", Wants::NoSuchMethod)
            .handled(Handled::Never)
            .shots([other(0, Method::PUT), other(1, Method::DELETE)]),
        case("answer time", "answer in 250 ms at the median, and fewer than 1 of 100 after 1 s", Wants::InTime)
            .shots(timed),
    ]
}

fn case(name: &'static str, must: &'static str, wants: Wants) -> Case {
    Case { name, must, wants, handled: Handled::AsItLikes, shots: Vec::new() }
}

impl Case {
    fn handled(self, handled: Handled) -> Self {
        Self { handled, ..self }
    }

    fn shots(self, shots: impl IntoIterator<Item = Shot>) -> Self {
        Self { shots: shots.into_iter().collect(), ..self }
    }

    /// The ids of its messages, each once.
    pub(super) fn messages(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.shots.iter().flat_map(|shot| &shot.post.messages).map(String::as_str).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

impl Shot {
    /// A post as Meta makes it.
    fn of(post: Post) -> Self {
        Self { method: Method::POST, query: Vec::new(), post, signed: Signed::Well, is_slow: false }
    }
}
