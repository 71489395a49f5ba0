//! The typed arguments that findings and changes pass to their sentences.

use jiff::{SignedDuration, Timestamp};

/// One argument of a sentence. Sentences are written elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arg {
    /// Free text: a name, or Meta's own sentence.
    Text(String),
    /// One of Meta's words or a code of this crate, to be looked up in the message catalogue.
    Code(String),
    /// A count, or one of Meta's numeric codes.
    Number(i64),
    Time(Timestamp),
    Span(SignedDuration),
    Codes(Vec<String>),
    /// The value is not known.
    Absent,
}
