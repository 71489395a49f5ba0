//! Reading columns that hold more than the engine's own types: instants, JSON, words.

use jiff::Timestamp;
use serde_json::Value;

use super::Error;

/// Names a row for the error that a column of it may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a, I> {
    pub(crate) table: &'static str,
    pub(crate) id: &'a I,
}

impl<I: std::fmt::Display> At<'_, I> {
    /// Microseconds as an instant.
    pub(crate) fn time(&self, column: &'static str, micros: i64) -> Result<Timestamp, Error> {
        Timestamp::from_microsecond(micros).map_err(Error::corrupt(self.table, self.id, column))
    }

    /// Microseconds that may be absent.
    pub(crate) fn maybe_time(&self, column: &'static str, micros: Option<i64>) -> Result<Option<Timestamp>, Error> {
        micros.map(|micros| self.time(column, micros)).transpose()
    }

    pub(crate) fn json(&self, column: &'static str, text: &str) -> Result<Value, Error> {
        serde_json::from_str(text).map_err(Error::corrupt(self.table, self.id, column))
    }

    /// Something that has to be there.
    pub(crate) fn some<T>(&self, column: &'static str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| Error::corrupt(self.table, self.id, column)("not one of the known words"))
    }
}

/// An instant as the database stores it, in microseconds. The fraction of the very last second cannot be read
/// back, so it is cut off: whatever is stored can be read.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond().min(Timestamp::MAX.as_second() * 1_000_000)
}

/// The same, where it may be absent.
pub(crate) fn maybe_micros(at: Option<Timestamp>) -> Option<i64> {
    at.map(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_time_are_stored_and_read() {
        let at = At { table: "signup", id: &1 };
        for end in [Timestamp::MIN, Timestamp::MAX] {
            let read = at.time("token_expires_at", micros(end)).unwrap();
            assert_eq!(read.as_second(), end.as_second());
        }
    }
}
