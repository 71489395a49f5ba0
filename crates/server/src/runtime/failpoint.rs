//! The failpoints: a closed list of places where a test may stop the process, so that a crash there is
//! tested. They do nothing unless a debug build is told to stop at one.

use strum::{IntoStaticStr, VariantArray};

/// Every place of signup and registration between two steps that belong together. A test kills the process
/// at each and fails when one is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Failpoint {
    /// The signup row is committed, the code not yet exchanged.
    SignupWritten,
    /// The code was exchanged, the token not yet stored.
    CodeExchanged,
    /// The token is stored, nothing was read.
    TokenStored,
    /// The numbers were read, the channel is not created.
    NumbersRead,
    /// The channel is committed, set-up has not started.
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
    /// The PIN its owner entered is committed, nothing was read.
    PinKept,
    /// Meta accepted the code its owner entered, nothing of that is stored.
    CodeVerified,
}

impl Failpoint {
    /// Every failpoint, in the order of its declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Its name, as the environment variable carries it.
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

/// What a stopped process writes to standard error before the failpoint's name.
pub const MARKER: &str = "stopped at failpoint ";

/// Stops this thread for good if the process was started with `LINEKEEPER_FAILPOINT` naming this point, and
/// writes [`MARKER`]: the test that started it then kills the process. Exists in debug builds only.
#[cfg(debug_assertions)]
pub fn reached(point: Failpoint) {
    use std::io::Write as _;

    if crate::config::failpoint().is_some_and(|name| name == point.as_str()) {
        // one write, so that no line of the log comes in between
        let line = format!("{MARKER}{}\n", point.as_str());
        let _ = std::io::stderr().write_all(line.as_bytes());
        // neither this task nor another of the same thread continues
        loop {
            std::thread::park();
        }
    }
}

/// Does nothing in release builds.
#[cfg(not(debug_assertions))]
pub const fn reached(_: Failpoint) {}
