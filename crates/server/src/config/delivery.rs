//! `[delivery]`: how events are forwarded, and which addresses of customers may be called (judged in
//! `outbound`).

use super::ConfigError;
use outbound::Rules;

/// How events are forwarded to customers' addresses. The public internet may always be called, over https.
#[derive(Debug, Clone, confique::Config)]
pub struct Delivery {
    /// Networks that may be called although they are not public, such as `10.1.0.0/16`, or single
    /// addresses. Whoever may write down an endpoint reaches what is listed here: keep it narrow.
    #[config(default = [], env = "LINEKEEPER_DELIVERY_ALLOW_SUBNETS", parse_env = confique::env::parse::list_by_comma)]
    pub allow_subnets: Vec<String>,

    /// Call plain http too, and only inside `allow_subnets`.
    #[config(default = false, env = "LINEKEEPER_DELIVERY_ALLOW_HTTP")]
    pub allow_http: bool,

    /// Seconds an endpoint may take to answer a post, 1 to 25; then it is tried again later.
    #[config(default = 15, env = "LINEKEEPER_DELIVERY_DEADLINE_SECONDS")]
    pub deadline_seconds: u64,
}

/// Nothing but the public internet, and the deadline of the template.
impl Default for Delivery {
    fn default() -> Self {
        Self { allow_subnets: Vec::new(), allow_http: false, deadline_seconds: 15 }
    }
}

impl Delivery {
    /// What they come to.
    pub fn rules(&self) -> Result<Rules, ConfigError> {
        Rules::parse(&self.allow_subnets, self.allow_http).map_err(|found| ConfigError::Value {
            setting: "delivery.allow_subnets",
            problem: format!("\"{found}\" is no network"),
            fix: "write networks like 10.1.0.0/16 or fd00:1::/32, or single addresses",
        })
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // a post must be over while its endpoint is still leased (flows::delivery)
        if !(1..=25).contains(&self.deadline_seconds) {
            return Err(ConfigError::Value {
                setting: "delivery.deadline_seconds",
                problem: format!("{} is not possible", self.deadline_seconds),
                fix: "write 1 to 25",
            });
        }
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
    fn a_network_that_is_none_is_named() {
        let delivery =
            Delivery { allow_subnets: vec!["10.0.0.0/8".to_owned(), "intranet".to_owned()], ..Delivery::default() };
        let text = delivery.rules().unwrap_err().to_string();
        assert!(text.starts_with("delivery.allow_subnets: \"intranet\" is no network"), "{text}");
    }
}
