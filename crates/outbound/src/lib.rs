//! The one HTTP client for customers' addresses, and the SSRF guard in front of it. Whatever URL a tenant
//! configures, only the public internet is called, plus the networks the operator allows.
//!
//! An address is checked twice. [`Guard::check_url`] checks the URL as written, because an IP literal is never
//! resolved. The resolver inside the client checks every address of a name at each connect, so that a name cannot
//! be public when it is checked and private when it is called. Redirects and proxies are off: either would bypass
//! the guard. Must not know what is sent.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

pub mod address_class;
pub mod exchange;
pub mod pinned;
mod refused;
mod resolve;

pub use refused::{Refused, SendError, SetupError};
pub use reqwest::Method;
pub use resolve::{Lookup, LookupFuture, SystemLookup};

use resolve::CheckedResolver;

/// Time limit for one connect, name lookup included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an idle connection stays in the pool.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Idle connections kept in the pool per host.
const MAX_IDLE_PER_HOST: usize = 64;

/// The addresses the operator allows in addition to the public internet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// Networks that may be called although they are not public.
    pub allowed: Vec<IpNet>,
    /// Allows plain http, to the networks in `allowed` only.
    pub allow_http: bool,
}

impl Rules {
    /// Parses networks such as `10.1.0.0/16` and single addresses. The error is the first text that is neither.
    pub fn parse(subnets: &[String], allow_http: bool) -> Result<Self, String> {
        let allowed =
            subnets.iter().map(|text| parse_net(text).ok_or_else(|| text.clone())).collect::<Result<_, _>>()?;
        Ok(Self { allowed, allow_http })
    }
}

fn parse_net(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let net = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(net.trunc())
}

/// The SSRF guard and the HTTP client behind it. Cheap to clone; clones share one connection pool.
#[derive(Clone)]
pub struct Guard(Arc<Parts>);

struct Parts {
    rules: Rules,
    lookup: Arc<dyn Lookup>,
    /// Built on first use: a process that forwards nothing does not read the machine's certificates.
    https: OnceLock<reqwest::Client>,
    http: OnceLock<reqwest::Client>,
}

impl Guard {
    /// Creates a guard that resolves names with this machine's resolver.
    pub fn new(rules: Rules) -> Self {
        Self::with_lookup(rules, Arc::new(SystemLookup))
    }

    /// Creates a guard with another resolver.
    pub fn with_lookup(rules: Rules, lookup: Arc<dyn Lookup>) -> Self {
        Self(Arc::new(Parts { rules, lookup, https: OnceLock::new(), http: OnceLock::new() }))
    }

    /// Parses a URL and checks it as [`Guard::check_url`] does.
    pub fn parse(&self, text: &str) -> Result<Url, Refused> {
        let url = Url::parse(text).map_err(|error| Refused::NotAnAddress { problem: error.to_string() })?;
        self.check_url(&url)?;
        Ok(url)
    }

    /// Checks a URL as written, without a lookup. A host name passes here; its addresses are checked at every
    /// connect. Odd spellings of an IP address are covered, because [`Url`] holds the parsed address.
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
        refused::check_ip(&ip.to_string(), ip, &self.0.rules.allowed, is_plain)
    }

    /// Checks a URL and every address its host name resolves to now. Used when an endpoint is saved. The next call
    /// is checked again at its own connect.
    pub async fn check_resolved(&self, url: &Url) -> Result<(), Refused> {
        self.check_url(url)?;
        let Some(Host::Domain(name)) = url.host() else { return Ok(()) };
        self.resolver(url.scheme() == "http").resolve_checked(name).await.map(|_| ())
    }

    /// The client for https. It checks resolved names, not IP literals: use [`Guard::send`] to send.
    pub fn client(&self) -> Result<reqwest::Client, SetupError> {
        self.client_in(&self.0.https, false)
    }

    /// Checks the URL of a request and sends it. A redirect is returned as the response and is not followed.
    pub async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response, SendError> {
        self.check_url(request.url())?;
        let client = match request.url().scheme() {
            "http" => self.client_in(&self.0.http, true)?,
            _ => self.client()?,
        };
        client.execute(request).await.map_err(SendError::from)
    }

    fn resolver(&self, is_plain: bool) -> CheckedResolver {
        CheckedResolver { lookup: Arc::clone(&self.0.lookup), allowed: self.0.rules.allowed.clone(), is_plain }
    }

    fn client_in(&self, cell: &OnceLock<reqwest::Client>, is_plain: bool) -> Result<reqwest::Client, SetupError> {
        if let Some(client) = cell.get() {
            return Ok(client.clone());
        }
        let builder = reqwest::Client::builder();
        let builder = if is_plain { builder.tls_certs_only([]) } else { builder.https_only(true) };
        let client = builder
            .dns_resolver(self.resolver(is_plain))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .user_agent(concat!("linekeeper/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(SetupError)?;
        Ok(cell.get_or_init(|| client).clone())
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
    fn networks_are_parsed_with_or_without_a_prefix_length() {
        let rules = Rules::parse(&["10.1.2.3/8".to_owned(), " 192.168.1.7 ".to_owned(), "fd00::/8".to_owned()], false);
        let texts: Vec<String> = rules.unwrap().allowed.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.0/8", "192.168.1.7/32", "fd00::/8"]);
        assert_eq!(Rules::parse(&["10.0.0.0/33".to_owned()], false), Err("10.0.0.0/33".to_owned()));
        assert_eq!(Rules::parse(&["localhost".to_owned()], false), Err("localhost".to_owned()));
    }

    #[test]
    fn plain_http_is_for_allowed_networks_only() {
        let guard = |allow_http| Guard::new(Rules { allowed: vec!["10.0.0.0/8".parse().unwrap()], allow_http });
        let check = |guard: &Guard, text: &str| guard.parse(text).map(|_| ());
        assert_eq!(check(&guard(false), "http://10.0.0.1/"), Err(Refused::Http));
        assert_eq!(check(&guard(true), "http://10.0.0.1/"), Ok(()));
        assert!(matches!(check(&guard(true), "http://8.8.8.8/"), Err(Refused::Plain { .. })));
        assert_eq!(check(&guard(false), "https://8.8.8.8/"), Ok(()));
        assert_eq!(check(&guard(false), "https://hooks.example.com/"), Ok(()));
    }
}
