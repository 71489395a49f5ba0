//! Reads the sources of the workspace, and which file imports which, for the tests of the house rules.
//! It knows nothing of the product and decides nothing: what is allowed stands in `tests/it/`.

pub mod imports;
pub mod sources;
