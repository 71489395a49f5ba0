//! `linekeeper conformance`: sends valid, forged and unusual webhooks to any WhatsApp webhook receiver and reports
//! how it behaves. The cases are data ([`cases`]) and their evaluation is pure ([`mod@evaluate`]); only [`send`] and
//! [`observed`] use the network. Must not know how this product receives webhooks.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use secrecy::SecretString;
use server::runtime::clock::Clock;
use url::{Host, Url};

use super::output::{CommandStatus, Output};

mod cases;
mod evaluate;
mod observed;
mod payloads;
mod report;
mod send;

use cases::Case;
use observed::Hook;
use report::Row;
use send::Sender;

pub(super) const EXAMPLES: &str = "\
Examples:
  linekeeper conformance --url http://127.0.0.1:8000/webhook --secret \"$APP_SECRET\" --verify-token \"$VERIFY_TOKEN\"
  linekeeper conformance --url http://127.0.0.1:8000/webhook --secret \"$APP_SECRET\" \\
    --observed-url http://127.0.0.1:8000/observed     also check which messages it handled
  linekeeper conformance --url http://127.0.0.1:8000/webhook --secret \"$APP_SECRET\" --json

The observation hook answers GET with the ids (wamid…) of the messages that the receiver handled, each id as
often as it was handled: a JSON list of strings, or one id per line. Without the hook, the result of a case
about handled messages is \"unknown\". Exit status 0 if no case failed, 3 if a case failed.

The webhooks contain invented messages: use a receiver made for tests, not one in production.";

/// Ids of the two numbers of the messages, as far as `--phone-number-id` gives none.
const DEFAULT_NUMBERS: [&str; 2] = ["720000000000101", "720000000000102"];

#[derive(Debug, clap::Args)]
pub(super) struct Conformance {
    /// Webhook address of the receiver.
    #[arg(long)]
    url: Url,
    /// App secret with which the receiver checks signatures.
    #[arg(long, env = "LINEKEEPER_CONFORMANCE_SECRET", hide_env_values = true, value_name = "APP_SECRET")]
    secret: SecretString,
    /// Verify token of the receiver. Without it, the valid handshake is not tested.
    #[arg(long, value_name = "TOKEN")]
    verify_token: Option<SecretString>,
    /// Meta's id of a number that the receiver knows. Give a second one for the batch of two tenants.
    #[arg(long = "phone-number-id", value_name = "ID")]
    phone_number_ids: Vec<String>,
    /// Address of the observation hook.
    #[arg(long, value_name = "URL")]
    observed_url: Option<Url>,
    /// Allow a receiver on another machine.
    #[arg(long)]
    allow_remote: bool,
}

impl Conformance {
    pub(super) async fn run(self, output: Output) -> anyhow::Result<CommandStatus> {
        let addresses = self.resolve(&self.url).await?;
        let hook = match &self.observed_url {
            Some(url) => Some(Hook::open(url, &self.resolve(url).await?).await?),
            None => None,
        };
        let clock = Clock::system();
        let run = clock.uuid().simple().to_string();
        let seconds = clock.now().as_second();
        let cases = cases::all(&payloads::Author::new(&run, seconds, self.numbers()), self.verify_token.as_ref());
        let sender = Sender::new(&self.url, &addresses, &self.secret)?;
        let bar = output.progress(cases.len(), "sending");
        let mut replies = Vec::with_capacity(cases.len());
        for case in &cases {
            replies.push(sender.send(case).await);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let observed = match &hook {
            Some(hook) => Some(hook.wait_for(&cases).await?),
            None => None,
        };
        let row = |(case, replies): (&Case, &Vec<send::Reply>)| {
            let counts = observed.as_ref().map(|observed| observed.counts(case));
            Row::new(case, evaluate::evaluate(case, replies, counts), counts)
        };
        let rows: Vec<Row> = cases.iter().zip(&replies).map(row).collect();
        report::print(&self.url, &rows, output)
    }

    fn numbers(&self) -> [String; 2] {
        let given = |at: usize| self.phone_number_ids.get(at).map(String::as_str);
        let mut rest = DEFAULT_NUMBERS.into_iter();
        [0, 1].map(|at| given(at).or_else(|| rest.next()).unwrap_or_default().to_owned())
    }

    /// Resolves an address and checks that it is on this machine. Requests use the resolved addresses, so that a
    /// changed DNS answer cannot redirect them.
    async fn resolve(&self, url: &Url) -> anyhow::Result<Vec<SocketAddr>> {
        ensure!(matches!(url.scheme(), "http" | "https"), "{url} is not an http or https address");
        let port = url.port_or_known_default().context("the address has no port")?;
        let found: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(ip)) => vec![(ip, port).into()],
            Some(Host::Ipv6(ip)) => vec![(ip, port).into()],
            Some(Host::Domain(name)) => tokio::net::lookup_host((name, port))
                .await
                .with_context(|| format!("{name} cannot be resolved"))?
                .collect(),
            None => bail!("{url} has no host"),
        };
        let is_here = !found.is_empty() && found.iter().all(|address| address.ip().is_loopback());
        ensure!(is_here || self.allow_remote, "{url} is not on this machine; --allow-remote allows another machine");
        Ok(found)
    }
}
