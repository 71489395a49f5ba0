//! Sealing of secrets at rest: AES-256-GCM-SIV, bound to the place a secret is kept in.
//!
//! A sealed blob is key id ‖ nonce ‖ ciphertext ‖ tag. The associated data names table, column and
//! row, so a blob moved to another row does not open. This file does not know the database.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// How many bytes name the key at the start of a blob.
pub const KEY_ID_LEN: usize = 4;
const NONCE_LEN: usize = 12;
const KEY_LEN: usize = 32;

/// Names a key without telling it: the first bytes of its hash.
pub type SealKeyId = [u8; KEY_ID_LEN];

/// The current key and older ones that can still be read with. Clones share their keys: a running service takes new ones.
#[derive(Clone)]
pub struct Keyring(Arc<RwLock<Keys>>);

type Keys = Arc<[Arc<Key>]>;

struct Key {
    id: SealKeyId,
    cipher: RandomizedNonceKey,
}

/// Why a keyring cannot be made or a blob not be opened. Never says the key or the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No key was given.
    #[error("no encryption key is configured")]
    NoKey,
    /// A line is no key.
    #[error("line {0} of the encryption keys is not 32 bytes in hex or base64")]
    NotAKey(usize),
    /// The key that sealed it is not in the keyring.
    #[error("sealed with key {0}, which is not in the keyring")]
    UnknownKey(String),
    /// Too short, altered, or moved here from elsewhere.
    #[error("the sealed value does not belong here or was altered")]
    Refused,
}

impl Keyring {
    /// Reads keys, one a line in hex or base64: the first seals, all open. Blank lines and lines that
    /// start with `#` are skipped.
    pub fn parse(lines: &SecretString) -> Result<Self, SealError> {
        let keys: Vec<Arc<Key>> = lines
            .expose_secret()
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(number, line)| Key::parse(line).map(Arc::new).ok_or(SealError::NotAKey(number)))
            .collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(SealError::NoKey) } else { Ok(Self(Arc::new(RwLock::new(keys.into())))) }
    }

    fn keys(&self) -> Keys {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the keys of another keyring: its first key seals from now on. Keys that only this one has go on opening,
    /// since values that they sealed may be stored. Returns whether a key is new, or another key seals.
    pub fn take(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.keys(), other.keys());
        let is_new = |key: &&Arc<Key>| theirs.iter().all(|known| known.id != key.id);
        let keys: Vec<Arc<Key>> = theirs.iter().chain(mine.iter().filter(is_new)).cloned().collect();
        let is_changed = keys.iter().map(|key| key.id).ne(mine.iter().map(|key| key.id));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
        is_changed
    }

    /// A fresh key as a line for [`Self::parse`].
    pub fn generate() -> SecretString {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        rand::RngCore::fill_bytes(&mut OsRng.unwrap_err(), key.as_mut());
        hex::encode(key.as_ref()).into()
    }

    /// The id of the key that seals.
    pub fn current(&self) -> SealKeyId {
        self.keys().first().map_or([0; KEY_ID_LEN], |key| key.id)
    }

    /// Seals `plain` for the place that `aad` names.
    pub fn seal(&self, aad: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let keys = self.keys();
        let key = keys.first().ok_or(SealError::NoKey)?;
        let overhead = KEY_ID_LEN + NONCE_LEN;
        let mut blob = Vec::with_capacity(overhead + plain.len() + AES_256_GCM_SIV.tag_len());
        blob.extend_from_slice(&key.id);
        blob.extend_from_slice(&[0; NONCE_LEN]);
        blob.extend_from_slice(plain);
        let (nonce, tag) = key
            .cipher
            .seal_in_place_separate_tag(Aad::from(aad), blob.get_mut(overhead..).unwrap_or_default())
            .map_err(|_| SealError::Refused)?;
        if let Some(place) = blob.get_mut(KEY_ID_LEN..overhead) {
            place.copy_from_slice(nonce.as_ref());
        }
        blob.extend_from_slice(tag.as_ref());
        Ok(blob)
    }

    /// Opens a blob that was sealed for the place that `aad` names.
    pub fn open(&self, aad: &str, blob: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (id, rest) = blob.split_first_chunk::<KEY_ID_LEN>().ok_or(SealError::Refused)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Refused)?;
        let keys = self.keys();
        let key = keys.iter().find(|key| key.id == *id).ok_or_else(|| SealError::UnknownKey(hex::encode(id)))?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let length = key
            .cipher
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut buffer)
            .map_err(|_| SealError::Refused)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// Seals a secret text.
    pub fn seal_secret(&self, aad: &str, secret: &SecretString) -> Result<Vec<u8>, SealError> {
        self.seal(aad, secret.expose_secret().as_bytes())
    }

    /// Opens a secret text.
    pub fn open_secret(&self, aad: &str, blob: &[u8]) -> Result<SecretString, SealError> {
        let plain = self.open(aad, blob)?;
        let text = std::str::from_utf8(&plain).map_err(|_| SealError::Refused)?;
        Ok(text.into())
    }

    /// Whether a key is in the keyring.
    pub(crate) fn has(&self, id: SealKeyId) -> bool {
        self.keys().iter().any(|key| key.id == id)
    }

    /// Whether a blob was sealed with the current key.
    pub fn is_current(&self, blob: &[u8]) -> bool {
        blob.starts_with(&self.current())
    }
}

