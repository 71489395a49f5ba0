//! Why an address was not called, in sentences that say what to do about it. A sentence repeats only the host of
//! an address, because its path and query may hold secrets.

use std::error::Error;
use std::net::IpAddr;

use ipnet::IpNet;

use super::address_class::{SpecialRange, check_public, is_allowed};

/// Why the guard refuses an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("this is not an address ({problem}); write it like https://hooks.example.com/whatsapp")]
    NotAnAddress { problem: String },
    /// The scheme is neither https nor http.
    #[error("an address must begin with https://; {scheme}: addresses are not called")]
    Scheme { scheme: String },
    /// Plain http while `delivery.allow_http` is off.
    #[error(
        "http:// would show the events to everybody on the way; use https://. For a network of your own the operator \
         may set delivery.allow_http = true and name the network in delivery.allow_subnets"
    )]
    Http,
    /// The URL holds a user name or a password.
    #[error("an address must not hold a user name or a password; the receiver checks the signature instead")]
    UserInfo,
    #[error("port 0 cannot be called")]
    Port,
    #[error("the address names no host")]
    NoHost,
    /// The host is, or resolves to, an address that is not public.
    #[error("{}", not_public(host, *ip, *range))]
    Address {
        /// The host as written in the URL.
        host: String,
        ip: IpAddr,
        range: SpecialRange,
    },
    /// Plain http to an address outside the allowed networks.
    #[error("{host} is in none of delivery.allow_subnets, the only networks that http:// may call; use https://")]
    Plain {
        /// The host as written in the URL.
        host: String,
        ip: IpAddr,
    },
    /// The name resolves to nothing.
    #[error("{host} resolves to no address; does the name exist?")]
    NoSuchName { host: String },
}

/// The sentence for an address that is not public. It hides the address that a name resolves to: a tenant who may
/// save any name would otherwise map the operator's network name by name.
fn not_public(host: &str, ip: IpAddr, range: SpecialRange) -> String {
    if host != ip.to_string() {
        return format!(
            "{host} resolves to an address that is not on the public internet, and is not called; the operator of this \
             installation finds the address in the log and may allow it in delivery.allow_subnets"
        );
    }
    let net = IpNet::from(ip);
    let network = if range.single_only { "" } else { " or its network" };
    format!(
        "{ip} is {} ({}) and is not called; the operator of this installation may allow it with \"{net}\"{network} in \
         delivery.allow_subnets",
        range.description, range.source
    )
}

/// Checks one address of a host. `is_plain` is true for plain http, which may call allowed networks only.
pub(super) fn check_ip(host: &str, ip: IpAddr, allowed: &[IpNet], is_plain: bool) -> Result<(), Refused> {
    check_public(ip, allowed).map_err(|range| {
        tracing::info!(host, %ip, range = range.description, "refused to call a customer's address");
        Refused::Address { host: host.to_owned(), ip, range }
    })?;
    if is_plain && !is_allowed(ip, false, allowed) {
        return Err(Refused::Plain { host: host.to_owned(), ip });
    }
    Ok(())
}

/// The HTTP client cannot be built: this machine has no usable TLS set-up.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for deliveries cannot be built")]
pub struct SetupError(#[source] pub(super) reqwest::Error);

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The guard refused the address; nothing was sent.
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The request failed on the wire. The text does not hold the URL.
    #[error(transparent)]
    Http(reqwest::Error),
}

impl SendError {
    /// Whether the request ran into its deadline.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Http(error) if error.is_timeout())
    }

    /// The error and all its causes in one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text = format!("{text}: {inner_text}");
            }
            cause = inner.source();
        }
        text
    }
}

impl From<reqwest::Error> for SendError {
    /// Finds the resolver's [`Refused`] among the causes of the client's error.
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
    fn a_refusal_names_the_reason_and_the_fix_and_hides_what_a_name_resolves_to() {
        let text = |host: &str, ip: &str| check_ip(host, ip.parse().unwrap(), &[], false).unwrap_err().to_string();
        let named = text("hooks.example.com", "10.0.0.5");
        assert!(named.starts_with("hooks.example.com resolves to an address that is not on the public"), "{named}");
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
