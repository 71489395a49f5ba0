//! The points at which a crash is rehearsed: a closed list. Does nothing unless a build for tests asks
//! a process to end at one of them.

/// Every point of signup and registration where something was written or sent and the next thing was
/// not. A test kills the process at each and fails when one is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KillPoint {
    /// The signup row is committed, the code not yet exchanged.
    SignupWritten,
    /// The code was exchanged, the token not yet stored.
    CodeExchanged,
    /// The token is stored, nothing was read.
    TokenStored,
    /// The numbers were read, the channel is not created.
    NumbersRead,
    /// The channel is committed, set-up has not begun.
    ChannelCreated,
    /// The app was subscribed, the override is not set.
    Subscribed,
    /// The override was set, its fact not yet stored.
    Overridden,
    /// The register attempt and the PIN are committed, Meta is not called.
    IntentCommitted,
    /// Meta answered, the outcome is not stored.
    RegisterAnswered,
    /// The outcome is stored, the number not read again.
    OutcomeSettled,
    /// Set-up is done, the signup is not marked as finished.
    SetupDone,
}

impl KillPoint {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::SignupWritten,
        Self::CodeExchanged,
        Self::TokenStored,
        Self::NumbersRead,
        Self::ChannelCreated,
        Self::Subscribed,
        Self::Overridden,
        Self::IntentCommitted,
        Self::RegisterAnswered,
        Self::OutcomeSettled,
        Self::SetupDone,
    ];

    /// Its name, as the environment variable carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignupWritten => "signup_written",
            Self::CodeExchanged => "code_exchanged",
            Self::TokenStored => "token_stored",
            Self::NumbersRead => "numbers_read",
            Self::ChannelCreated => "channel_created",
            Self::Subscribed => "subscribed",
            Self::Overridden => "overridden",
            Self::IntentCommitted => "intent_committed",
            Self::RegisterAnswered => "register_answered",
            Self::OutcomeSettled => "outcome_settled",
            Self::SetupDone => "setup_done",
        }
    }
}

/// Ends the process like `kill -9` would, if it was started with `LINEKEEPER_KILL_AT` naming this
/// point; the hook exists in debug builds only.
#[cfg(debug_assertions)]
pub fn reached(point: KillPoint) {
    if crate::config::kill_at().is_some_and(|name| name == point.as_str()) {
        // no destructor, no flush: what is on disk is what a crash would leave
        std::process::abort();
    }
}

/// Does nothing in release builds.
#[cfg(not(debug_assertions))]
pub const fn reached(_: KillPoint) {}
