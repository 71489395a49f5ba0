//! Name resolution with a check of every address at the moment of the connect. Must not cache: the next lookup may
//! give another address.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::refused::{Refused, check_ip};

/// A lookup in flight; ends in all addresses of the name.
pub type LookupFuture = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves host names to addresses.
pub trait Lookup: Send + Sync {
    /// Resolves a name to all its addresses.
    fn lookup(&self, name: &str) -> LookupFuture;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: &str) -> LookupFuture {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The resolver inside the HTTP client. It returns all addresses of a name or an error: a name with a public and a
/// private address is refused, because either could be tried first.
#[derive(Clone)]
pub(super) struct CheckedResolver {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) allowed: Vec<IpNet>,
    /// True for plain http, which may call allowed networks only.
    pub(super) is_plain: bool,
}

impl CheckedResolver {
    /// Resolves a name and checks every address.
    pub(super) async fn resolve_checked(&self, name: &str) -> Result<Vec<IpAddr>, Refused> {
        let no_such_name = || Refused::NoSuchName { host: name.to_owned() };
        let found = self.lookup.lookup(name).await.map_err(|_| no_such_name())?;
        for ip in &found {
            check_ip(name, *ip, &self.allowed, self.is_plain)?;
        }
        if found.is_empty() { Err(no_such_name()) } else { Ok(found) }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.resolve_checked(name.as_str()).await.map_err(into_client_error)?;
            // port 0: the client puts in the port of the URL
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// Keeps [`Refused`] recognisable in the client's error, except for a failed lookup: that is a network error, which
/// may pass, and no refusal.
fn into_client_error(refused: Refused) -> Box<dyn Error + Send + Sync> {
    if matches!(refused, Refused::NoSuchName { .. }) { refused.to_string().into() } else { refused.into() }
}
