//! Secrets at rest: the keyring that seals them, and the walk that seals them anew after a key rotation.

pub(crate) mod keyring;
pub mod reseal;
pub mod services;

pub use keyring::{KEY_ID_LEN, Keyring, SealError, SealKeyId};
