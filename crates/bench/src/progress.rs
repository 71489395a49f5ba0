//! Progress messages on standard error, for the person who waits. Must not print results.

/// Prints one line of progress.
#[expect(clippy::print_stderr, reason = "progress for the person who waits")]
pub(crate) fn log_progress(text: &str) {
    eprintln!("{text}");
}
