//! The HMAC that Meta signs webhooks with and that callers prove the app secret with. Must not know who signs what.

use aws_lc_rs::hmac;

/// HMAC-SHA256 in lower-case hex, for `x-hub-signature-256` and `appsecret_proof`.
pub(crate) fn sign(secret: &str, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, message).as_ref())
}

#[cfg(test)]
mod tests {
    use super::sign;

    #[test]
    fn the_signature_equals_the_example_of_rfc_4231() {
        assert_eq!(
            sign("Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
