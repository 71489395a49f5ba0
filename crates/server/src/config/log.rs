//! `[log]`: which log lines are written, and in which format. Setting the log up is the command line's.

use serde::Deserialize;
use tracing_subscriber::filter::Targets;

use super::ConfigError;

/// Which log lines are written, and in which format.
#[derive(Debug, Clone, confique::Config)]
pub struct Log {
    /// Level, or levels per module: `info`, or `warn,server=debug,graph_api=info`.
    #[config(default = "info", env = "LINEKEEPER_LOG_FILTER")]
    pub filter: String,

    /// `text` for people, `json` for programs.
    #[config(default = "text", env = "LINEKEEPER_LOG_FORMAT")]
    pub format: LogFormat,
}

impl Log {
    /// The filter of the lines.
    pub fn targets(&self) -> Result<Targets, ConfigError> {
        // a certificate that a customer's endpoint presents is no failure of this service: the attempt says what it was
        format!("{VERIFIER}=off,{}", self.filter).parse().map_err(|_| ConfigError::Value {
            setting: "log.filter",
            problem: format!("\"{}\" is not a filter", self.filter),
            fix: "write it like info or warn,server=debug".to_owned(),
        })
    }
}

/// The library that checks certificates. It logs each one that it refuses as an error.
const VERIFIER: &str = "rustls_platform_verifier";

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn log(filter: &str) -> Log {
        Log { filter: filter.to_owned(), format: LogFormat::Text }
    }

    #[test]
    fn a_certificate_of_a_customer_is_no_error_of_this_service() {
        let shows = |filter: &str| log(filter).targets().unwrap().would_enable(VERIFIER, &Level::ERROR);
        assert!(!shows("info") && !shows("debug,server=trace"));
        assert!(shows("info,rustls_platform_verifier=error"), "unless it is asked for");
        assert!(log("info").targets().unwrap().would_enable("server::web", &Level::INFO));
    }

    #[test]
    fn a_text_that_is_not_a_filter_is_quoted() {
        let text = log("server=loud").targets().unwrap_err().to_string();
        assert!(text.starts_with("log.filter: \"server=loud\" is not a filter"), "{text}");
    }
}
