//! Signing secrets of endpoints: validation of a given one, generation of a new one. Must not store them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::delivery::Format;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::signature::SECRET_PREFIX;
use super::invalid;
use crate::flows::FlowError;
use crate::runtime::clock::random_token;

/// Validates a given secret for the format, or generates one.
pub(super) fn check_or_generate(format: Format, given: Option<SecretString>) -> Result<SecretString, FlowError> {
    let Some(secret) = given else {
        let generated = random_token(32);
        return Ok(match format {
            Format::Meta => generated,
            Format::Standard => {
                format!("{SECRET_PREFIX}{}", STANDARD.encode(generated.expose_secret().as_bytes())).into()
            }
        });
    };
    let text = secret.expose_secret();
    if !(16..=512).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("secret: 16 to 512 printable ASCII characters without spaces"));
    }
    let is_standard = text.strip_prefix(SECRET_PREFIX).is_some_and(|rest| STANDARD.decode(rest).is_ok());
    if format == Format::Standard && !is_standard {
        return Err(invalid("secret: \"whsec_\" and base64, as Standard Webhooks writes it; or leave it out"));
    }
    Ok(secret)
}
