//! Rows that do not read as what they should be: altered on disk, or sealed with a lost key. A list passes over such a
//! row, so that it stops nobody else's work; it is logged once, with its name, and counted.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Error;

/// The most rows that are told apart. Beyond it they are neither logged nor counted.
const MAX_ROWS: usize = 10_000;

/// The names of the rows that were passed over since the database was opened.
#[derive(Debug, Default)]
pub(crate) struct UnreadableRows(Mutex<BTreeSet<String>>);

impl UnreadableRows {
    /// Notes a row that was passed over.
    pub(crate) fn note(&self, error: &Error) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < MAX_ROWS && names.insert(error.to_string()) {
            tracing::error!("a row is passed over: {}", error.chain());
        }
    }

    /// How many different rows were passed over.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
