//! Takes secrets out of texts that another party wrote, before they are logged, stored or shown.
//!
//! [`Redactor`] removes the secrets it was built from, in every spelling a text may carry them. It must not decide what is
//! a secret: callers name theirs. [`redact_meta`] adds the shapes of Meta's own tokens and proofs.

use aho_corasick::{AhoCorasick, MatchKind};

/// What stands where a secret stood.
const MARK: &str = "[redacted]";

/// A shorter "secret", in bytes, would blacken ordinary words and is left alone.
const MIN_SECRET: usize = 4;

/// A longer text of Meta's, in characters, is cut: an error is a sentence, not a page.
const MAX_ERROR_TEXT: usize = 2_000;

/// A shorter word that begins like a token of Meta's is an ordinary word.
const MIN_TOKEN: usize = 20;

/// An `appsecret_proof` is 64 hexadecimal digits; it stands in every address.
const PROOF_DIGITS: usize = 64;

/// Replaces a set of secrets in texts by a mark.
///
/// Each secret is found as it is, and as a form or URL, JSON and HTML write it. Where several secrets match at one place
/// the longest is taken, so that no rest of it remains. Secrets of fewer than four bytes are ignored.
#[derive(Clone)]
pub struct Redactor(Matcher);

#[derive(Clone)]
enum Matcher {
    Nothing,
    Secrets(AhoCorasick),
    /// The secrets are too many to search for.
    Everything,
}

impl Redactor {
    /// Builds a redactor of these secrets.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        let patterns: Vec<String> = secrets
            .into_iter()
            .flat_map(|secret| spellings(secret.as_ref()))
            .filter(|spelling| spelling.len() >= MIN_SECRET)
            .collect();
        if patterns.is_empty() {
            return Self(Matcher::Nothing);
        }
        let built = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns);
        Self(built.map_or(Matcher::Everything, Matcher::Secrets))
    }

    /// The text without the secrets.
    pub fn redact(&self, text: &str) -> String {
        self.redact_start(text, text.len())
    }

    /// The first `max_bytes` bytes of the text, rounded up to a character, without the secrets. The text must be passed
    /// whole: a secret that the cut goes through is replaced whole.
    pub fn redact_start(&self, text: &str, max_bytes: usize) -> String {
        let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= max_bytes).unwrap_or(text.len());
        let secrets = match &self.0 {
            Matcher::Nothing => return text[..end].to_owned(),
            Matcher::Everything => return MARK.to_owned(),
            Matcher::Secrets(secrets) => secrets,
        };
        let mut clean = String::with_capacity(end);
        let mut at = 0;
        for found in secrets.find_iter(text) {
            if found.start() >= end {
                break;
            }
            clean.push_str(&text[at..found.start()]);
            clean.push_str(MARK);
            at = found.end();
        }
        clean.push_str(text.get(at..end).unwrap_or_default());
        clean
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

/// A text of Meta's or of a library, without `secrets` and without anything that looks like a token or a proof of Meta's;
/// cut to 2,000 characters.
pub(crate) fn redact_meta(text: &str, secrets: &[&str]) -> String {
    let clean = Redactor::new(secrets).redact(text);
    let clean = replace_runs(
        &clean,
        |c| c.is_ascii_alphanumeric(),
        |run| run.find("EAA").filter(|start| run.len() - start >= MIN_TOKEN),
    );
    let mut clean = replace_runs(&clean, |c| c.is_ascii_hexdigit(), |run| (run.len() >= PROOF_DIGITS).then_some(0));
    if let Some((cut, _)) = clean.char_indices().nth(MAX_ERROR_TEXT) {
        clean.truncate(cut);
        clean.push('…');
    }
    clean
}

/// Replaces in every longest run of such characters what follows the offset that `secret_from` names.
fn replace_runs(text: &str, belongs: fn(char) -> bool, secret_from: impl Fn(&str) -> Option<usize>) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(belongs) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|c| !belongs(c)).unwrap_or(from.len()));
        clean.push_str(before);
        match secret_from(run) {
            Some(offset) => {
                clean.push_str(&run[..offset]);
                clean.push_str(MARK);
            }
            None => clean.push_str(run),
        }
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// A secret as it is, in a form or an address, inside JSON (the slash escaped or not), and inside HTML (decimal or
/// hexadecimal entities).
fn spellings(secret: &str) -> [String; 6] {
    let json = serde_json::Value::from(secret).to_string();
    let json = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    [
        secret.to_owned(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        json.replace('/', "\\/"),
        json,
        html.replace('"', "&quot;").replace('\'', "&#39;"),
        html.replace('"', "&#34;").replace('\'', "&#x27;"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let secret = "a/b+\"c\"&d";
        let text = format!("{secret}, a%2Fb%2B%22c%22%26d, a\\/b+\\\"c\\\"&d, a/b+&quot;c&quot;&amp;d, a/b");
        let redactor = Redactor::new([secret]);
        assert_eq!(redactor.redact(&text), "[redacted], [redacted], [redacted], [redacted], a/b");
        assert_eq!(redactor.redact(&serde_json::Value::from(secret).to_string()), "\"[redacted]\"");
    }

    #[test]
    fn the_longest_secret_is_taken_and_no_rest_remains() {
        let redactor = Redactor::new(["5f0c7a11", "Bearer 5f0c7a11", "c7a11-and-more"]);
        assert_eq!(redactor.redact("Bearer 5f0c7a11, 5f0c7a11."), "[redacted], [redacted].");
    }

    #[test]
    fn short_secrets_and_none_leave_the_text_alone() {
        assert_eq!(Redactor::new(["abc", ""]).redact("abc abc"), "abc abc");
        assert_eq!(Redactor::new([""; 0]).redact("plain"), "plain");
    }

    #[test]
    fn a_secret_that_the_cut_goes_through_is_replaced_whole() {
        let (secret, max) = ("s".repeat(40), 1024);
        let redactor = Redactor::new([&secret]);
        for before in (max - 60)..=max {
            let text = format!("{}{secret}{}", "ä".repeat(before / 2), "-".repeat(5_000));
            let shown = redactor.redact_start(&text, max);
            assert!(!shown.contains('s') && shown.len() <= max + MARK.len() + 1, "{before}: {shown}");
        }
    }

    #[test]
    fn named_secrets_tokens_and_proofs_are_removed_from_texts_of_meta() {
        let text = "Malformed access token EAAJZBtoken0000000000ZD, code s3cr3t-code";
        assert_eq!(redact_meta(text, &["s3cr3t-code"]), "Malformed access token [redacted], code [redacted]");
        let address = format!("/me?appsecret_proof={}&fields=id", "0af9".repeat(16));
        assert_eq!(redact_meta(&address, &[]), "/me?appsecret_proof=[redacted]&fields=id");
    }

    #[test]
    fn ordinary_words_stay() {
        assert_eq!(redact_meta("EAA is a prefix, ab is short", &["ab", ""]), "EAA is a prefix, ab is short");
    }

    #[test]
    fn a_page_is_cut_between_characters() {
        let text = "ä".repeat(5_000);
        assert_eq!(redact_meta(&text, &[]).chars().count(), MAX_ERROR_TEXT + 1);
    }
}
