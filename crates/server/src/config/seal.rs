//! `[seal]`: where the keys are that encrypt tokens and PINs in the database. Reading and parsing the keys
//! themselves is the caller's.

use std::path::PathBuf;

use secrecy::SecretString;

/// The keys that encrypt tokens and PINs in the database.
#[derive(Debug, Clone, confique::Config)]
pub struct Seal {
    /// The keys themselves, one per line: 32 bytes in hex or base64. The first key encrypts, every key
    /// decrypts. A key file is safer; this setting takes precedence over it.
    #[config(env = "LINEKEEPER_SEAL_KEYS")]
    pub keys: Option<SecretString>,

    /// Path of the file with the keys, in the same form. `linekeeper key seal --new` creates it.
    #[config(default = "linekeeper.keys", env = "LINEKEEPER_SEAL_KEY_FILE")]
    pub key_file: PathBuf,
}
