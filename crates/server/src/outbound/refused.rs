//! Why an address was not called, in sentences that say what may be done about it; nothing of an
//! address but its host is repeated, since its path and query may hold secrets.

use std::error::Error;
use std::net::IpAddr;

use ipnet::IpNet;

use super::verdict::{Why, is_allowed, verdict};

/// Why an address is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It cannot be read.
    #[error("this is not an address ({problem}); write it like https://hooks.example.com/whatsapp")]
    NotAnAddress {
        /// What is wrong.
        problem: String,
    },
    /// Neither https nor http.
    #[error("an address begins with https://, and {scheme}: is not called")]
    Scheme {
        /// What it begins with.
        scheme: String,
    },
    /// Plain http, which is off.
    #[error(
        "http:// would show everybody on the way what is sent; use https://. Inside a network of one's own the \
         operator may set delivery.allow_http = true and name the network in delivery.allow_subnets"
    )]
    Http,
    /// A name or a password stands before the host.
    #[error("an address holds no user name and no password; whoever receives checks the signature instead")]
    UserInfo,
    /// Port 0.
    #[error("nothing listens on port 0")]
    Port,
    /// No host.
    #[error("the address names no host")]
    NoHost,
    /// The host is, or stands for, an address that is not public.
    #[error("{}", not_public(host, *ip, *why))]
    Address {
        /// The host as written.
        host: String,
        /// What it stands for.
        ip: IpAddr,
        /// What is special about it.
        why: Why,
    },
    /// Plain http to an address outside the allowed networks.
    #[error("{host} is in none of delivery.allow_subnets: http:// is for those alone; use https://")]
    Plain {
        /// The host as written.
        host: String,
        /// What it stands for.
        ip: IpAddr,
    },
    /// The name stands for nothing.
    #[error("{host} stands for no address; does the name exist?")]
    NoSuchName {
        /// The name.
        host: String,
    },
}

/// What a name stands for is the operator's network's affair: a tenant who may write names down would learn
/// it one by one. Whoever wrote the address itself knows it.
fn not_public(host: &str, ip: IpAddr, why: Why) -> String {
    if host != ip.to_string() {
        return format!(
            "{host} stands for an address that is not on the public internet, and is not called; the operator of this \
             installation finds it in the log and may allow it in delivery.allow_subnets"
        );
    }
    let net = IpNet::from(ip);
    let network = if why.alone { "" } else { " or its network" };
    format!(
        "{ip} is {} ({}) and is not called; the operator of this installation may allow it with \"{net}\"{network} in \
         delivery.allow_subnets",
        why.what, why.source
    )
}

/// Judges one address behind a host.
pub(super) fn judge(host: &str, ip: IpAddr, allowed: &[IpNet], is_plain: bool) -> Result<(), Refused> {
    verdict(ip, allowed).map_err(|why| {
        tracing::info!(host, %ip, why = why.what, "a customer's address is not called");
        Refused::Address { host: host.to_owned(), ip, why }
    })?;
    if is_plain && !is_allowed(ip, false, allowed) {
        return Err(Refused::Plain { host: host.to_owned(), ip });
    }
    Ok(())
}

/// The client cannot be made: no usable TLS set-up on this machine.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for deliveries cannot be made")]
pub struct SetupError(#[source] pub(super) reqwest::Error);

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It was not sent.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There is no client.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// It was tried; the address is left out of the text.
    #[error(transparent)]
    Http(reqwest::Error),
}

impl SendError {
    /// Whether it took too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_timeout())
    }

    /// What went wrong, down to its root, in one line.
    pub fn in_words(&self) -> String {
        let mut words = self.to_string();
        let mut cause = self.source();
        while let Some(inner) = cause {
            let text = inner.to_string();
            if !words.contains(&text) {
                words = format!("{words}: {text}");
            }
            cause = inner.source();
        }
        words
    }
}

impl From<reqwest::Error> for SendError {
    /// What the resolver refused comes back from the depth of the client.
    fn from(error: reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if let Some(refused) = inner.downcast_ref::<Refused>() {
                return Self::Refused(refused.clone());
            }
            cause = inner.source();
        }
        Self::Http(error.without_url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_why_and_what_to_do_and_not_what_a_name_stands_for() {
        let text = |host: &str, ip: &str| judge(host, ip.parse().unwrap(), &[], false).unwrap_err().to_string();
        let named = text("hooks.example.com", "10.0.0.5");
        assert!(named.starts_with("hooks.example.com stands for an address that is not on the public"), "{named}");
        assert!(!named.contains("10.0.0.5") && !named.contains("private"), "{named}");
        assert_eq!(
            text("10.0.0.5", "10.0.0.5"),
            "10.0.0.5 is private (RFC 1918) and is not called; the operator of this installation may allow it with \
             \"10.0.0.5/32\" or its network in delivery.allow_subnets"
        );
        let metadata = text("169.254.169.254", "169.254.169.254");
        assert!(metadata.starts_with("169.254.169.254 is a cloud's metadata service"), "{metadata}");
        assert!(metadata.contains("with \"169.254.169.254/32\" in"), "{metadata}");
    }
}
