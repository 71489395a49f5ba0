//! Redaction of an endpoint's answer before it is stored or shown: an endpoint that echoes a request repeats headers,
//! address and signing secrets. Must not decide whether an answer is stored.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use graph_api::Redactor;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::signature::SECRET_PREFIX;
use crate::store::endpoints::Endpoint;

/// Bytes of an answer that are stored: enough to see what went wrong.
const MAX_ANSWER: usize = 1024;

/// Shorter values in a query are no secrets.
const MIN_QUERY_VALUE: usize = 6;

/// Shorter words of a header's value are words such as `Bearer`.
const MIN_HEADER_WORD: usize = 8;

/// Shorter segments of a path, and shorter names in a query, help to see what went wrong.
const MIN_PATH_SEGMENT: usize = 16;

/// The start of an answer without the endpoint's secrets. The answer is cut after the redaction, because half a secret
/// would not be recognised.
pub(super) fn redact_answer(endpoint: &Endpoint, answer: &str) -> String {
    Redactor::new(secrets_of(endpoint)).redact_start(answer, MAX_ANSWER)
}

fn secrets_of(endpoint: &Endpoint) -> BTreeSet<String> {
    let previous = endpoint.previous_secret.as_ref().map(|(secret, _)| secret);
    let mut secrets = BTreeSet::new();
    for secret in std::iter::once(&endpoint.secret).chain(previous).map(SecretString::expose_secret) {
        secrets.insert(secret.to_owned());
        let Some(encoded) = secret.strip_prefix(SECRET_PREFIX) else { continue };
        secrets.insert(encoded.to_owned());
        // a generated secret decodes to text
        secrets.extend(STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
    }
    for value in endpoint.settings.headers.values().map(|value| value.expose_secret().trim()) {
        let words = value.split_ascii_whitespace().filter(|word| word.len() >= MIN_HEADER_WORD);
        secrets.extend(std::iter::once(value).chain(words).map(str::to_owned));
    }
    if let Ok(url) = Url::parse(endpoint.settings.url.expose_secret()) {
        secrets.extend(secrets_in_url(&url));
    }
    secrets
}

/// The values and the long names of the query, encoded and decoded, and the long segments of the path.
fn secrets_in_url(url: &Url) -> BTreeSet<String> {
    let encoded = url.query().into_iter().flat_map(|query| query.split('&')).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    });
    let decoded = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
    let mut secrets = BTreeSet::new();
    for (name, value) in encoded.chain(decoded) {
        secrets.extend(Some(value).filter(|value| value.len() >= MIN_QUERY_VALUE));
        secrets.extend(Some(name).filter(|name| name.len() >= MIN_PATH_SEGMENT));
    }
    let segments = url.path_segments().into_iter().flatten();
    secrets.extend(segments.filter(|segment| segment.len() >= MIN_PATH_SEGMENT).map(str::to_owned));
    secrets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_holds_secrets_in_its_query_and_in_long_segments_of_its_path() {
        let url: Url =
            "https://hooks.example.com/services/T0/9f8e7d6c5b4a39281706?token=a%2Fb%2Bcdef&v=2&just-a-long-bare-token"
                .parse()
                .unwrap();
        let found = secrets_in_url(&url);
        for secret in ["9f8e7d6c5b4a39281706", "a%2Fb%2Bcdef", "a/b+cdef", "just-a-long-bare-token"] {
            assert!(found.contains(secret), "{secret}: {found:?}");
        }
        for plain in ["services", "T0", "v", "2", "token"] {
            assert!(!found.contains(plain), "{plain}: {found:?}");
        }
    }
}
