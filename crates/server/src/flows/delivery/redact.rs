//! Takes an endpoint's secrets out of what it answered, before anybody is shown it or it is kept: whoever tells back what
//! it got tells headers, address and signatures' secrets too. Pure. Must not decide what is an answer worth keeping.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::post::SECRET_PREFIX;
use crate::store::endpoints::Endpoint;

/// What stands where a secret stood.
const MARK: &str = "[redacted]";

/// So much of an answer is kept: enough to see what went wrong.
const KEPT: usize = 1024;

/// Shorter ones would blacken ordinary words.
const SHORTEST: usize = 4;

/// Shorter values in a query are no secrets.
const SHORTEST_IN_QUERY: usize = 6;

/// Shorter pieces of a header's value are words such as `Bearer`.
const SHORTEST_PIECE: usize = 8;

/// Shorter pieces of a path, and names in a query, help to see what went wrong.
const SHORTEST_IN_PATH: usize = 16;

/// The beginning of an answer without the endpoint's secrets. Cut only here: a secret that the cut goes through would be
/// found by nobody.
pub(super) fn beginning(endpoint: &Endpoint, said: &str) -> String {
    without(&shapes(&secrets(endpoint)), said)
}

fn secrets(endpoint: &Endpoint) -> BTreeSet<String> {
    let before = endpoint.secret_before.as_ref().map(|(secret, _)| secret);
    let mut secrets = BTreeSet::new();
    for secret in std::iter::once(&endpoint.secret).chain(before).map(SecretString::expose_secret) {
        secrets.insert(secret.to_owned());
        let Some(written) = secret.strip_prefix(SECRET_PREFIX) else { continue };
        secrets.insert(written.to_owned());
        // a drawn one stands for text
        secrets.extend(STANDARD.decode(written).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
    }
    for value in endpoint.settings.headers.values().map(|value| value.expose_secret().trim()) {
        let pieces = value.split_ascii_whitespace().filter(|piece| piece.len() >= SHORTEST_PIECE);
        secrets.extend(std::iter::once(value).chain(pieces).map(str::to_owned));
    }
    if let Ok(url) = Url::parse(endpoint.settings.url.expose_secret()) {
        secrets.extend(of_address(&url));
    }
    secrets
}

/// The values of its query and its long names, as written and as read; long pieces of its path.
fn of_address(url: &Url) -> BTreeSet<String> {
    let written = url.query().into_iter().flat_map(|query| query.split('&')).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    });
    let read = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
    let mut secrets = BTreeSet::new();
    for (name, value) in written.chain(read) {
        secrets.extend(Some(value).filter(|value| value.len() >= SHORTEST_IN_QUERY));
        secrets.extend(Some(name).filter(|name| name.len() >= SHORTEST_IN_PATH));
    }
    let pieces = url.path_segments().into_iter().flatten();
    secrets.extend(pieces.filter(|piece| piece.len() >= SHORTEST_IN_PATH).map(str::to_owned));
    secrets
}

/// Each as it is, and as an address, JSON and HTML write it; the longest first, so that none is left half.
fn shapes(secrets: &BTreeSet<String>) -> Vec<String> {
    let mut shapes = BTreeSet::new();
    for secret in secrets {
        let json = serde_json::Value::from(secret.as_str()).to_string();
        let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default().to_owned();
        let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        shapes.extend([
            url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
            json.replace('/', "\\/"),
            json,
            html.replace('"', "&quot;").replace('\'', "&#39;"),
            html.replace('"', "&#34;").replace('\'', "&#x27;"),
            secret.clone(),
        ]);
    }
    let mut shapes: Vec<String> = shapes.into_iter().filter(|shape: &String| shape.len() >= SHORTEST).collect();
    shapes.sort_by_key(|shape| std::cmp::Reverse(shape.len()));
    shapes
}

/// The beginning of a text, each of these in it marked.
fn without(shapes: &[String], text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(KEPT));
    let mut at = 0;
    while at < KEPT {
        let rest = text.get(at..).unwrap_or_default();
        let Some(next) = rest.chars().next() else { break };
        if let Some(shape) = shapes.iter().find(|shape| rest.starts_with(shape.as_str())) {
            clean.push_str(MARK);
            at += shape.len();
        } else {
            clean.push(next);
            at += next.len_utf8();
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(secret: &str, text: &str) -> String {
        without(&shapes(&BTreeSet::from([secret.to_owned()])), text)
    }

    #[test]
    fn a_secret_goes_however_it_is_written() {
        let secret = "a/b+\"c\"&d";
        let text = format!("{secret}, a%2Fb%2B%22c%22%26d, a\\/b+\\\"c\\\"&d, a/b+&quot;c&quot;&amp;d, a/b");
        assert_eq!(clean(secret, &text), "[redacted], [redacted], [redacted], [redacted], a/b");
        assert_eq!(clean(secret, &serde_json::Value::from(secret).to_string()), "\"[redacted]\"");
    }

    #[test]
    fn the_longest_goes_first_and_none_is_left_half() {
        let both = BTreeSet::from(["Bearer 5f0c7a11".to_owned(), "5f0c7a11".to_owned(), "c7a11-and-more".to_owned()]);
        assert_eq!(without(&shapes(&both), "Bearer 5f0c7a11, 5f0c7a11."), "[redacted], [redacted].");
    }

    #[test]
    fn a_secret_that_the_cut_goes_through_is_taken_out_whole() {
        let secret = "s".repeat(40);
        for before in (KEPT - 60)..=KEPT {
            let text = format!("{}{secret}{}", "ä".repeat(before / 2), "-".repeat(5_000));
            let shown = clean(&secret, &text);
            assert!(!shown.contains('s') && shown.len() <= KEPT + MARK.len(), "{before}: {shown}");
        }
    }

    #[test]
    fn an_address_has_secrets_in_its_query_and_in_long_pieces_of_its_path() {
        let url: Url =
            "https://hooks.example.com/services/T0/9f8e7d6c5b4a39281706?token=a%2Fb%2Bcdef&v=2&just-a-long-bare-token"
                .parse()
                .unwrap();
        let found = of_address(&url);
        for secret in ["9f8e7d6c5b4a39281706", "a%2Fb%2Bcdef", "a/b+cdef", "just-a-long-bare-token"] {
            assert!(found.contains(secret), "{secret}: {found:?}");
        }
        for plain in ["services", "T0", "v", "2", "token"] {
            assert!(!found.contains(plain), "{plain}: {found:?}");
        }
    }
}
