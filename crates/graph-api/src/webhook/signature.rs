//! `X-Hub-Signature-256`: HMAC-SHA256 of the app secret over the raw bytes (facts §3.1), compared in
//! constant time. Must not look into the body.

use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Why a body is not accepted as Meta's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the X-Hub-Signature-256 header is missing")]
    Missing,
    /// A header of another form.
    #[error("the X-Hub-Signature-256 header is not \"sha256=\" and 64 hexadecimal digits")]
    Malformed,
    /// Made with another secret or over other bytes.
    #[error("the signature does not match the body")]
    Mismatch,
    /// No secret is configured, so no signature can be valid.
    #[error("no app secret is set, so no signature can be checked")]
    NoSecret,
}

/// Checks signatures with keys prepared once; holds two during a change of the app secret.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: Vec<hmac::Key>,
}

impl Verifier {
    /// Prepares the keys; blank secrets are left out, since anybody could sign with them.
    pub fn new(secrets: &[SecretString]) -> Self {
        let usable = secrets.iter().filter(|secret| !secret.expose_secret().trim().is_empty());
        Self { keys: usable.map(key).collect() }
    }

    /// Whether one of the secrets made this header over exactly these bytes.
    pub fn verify(&self, header: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
        if self.keys.is_empty() {
            return Err(SignatureError::NoSecret);
        }
        let header = header.ok_or(SignatureError::Missing)?.trim();
        let digits = header.strip_prefix("sha256=").ok_or(SignatureError::Malformed)?;
        let mut tag = [0_u8; 32];
        hex::decode_to_slice(digits, &mut tag).map_err(|_| SignatureError::Malformed)?;
        let matches = self.keys.iter().any(|key| hmac::verify(key, body, &tag).is_ok());
        if matches { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

/// Signs as Meta does, with a key prepared once: for tests and load.
#[derive(Debug, Clone)]
pub struct Signer {
    key: hmac::Key,
}

impl Signer {
    /// Prepares the key of one secret.
    pub fn new(secret: &SecretString) -> Self {
        Self { key: key(secret) }
    }

    /// The header's value for these bytes.
    pub fn sign(&self, body: &[u8]) -> String {
        format!("sha256={}", hex::encode(hmac::sign(&self.key, body).as_ref()))
    }
}

/// [`Verifier::verify`] for a single call.
pub fn verify(secrets: &[SecretString], header: Option<&str>, body: &[u8]) -> Result<(), SignatureError> {
    Verifier::new(secrets).verify(header, body)
}

/// [`Signer::sign`] for a single call.
pub fn sign(secret: &SecretString, body: &[u8]) -> String {
    Signer::new(secret).sign(body)
}

fn key(secret: &SecretString) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> Vec<SecretString> {
        texts.iter().map(|text| SecretString::from(*text)).collect()
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_algorithm_is_the_standards() {
        let expected = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(sign(&SecretString::from("Jefe"), b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn either_of_two_secrets_will_do_and_a_third_will_not() {
        let body = br#"{"name":"B\u00e4ckerei"}"#;
        let header = sign(&SecretString::from("old"), body);
        assert_eq!(verify(&secrets(&["new", "old"]), Some(&header), body), Ok(()));
        assert_eq!(verify(&secrets(&["old"]), Some(&header.to_uppercase().replace("SHA", "sha")), body), Ok(()));
        assert_eq!(verify(&secrets(&["new", "newer"]), Some(&header), body), Err(SignatureError::Mismatch));
    }

    /// The signature covers the escaped bytes that came, not what they mean.
    #[test]
    fn the_raw_bytes_count() {
        let header = sign(&SecretString::from("s"), br#"{"name":"B\u00e4ckerei"}"#);
        let same_meaning = "{\"name\":\"Bäckerei\"}".as_bytes();
        assert_eq!(verify(&secrets(&["s"]), Some(&header), same_meaning), Err(SignatureError::Mismatch));
    }

    #[test]
    fn headers_of_another_form_are_told_apart() {
        let check = |header| verify(&secrets(&["s"]), header, b"{}");
        assert_eq!(check(None), Err(SignatureError::Missing));
        let sha1 = format!("sha1={}", "0".repeat(40));
        for header in ["", "sha256=", "sha256=zz", sha1.as_str(), "sha256=é"] {
            assert_eq!(check(Some(header)), Err(SignatureError::Malformed), "{header}");
        }
        assert_eq!(check(Some(&format!("sha256={}", "0".repeat(64)))), Err(SignatureError::Mismatch));
    }

    #[test]
    fn blank_secrets_believe_nothing() {
        let forged = sign(&SecretString::from(""), b"{}");
        assert_eq!(verify(&secrets(&["", " "]), Some(&forged), b"{}"), Err(SignatureError::NoSecret));
        assert_eq!(verify(&[], Some(&forged), b"{}"), Err(SignatureError::NoSecret));
    }
}
