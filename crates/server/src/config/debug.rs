//! Environment variables for tests that run real processes. A release build does not read them.

/// The variables of this file, so that they do not count as misspelt settings.
#[cfg(debug_assertions)]
pub(super) const VARIABLES: &[&str] = &[FAILPOINT, CLOCK_SPEED];

/// A release build knows none of them.
#[cfg(not(debug_assertions))]
pub(super) const VARIABLES: &[&str] = &[];

#[cfg(debug_assertions)]
const FAILPOINT: &str = "LINEKEEPER_FAILPOINT";

#[cfg(debug_assertions)]
const CLOCK_SPEED: &str = "LINEKEEPER_CLOCK_SPEED";

/// Name of the failpoint at which this process stops, so that a test can kill it (see `runtime::failpoint`).
#[cfg(debug_assertions)]
pub(crate) fn failpoint() -> Option<&'static str> {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "the configuration is the one reader of the environment")]
    NAME.get_or_init(|| std::env::var(FAILPOINT).ok()).as_deref()
}

/// Speed and start of the clock (see `runtime::clock`): `20@2026-11-02T09:00:00Z` runs 20 times as fast as
/// real time, from that instant on.
#[cfg(debug_assertions)]
pub(crate) fn clock_speed() -> Option<&'static str> {
    static CLOCK: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "the configuration is the one reader of the environment")]
    CLOCK.get_or_init(|| std::env::var(CLOCK_SPEED).ok()).as_deref()
}

/// A release build follows the wall clock.
#[cfg(not(debug_assertions))]
pub(crate) const fn clock_speed() -> Option<&'static str> {
    None
}
