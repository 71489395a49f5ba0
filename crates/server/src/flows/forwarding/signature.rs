//! Signatures of the Standard Webhooks specification (version 1, symmetric). Must not read an endpoint or a clock.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// The prefix of a Standard Webhooks secret; base64 of the key follows.
pub(super) const SECRET_PREFIX: &str = "whsec_";

/// One signature for the header `webhook-signature`: `v1,` and the base64 of the HMAC-SHA256 over id, timestamp and
/// body.
pub(super) fn sign(secret: &SecretString, id: &str, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key_of(secret));
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign().as_ref()))
}

/// The key of a `whsec_…` secret; the bytes of any other text.
fn key_of(secret: &SecretString) -> Zeroizing<Vec<u8>> {
    let text = secret.expose_secret();
    let decoded = text.strip_prefix(SECRET_PREFIX).and_then(|rest| STANDARD.decode(rest).ok());
    Zeroizing::new(decoded.unwrap_or_else(|| text.as_bytes().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector that the specification's reference libraries publish (standard-webhooks/standard-webhooks).
    #[test]
    fn the_signature_matches_the_published_test_vector() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let body = br#"{"test": 2432232314}"#;
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_without_the_prefix_is_the_key_itself() {
        let (text, encoded) = (SecretString::from("0123456789abcdef"), "MDEyMzQ1Njc4OWFiY2RlZg==");
        let prefixed = SecretString::from(format!("{SECRET_PREFIX}{encoded}"));
        assert_eq!(sign(&text, "msg_1", 1, b"{}"), sign(&prefixed, "msg_1", 1, b"{}"));
    }
}
