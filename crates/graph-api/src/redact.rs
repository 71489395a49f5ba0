//! Takes secrets out of texts that Meta or a library wrote before anybody sees them.
//! Must not decide what is a secret: callers name theirs; known here are only the shapes of Meta's tokens
//! and of the proof that goes with one.

/// What stands where a secret stood.
const MARK: &str = "[redacted]";

/// Longer texts are cut: an error is a sentence, not a page.
const LONGEST: usize = 2_000;

/// Shorter "secrets" would blacken ordinary words.
const SHORTEST: usize = 4;

/// An `appsecret_proof` in digits of hex; it stands in every address.
const PROOF_DIGITS: usize = 64;

/// Removes every one of `secrets`, as they are and as a form or JSON writes them, and whatever looks like
/// one of Meta's tokens or like a proof.
pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    let mut clean = text.to_owned();
    for secret in secrets.iter().filter(|s| s.len() >= SHORTEST) {
        for shape in shapes(secret) {
            if clean.contains(&shape) {
                clean = clean.replace(&shape, MARK);
            }
        }
    }
    if clean.contains("EAA") {
        clean = without_token_shapes(&clean);
    }
    clean = without_proofs(&clean);
    if let Some((cut, _)) = clean.char_indices().nth(LONGEST) {
        clean.truncate(cut);
        clean.push('…');
    }
    clean
}

/// A secret as it is, in a form or an address, and inside a JSON text.
fn shapes(secret: &str) -> Vec<String> {
    let in_form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let in_json = serde_json::Value::from(secret).to_string();
    let mut shapes = vec![secret.to_owned(), in_form, in_json[1..in_json.len() - 1].to_owned()];
    shapes.dedup();
    shapes
}

/// Whoever tells a call back tells its address.
fn without_proofs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        out.push_str(before);
        out.push_str(if run.len() >= PROOF_DIGITS { MARK } else { run });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Meta's tokens begin with `EAA` and run on in letters and digits: "Malformed access token EAAJ…".
fn without_token_shapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("EAA") {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        out.push_str(before);
        out.push_str(if word.len() >= 20 { MARK } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_secrets_and_token_shapes_go() {
        let text = "Malformed access token EAAJZBtoken0000000000ZD, code s3cr3t-code";
        assert_eq!(redact(text, &["s3cr3t-code"]), "Malformed access token [redacted], code [redacted]");
    }

    #[test]
    fn a_secret_goes_however_it_is_written() {
        let secret = "a/b+\"c\"";
        let text = format!("{secret} a%2Fb%2B%22c%22 {}", serde_json::Value::from(secret));
        assert_eq!(redact(&text, &[secret]), "[redacted] [redacted] \"[redacted]\"");
        let address = format!("/me?appsecret_proof={}&fields=id", "0af9".repeat(16));
        assert_eq!(redact(&address, &[]), "/me?appsecret_proof=[redacted]&fields=id");
    }

    #[test]
    fn plain_words_stay() {
        assert_eq!(redact("EAA is a prefix, ab is short", &["ab", ""]), "EAA is a prefix, ab is short");
    }

    #[test]
    fn a_page_is_cut_between_characters() {
        let text = "ä".repeat(5_000);
        assert_eq!(redact(&text, &[]).chars().count(), LONGEST + 1);
    }
}
