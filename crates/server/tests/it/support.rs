//! What the stories stand on: throw-away databases. No story is told here.

pub(crate) mod postgres;
pub(crate) mod stores;
