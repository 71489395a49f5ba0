//! Ingest: Meta's posts are stored before Meta gets its 200, and interpreted by a job afterwards.

mod attribute;
pub mod earlier;
pub mod handshake;
pub mod interpret;
pub mod receive;
pub(crate) mod writer;
