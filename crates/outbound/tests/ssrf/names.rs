//! Host names with their addresses, and a resolver that gives its answers in turn. Checks nothing.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use outbound::{Lookup, LookupFuture};

/// A public address; no test connects to it.
pub(super) const PUBLIC: &str = "93.184.215.14";

/// A public IPv6 address; no test connects to it.
const PUBLIC_6: &str = "2606:2800:21f:cb07:6820:80da:af6b:8b2c";

/// Names that resolve to a private address, alone or among public ones.
pub(super) const PRIVATE: &[(&str, &[&str])] = &[
    ("localhost", &["127.0.0.1"]),
    ("localhost", &["::1", "127.0.0.1"]),
    ("localhost.", &["127.0.0.1"]),
    ("anything.localhost", &["::1"]),
    ("localhost.localdomain", &["127.0.0.1"]),
    ("ip6-localhost", &["::1"]),
    ("127.0.0.1.nip.io", &["127.0.0.1"]),
    ("7f000001.rebind.example", &["127.0.0.1"]),
    ("metadata.google.internal", &["169.254.169.254"]),
    ("instance-data.ec2.internal", &["fd00:ec2::254"]),
    ("wireserver.example.com", &["168.63.129.16"]),
    ("kubernetes.default.svc", &["10.96.0.1"]),
    ("router.example.com", &["192.168.0.1"]),
    ("docker.example.com", &["172.17.0.1"]),
    ("carrier.example.com", &["100.64.0.1"]),
    ("zero.example.com", &["0.0.0.0"]),
    ("none.example.com", &["::"]),
    ("everybody.example.com", &["255.255.255.255"]),
    ("group.example.com", &["224.0.0.251", "ff02::fb"]),
    ("mapped.example.com", &["::ffff:127.0.0.1"]),
    ("translated.example.com", &["64:ff9b::7f00:1"]),
    ("tunnel.example.com", &["2002:7f00:1::1"]),
    ("mixed-last.example.com", &[PUBLIC, "127.0.0.1"]),
    ("mixed-first.example.com", &["127.0.0.1", PUBLIC]),
    ("mixed-six.example.com", &[PUBLIC, "::1"]),
    ("mixed-families.example.com", &[PUBLIC_6, "127.0.0.1"]),
    ("mixed-middle.example.com", &[PUBLIC, "10.0.0.1", PUBLIC_6]),
    ("mixed-metadata.example.com", &[PUBLIC, PUBLIC_6, "169.254.169.254"]),
];

/// Names that reach the trap once its network is allowed.
pub(super) const REACHED: &[(&str, &[&str])] =
    &[("localhost", &["127.0.0.1"]), ("anything.localhost", &["::1"]), ("mapped.example.com", &["::ffff:127.0.0.1"])];

/// A resolver that knows one name. It gives its answers in turn and repeats the last one.
pub(super) struct FakeLookup {
    name: String,
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    count: Mutex<usize>,
}

impl FakeLookup {
    pub(super) fn of(name: &str, answers: &[&[&str]]) -> Self {
        let read = |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
        Self { name: name.to_owned(), answers: Mutex::new(answers.iter().map(read).collect()), count: Mutex::new(0) }
    }

    /// The number of lookups so far.
    pub(super) fn count(&self) -> usize {
        *self.count.lock().unwrap()
    }
}

impl Lookup for FakeLookup {
    fn lookup(&self, name: &str) -> LookupFuture {
        *self.count.lock().unwrap() += 1;
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let answer = answer.filter(|_| name == self.name).ok_or_else(|| io::Error::other("no such name"));
        Box::pin(std::future::ready(answer))
    }
}
