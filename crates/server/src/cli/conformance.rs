//! `linekeeper conformance`: posts to any WhatsApp webhook receiver what Meta would, and what a forger
//! would, and says what it did. The cases are data ([`cases`]), the judgement is pure ([`judge`]); only
//! [`send`] and [`observe`] talk to anybody. Must not know how this product receives.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use secrecy::SecretString;
use server::runtime::clock::Clock;
use url::{Host, Url};

use super::Verdict;
use super::output::Output;

mod bodies;
mod cases;
mod judge;
mod observe;
mod report;
mod send;

use cases::Case;
use observe::Hook;
use report::Row;
use send::Sender;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper conformance --url http://127.0.0.1:8000/webhook --secret \"$APP_SECRET\" --verify-token \"$VERIFY_TOKEN\"
  linekeeper conformance --url http://127.0.0.1:8000/webhook --secret \"$APP_SECRET\" \\
    --observed-url http://127.0.0.1:8000/observed     what it handled counts too, not only what it answered
  linekeeper conformance --url http://127.0.0.1:8000/webhook --secret \"$APP_SECRET\" --json

The observation hook answers GET with the ids (wamid…) of the messages the receiver handled, each as often
as it handled it: a JSON list of texts, or one id a line. Without it a case that hangs on what became of a
message is unknown. Exit status 0 when no case failed, 3 when one did.

It posts messages that nobody wrote: point it at a receiver made for the purpose, not at one in use.";

/// The number the messages are for when none is given, and the second one where one is given.
const NUMBERS: [&str; 2] = ["720000000000101", "720000000000102"];

#[derive(Debug, clap::Args)]
pub(super) struct Conformance {
    /// Where the receiver takes Meta's handshakes and posts.
    #[arg(long)]
    url: Url,
    /// The app secret the receiver checks signatures with.
    #[arg(long, env = "LINEKEEPER_CONFORMANCE_SECRET", hide_env_values = true, value_name = "APP_SECRET")]
    secret: SecretString,
    /// The receiver's verify token; without it whether it answers a right handshake is unknown.
    #[arg(long, value_name = "TOKEN")]
    verify_token: Option<SecretString>,
    /// A number the receiver knows, by Meta's id; a second one is the other tenant of the batch.
    #[arg(long = "phone-number-id", value_name = "ID")]
    phone_number_ids: Vec<String>,
    /// Where the receiver tells which messages it handled.
    #[arg(long, value_name = "URL")]
    observed_url: Option<Url>,
    /// Send to another machine too; without it only to this one.
    #[arg(long)]
    allow_remote: bool,
}

impl Conformance {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<Verdict> {
        let at = self.address(&self.url).await?;
        let hook = match &self.observed_url {
            Some(url) => Some(Hook::open(url, &self.address(url).await?).await?),
            None => None,
        };
        let clock = Clock::system();
        let run = clock.uuid().simple().to_string();
        let seconds = clock.now().as_second();
        let cases = cases::all(&bodies::Author::new(&run, seconds, self.numbers()), self.verify_token.as_ref());
        let sender = Sender::new(&self.url, &at, &self.secret)?;
        let bar = output.progress(cases.len(), "posting");
        let mut replies = Vec::with_capacity(cases.len());
        for case in &cases {
            replies.push(sender.send(case).await);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let seen = match &hook {
            Some(hook) => Some(hook.wait_for(&cases).await?),
            None => None,
        };
        let row = |(case, replies): (&Case, &Vec<send::Reply>)| {
            let seen = seen.as_ref().map(|seen| seen.of(case));
            Row::new(case, judge::judge(case, replies, seen), seen)
        };
        let rows: Vec<Row> = cases.iter().zip(&replies).map(row).collect();
        report::show(&self.url, &rows, output)
    }

    fn numbers(&self) -> [String; 2] {
        let given = |at: usize| self.phone_number_ids.get(at).map(String::as_str);
        let mut rest = NUMBERS.into_iter();
        [0, 1].map(|at| given(at).or_else(|| rest.next()).unwrap_or_default().to_owned())
    }

    /// Where an address leads; what is looked at is what is connected to.
    async fn address(&self, url: &Url) -> anyhow::Result<Vec<SocketAddr>> {
        ensure!(matches!(url.scheme(), "http" | "https"), "{url} is no http or https address");
        let port = url.port_or_known_default().context("the address has no port")?;
        let found: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
            Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
            Some(Host::Domain(name)) => {
                tokio::net::lookup_host((name, port)).await.with_context(|| format!("{name} is not known"))?.collect()
            }
            None => bail!("{url} names no host"),
        };
        let is_here = !found.is_empty() && found.iter().all(|address| address.ip().is_loopback());
        ensure!(is_here || self.allow_remote, "{url} is not on this machine; --allow-remote sends to it all the same");
        Ok(found)
    }
}
