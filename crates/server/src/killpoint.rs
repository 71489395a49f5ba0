//! The points at which a crash is rehearsed: a closed list. Does nothing unless a build for tests asks
//! a process to end at one of them.

/// Declares the points once: the enum, the list of all, and their names cannot differ.
macro_rules! kill_points {
    ($($(#[$doc:meta])* $point:ident = $name:literal),+ $(,)?) => {
        /// Every point of signup and registration where something was written or sent and the next
        /// thing was not. A test kills the process at each and fails when one is left out.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum KillPoint {
            $($(#[$doc])* $point),+
        }

        impl KillPoint {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$point),+];

            /// Its name, as the environment variable carries it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$point => $name),+
                }
            }
        }
    };
}

kill_points! {
    /// The signup row is committed, the code not yet exchanged.
    SignupWritten = "signup_written",
    /// The code was exchanged, the token not yet stored.
    CodeExchanged = "code_exchanged",
    /// The token is stored, nothing was read.
    TokenStored = "token_stored",
    /// The numbers were read, the channel is not created.
    NumbersRead = "numbers_read",
    /// The channel is committed, set-up has not begun.
    ChannelCreated = "channel_created",
    /// The app was subscribed, the override is not set.
    Subscribed = "subscribed",
    /// The override was set, its fact not yet stored.
    Overridden = "overridden",
    /// The register attempt and the PIN are committed, Meta is not called.
    IntentCommitted = "intent_committed",
    /// Meta answered, the outcome is not stored.
    RegisterAnswered = "register_answered",
    /// The outcome is stored, the number not read again.
    OutcomeSettled = "outcome_settled",
    /// Set-up is done, the signup is not marked as finished.
    SetupDone = "setup_done",
    /// The PIN its owner entered is committed, nothing was read.
    PinKept = "pin_kept",
    /// Meta took the code its owner entered, nothing of that is stored.
    CodeVerified = "code_verified",
}

/// What a process writes to standard error when it waits to be killed, before the point's name.
pub const MARKER: &str = "waiting to be killed at ";

/// Stops here for good, if the process was started with `LINEKEEPER_KILL_AT` naming this point, and
/// says so: whoever started it sends the `kill -9`. The hook exists in debug builds only.
#[cfg(debug_assertions)]
pub fn reached(point: KillPoint) {
    use std::io::Write as _;

    if crate::config::kill_at().is_some_and(|name| name == point.as_str()) {
        // one write, so that no line of the log comes in between
        let line = format!("{MARKER}{}\n", point.as_str());
        let _told = std::io::stderr().write_all(line.as_bytes());
        // the task goes no further, nor does what runs beside it in the same task
        loop {
            std::thread::park();
        }
    }
}

/// Does nothing in release builds.
#[cfg(not(debug_assertions))]
pub const fn reached(_: KillPoint) {}
