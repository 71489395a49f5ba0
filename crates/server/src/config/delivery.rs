//! `[delivery]`: how events are forwarded, and which addresses of customers may be called (judged in
//! `outbound`).

use super::ConfigError;
use crate::outbound::Rules;

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

    /// Seconds an endpoint may take to answer a post; then it is tried again later.
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
        Rules::read(&self.allow_subnets, self.allow_http).map_err(|found| ConfigError::Value {
            setting: "delivery.allow_subnets",
            problem: format!("\"{found}\" is no network"),
            fix: "write networks like 10.1.0.0/16 or fd00:1::/32, or single addresses",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_none_is_named() {
        let delivery =
            Delivery { allow_subnets: vec!["10.0.0.0/8".to_owned(), "intranet".to_owned()], ..Delivery::default() };
        let text = delivery.rules().unwrap_err().to_string();
        assert!(text.starts_with("delivery.allow_subnets: \"intranet\" is no network"), "{text}");
    }
}
