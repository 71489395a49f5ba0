//! Takes secrets out of texts that Meta or a library wrote before anybody sees them.
//! Must not decide what is a secret: callers name theirs; only Meta's token shape is known here.

/// What stands where a secret stood.
const MARK: &str = "[redacted]";

/// Longer texts are cut: an error is a sentence, not a page.
const LONGEST: usize = 2_000;

/// Shorter "secrets" would blacken ordinary words.
const SHORTEST: usize = 4;

/// Removes every one of `secrets`, and whatever looks like one of Meta's tokens.
pub(crate) fn redact(text: &str, secrets: &[&str]) -> String {
    let mut clean = text.to_owned();
    for secret in secrets.iter().filter(|s| s.len() >= SHORTEST) {
        if clean.contains(secret) {
            clean = clean.replace(secret, MARK);
        }
    }
    if clean.contains("EAA") {
        clean = without_token_shapes(&clean);
    }
    if let Some((cut, _)) = clean.char_indices().nth(LONGEST) {
        clean.truncate(cut);
        clean.push('…');
    }
    clean
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
    fn plain_words_stay() {
        assert_eq!(redact("EAA is a prefix, ab is short", &["ab", ""]), "EAA is a prefix, ab is short");
    }

    #[test]
    fn a_page_is_cut_between_characters() {
        let text = "ä".repeat(5_000);
        assert_eq!(redact(&text, &[]).chars().count(), LONGEST + 1);
    }
}
