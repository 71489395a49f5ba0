//! A call that waits until its callback answers a challenge. Must not run the handshake.

use serde::{Deserialize, Serialize};

/// What is changed once the callback proves itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChallengeFor {
    App { object: String, fields: Vec<String>, include_values: bool },
    Waba,
    Number,
}

/// A call that waits for the answer of its callback.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingChallenge {
    pub target: ChallengeFor,
    pub app_id: String,
    pub node: String,
    pub callback_url: String,
    pub verify_token: String,
    /// Path of the call, whose version the reply repeats.
    pub path: String,
}
