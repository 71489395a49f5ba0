//! `[log]`: which log lines are written, and in which format. Setting the log up is the command line's.

use serde::Deserialize;

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

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}
