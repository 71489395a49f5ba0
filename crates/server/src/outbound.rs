//! The one HTTP client for customers' addresses, and the guard before it: whatever a tenant writes
//! down, nothing but the public internet is called, and what the operator allows beside it.
//!
//! An address is judged twice. [`Guard::check_url`] looks at what is written, since an IP literal is
//! never resolved; the resolver inside the client judges what a name stands for at the moment of each
//! connect, so that a name cannot be public when it is checked and private when it is called. Redirects
//! are not followed and no proxy is heeded: either would be a way round. Must not know what is sent.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

pub mod exchange;
mod refused;
mod resolve;
mod verdict;

pub use refused::{Refused, SendError, SetupError};
pub use resolve::{Looking, Lookup, System};
pub use verdict::{Why, verdict};

use resolve::Judged;

/// How long a connection may take to stand, looking up its name included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_mins(1);

/// How many unused connections to one host are kept.
const IDLE_PER_HOST: usize = 64;

/// What the operator allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Networks that may be called although they are not public.
    pub allowed: Vec<IpNet>,
    /// Plain http, and to those networks alone.
    pub allow_http: bool,
}

impl Rules {
    /// Reads networks such as `10.1.0.0/16`, or one address; the first that is none.
    pub fn read(subnets: &[String], allow_http: bool) -> Result<Self, String> {
        let allowed =
            subnets.iter().map(|text| read_net(text).ok_or_else(|| text.clone())).collect::<Result<_, _>>()?;
        Ok(Self { allowed, allow_http })
    }
}

fn read_net(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(net.trunc())
}

/// The guard and the client behind it; cheap to clone, clones share their connections.
#[derive(Clone)]
pub struct Guard(Arc<Parts>);

struct Parts {
    rules: Rules,
    lookup: Arc<dyn Lookup>,
    /// Made when first needed: who delivers nothing need not have the machine's certificates read.
    https: OnceLock<reqwest::Client>,
    http: OnceLock<reqwest::Client>,
}

impl Guard {
    /// A guard that asks this machine what a name stands for.
    pub fn new(rules: Rules) -> Self {
        Self::with_lookup(rules, Arc::new(System))
    }

    /// A guard that asks somebody else.
    pub fn with_lookup(rules: Rules, lookup: Arc<dyn Lookup>) -> Self {
        Self(Arc::new(Parts { rules, lookup, https: OnceLock::new(), http: OnceLock::new() }))
    }

    /// Reads an address and judges what is written there.
    pub fn parse(&self, text: &str) -> Result<Url, Refused> {
        let url = Url::parse(text).map_err(|error| Refused::NotAnAddress { problem: error.to_string() })?;
        self.check_url(&url)?;
        Ok(url)
    }

    /// Judges what is written, without looking anything up: a name passes, and is judged again by what
    /// it stands for whenever it is called. Odd spellings of an IP address are none any more here: a
    /// [`Url`] holds the address itself.
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        let is_plain = match url.scheme() {
            "https" => false,
            "http" if self.0.rules.allow_http => true,
            "http" => return Err(Refused::Http),
            other => return Err(Refused::Scheme { scheme: other.to_owned() }),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        if url.port() == Some(0) {
            return Err(Refused::Port);
        }
        let ip = match url.host() {
            None => return Err(Refused::NoHost),
            Some(Host::Domain(name)) if name.trim_matches('.').is_empty() => return Err(Refused::NoHost),
            Some(Host::Domain(_)) => return Ok(()),
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        };
        refused::judge(&ip.to_string(), ip, &self.0.rules.allowed, is_plain)
    }

    /// The same, and what a name stands for right now: for whoever writes an address down. Says nothing
    /// about the next call, which is judged by itself.
    pub async fn check_names(&self, url: &Url) -> Result<(), Refused> {
        self.check_url(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        let judged = self.judged(url.scheme() == "http");
        judged.look(name).await.map(|_| ())
    }

    /// The client for https. It judges names, not literals: send with [`Guard::send`].
    pub fn client(&self) -> Result<reqwest::Client, SetupError> {
        self.made(&self.0.https, false)
    }

    /// Sends a request after its address was judged. An answer that redirects is an answer.
    pub async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, SendError> {
        self.check_url(request.url())?;
        let client = match request.url().scheme() {
            "http" => self.made(&self.0.http, true)?,
            _ => self.client()?,
        };
        client.execute(request).await.map_err(SendError::from)
    }

    fn judged(&self, is_plain: bool) -> Judged {
        Judged { lookup: Arc::clone(&self.0.lookup), allowed: self.0.rules.allowed.clone(), is_plain }
    }

    fn made(&self, place: &OnceLock<reqwest::Client>, is_plain: bool) -> Result<reqwest::Client, SetupError> {
        if let Some(client) = place.get() {
            return Ok(client.clone());
        }
        let builder = reqwest::Client::builder();
        let builder = if is_plain { builder.tls_certs_only([]) } else { builder.https_only(true) };
        let client = builder
            .dns_resolver(self.judged(is_plain))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .user_agent(concat!("linekeeper/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(SetupError)?;
        Ok(place.get_or_init(|| client).clone())
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guard").field("rules", &self.0.rules).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_with_or_without_a_length() {
        let rules = Rules::read(&["10.1.2.3/8".to_owned(), " 192.168.1.7 ".to_owned(), "fd00::/8".to_owned()], false);
        let texts: Vec<String> = rules.unwrap().allowed.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.0/8", "192.168.1.7/32", "fd00::/8"]);
        assert_eq!(Rules::read(&["10.0.0.0/33".to_owned()], false), Err("10.0.0.0/33".to_owned()));
        assert_eq!(Rules::read(&["localhost".to_owned()], false), Err("localhost".to_owned()));
    }

    #[test]
    fn plain_http_is_for_allowed_networks_alone() {
        let guard = |allow_http| Guard::new(Rules { allowed: vec!["10.0.0.0/8".parse().unwrap()], allow_http });
        let check = |guard: &Guard, text: &str| guard.parse(text).map(|_| ());
        assert_eq!(check(&guard(false), "http://10.0.0.1/"), Err(Refused::Http));
        assert_eq!(check(&guard(true), "http://10.0.0.1/"), Ok(()));
        assert!(matches!(check(&guard(true), "http://8.8.8.8/"), Err(Refused::Plain { .. })));
        assert_eq!(check(&guard(false), "https://8.8.8.8/"), Ok(()));
        assert_eq!(check(&guard(false), "https://hooks.example.com/"), Ok(()));
    }
}
