//! What a name stands for, judged at the moment it is connected to. Must not remember an answer: the
//! next one may be another.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::refused::{Refused, judge};

/// A look-up under way.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Says what a name stands for.
pub trait Lookup: Send + Sync {
    /// Every address of a name.
    fn look_up(&self, name: &str) -> Looking;
}

/// This machine's own resolver.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Lookup for System {
    fn look_up(&self, name: &str) -> Looking {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The resolver of the client: an answer is passed on whole or not at all. A name that stands for a
/// public address and a private one is refused, since which of them is tried first is chance.
#[derive(Clone)]
pub(super) struct Judged {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) allowed: Vec<IpNet>,
    /// For plain http, which goes to allowed networks alone.
    pub(super) is_plain: bool,
}

impl Judged {
    /// The addresses of a name, all of them good.
    pub(super) async fn look(&self, name: &str) -> Result<Vec<IpAddr>, Refused> {
        let nothing = || Refused::NoSuchName { host: name.to_owned() };
        let found = self.lookup.look_up(name).await.map_err(|_| nothing())?;
        for ip in &found {
            judge(name, *ip, &self.allowed, self.is_plain)?;
        }
        if found.is_empty() { Err(nothing()) } else { Ok(found) }
    }
}

impl Resolve for Judged {
    fn resolve(&self, name: Name) -> Resolving {
        let it = self.clone();
        Box::pin(async move {
            let found = it.look(name.as_str()).await.map_err(outward)?;
            // the port is the address's own; 0 stands for the scheme's
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

/// A name that is not found is no judgement on it: it may be found next time.
fn outward(refused: Refused) -> Box<dyn Error + Send + Sync> {
    if matches!(refused, Refused::NoSuchName { .. }) { refused.to_string().into() } else { refused.into() }
}