impl Key {
    fn parse(line: &str) -> Option<Self> {
        let bytes = Zeroizing::new(hex::decode(line).ok().or_else(|| STANDARD.decode(line).ok())?);
        if bytes.len() != KEY_LEN {
            return None;
        }
        let hash = digest::digest(&digest::SHA256, &bytes);
        let id = *hash.as_ref().first_chunk::<KEY_ID_LEN>()?;
        Some(Self { id, cipher: RandomizedNonceKey::new(&AES_256_GCM_SIV, &bytes).ok()? })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring(current {}, {} in all)", hex::encode(self.current()), self.keys().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(lines: &[&SecretString]) -> Keyring {
        let text: Vec<&str> = lines.iter().map(|line| line.expose_secret()).collect();
        Keyring::parse(&text.join("\n").into()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_where_it_was_kept() {
        let keys = ring(&[&Keyring::generate()]);
        let blob = keys.seal("channel/access_token/+15550100001", b"EAAG-secret").unwrap();
        assert!(!blob.windows(6).any(|w| w == b"secret"));
        assert_eq!(keys.open("channel/access_token/+15550100001", &blob).unwrap().as_slice(), b"EAAG-secret");
        assert_eq!(keys.open("channel/access_token/+15550100002", &blob), Err(SealError::Refused));
        assert_eq!(keys.open("channel/access_token/+15550100001", &blob[..20]), Err(SealError::Refused));
        let mut altered = blob.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(keys.open("channel/access_token/+15550100001", &altered), Err(SealError::Refused));
    }

    #[test]
    fn an_older_key_still_opens_and_the_newest_seals() {
        let (old, new) = (Keyring::generate(), Keyring::generate());
        let blob = ring(&[&old]).seal("t/c/r", b"kept").unwrap();
        let both = ring(&[&new, &old]);
        assert_eq!(both.open("t/c/r", &blob).unwrap().as_slice(), b"kept");
        assert!(!both.is_current(&blob));
        assert!(both.is_current(&both.seal("t/c/r", b"kept").unwrap()));
        assert!(matches!(ring(&[&new]).open("t/c/r", &blob), Err(SealError::UnknownKey(_))));
    }

    #[test]
    fn a_keyring_takes_new_keys_and_goes_on_opening_with_its_own() {
        let (old, new) = (Keyring::generate(), Keyring::generate());
        let service = ring(&[&old]);
        let clone = service.clone();
        let before = service.seal("t/c/r", b"kept").unwrap();
        assert!(service.take(&ring(&[&new])));
        assert!(!service.take(&ring(&[&new])));
        assert_eq!(clone.open("t/c/r", &before).unwrap().as_slice(), b"kept");
        let after = clone.seal("t/c/r", b"kept").unwrap();
        assert_eq!(ring(&[&new]).open("t/c/r", &after).unwrap().as_slice(), b"kept");
    }

    #[test]
    fn keys_are_read_in_hex_and_base64_and_bad_lines_are_named() {
        let key = Keyring::generate();
        let base64 = STANDARD.encode(hex::decode(key.expose_secret()).unwrap());
        let text = format!("# current\n\n  {base64}  \n");
        assert_eq!(Keyring::parse(&text.into()).unwrap().current(), ring(&[&key]).current());
        assert_eq!(Keyring::parse(&"# none".into()).unwrap_err(), SealError::NoKey);
        assert_eq!(Keyring::parse(&"#\nabcd".into()).unwrap_err(), SealError::NotAKey(2));
    }

    #[test]
    fn debugging_a_keyring_tells_no_key() {
        let key = Keyring::generate();
        let shown = format!("{:?}", ring(&[&key]));
        assert!(!shown.contains(key.expose_secret()));
    }
}
