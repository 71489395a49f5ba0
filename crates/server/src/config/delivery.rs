//! `[delivery]`: how events are forwarded, and which addresses of customers may be called. The crate `outbound`
//! applies the rules.

use outbound::Rules;

use super::{ConfigError, NETWORKS_FIX, check_range};

/// The longest allowed `deadline_seconds`: a request must end before its lease does (`flows::forwarding::supervisor`).
const MAX_DEADLINE_SECONDS: u64 = 25;

/// How events are forwarded to customers' addresses. The public internet is always allowed, over https.
#[derive(Debug, Clone, confique::Config)]
pub struct Delivery {
    /// Networks to allow although they are not public, such as `10.1.0.0/16`, or single addresses.
    /// Everybody who may create an endpoint can reach them: keep the list short.
    #[config(default = [], env = "LINEKEEPER_DELIVERY_ALLOW_SUBNETS", parse_env = confique::env::parse::list_by_comma)]
    pub allow_subnets: Vec<String>,

    /// Allow plain http, only to addresses inside `allow_subnets`.
    #[config(default = false, env = "LINEKEEPER_DELIVERY_ALLOW_HTTP")]
    pub allow_http: bool,

    /// Seconds an endpoint may take to answer a request, 1 to 25. The event is retried after a timeout.
    #[config(default = 15, env = "LINEKEEPER_DELIVERY_DEADLINE_SECONDS")]
    pub deadline_seconds: u64,
}

/// The values of the template: only the public internet.
impl Default for Delivery {
    fn default() -> Self {
        Self { allow_subnets: Vec::new(), allow_http: false, deadline_seconds: 15 }
    }
}

impl Delivery {
    /// The rules for the SSRF guard.
    pub fn rules(&self) -> Result<Rules, ConfigError> {
        Rules::parse(&self.allow_subnets, self.allow_http).map_err(|found| ConfigError::Value {
            setting: "delivery.allow_subnets",
            problem: format!("\"{found}\" is not a network"),
            fix: NETWORKS_FIX.to_owned(),
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_range("delivery.deadline_seconds", self.deadline_seconds, 1..=MAX_DEADLINE_SECONDS)?;
        self.rules().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_ends_before_a_lease_does() {
        let check = |deadline_seconds| Delivery { deadline_seconds, ..Delivery::default() }.check();
        assert!(check(1).is_ok() && check(25).is_ok());
        for wrong in [0, 26] {
            assert!(check(wrong).unwrap_err().to_string().starts_with("delivery.deadline_seconds"));
        }
    }

    #[test]
    fn a_text_that_is_not_a_network_is_quoted() {
        let delivery =
            Delivery { allow_subnets: vec!["10.0.0.0/8".to_owned(), "intranet".to_owned()], ..Delivery::default() };
        let text = delivery.rules().unwrap_err().to_string();
        assert!(text.starts_with("delivery.allow_subnets: \"intranet\" is not a network"), "{text}");
    }
}
