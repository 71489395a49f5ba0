//! What is searched for, in every form it could be written in. Knows no place.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Planted in clear where a search is to be proved.
pub(super) const PLANTED: &str = "canary/planted+in \"clear\"-5e1f";

/// One secret and how it may look.
pub(super) struct Needle {
    pub(super) name: String,
    pub(super) secret: String,
    forms: Vec<(&'static str, String)>,
}

impl Needle {
    pub(super) fn new(name: impl Into<String>, secret: &str) -> Self {
        assert!(secret.len() >= 6, "too short to be told from chance: {secret:?}");
        let mut forms = vec![("plain", secret.to_owned())];
        let json = serde_json::to_string(secret).unwrap();
        forms.push(("json", json.trim_matches('"').to_owned()));
        forms.push(("json with escaped slashes", json.trim_matches('"').replace('/', "\\/")));
        forms.push(("url", url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()));
        forms.push(("hex", hex::encode(secret)));
        forms.push(("HEX", hex::encode_upper(secret)));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
        if secret.len() == 6 {
            // a million guesses undo a bare hash of six digits
            forms.push(("sha256", hex::encode(digest)));
        }
        for (standard, safe) in (0..3).filter_map(|shift| base64(secret, shift)) {
            forms.extend([("base64", standard), ("base64url", safe)]);
        }
        if secret.len() >= 24 {
            let middle = secret.len() / 2;
            forms.push(("the middle", secret[middle - 8..middle + 8].to_owned()));
        }
        forms.dedup_by(|a, b| a.1 == b.1);
        Self { name: name.into(), secret: secret.to_owned(), forms }
    }

    /// Six digits inside a longer number or id are chance, except where texts lie side by side.
    fn counts(&self, text: &[u8], at: usize, length: usize) -> bool {
        if self.secret.len() > 8 || length > 8 {
            return true;
        }
        let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        !is_part(at.checked_sub(1).and_then(|before| text.get(before))) && !is_part(text.get(at + length))
    }
}

/// Many needles in one walk through a text: places are large.
pub(super) struct Search<'a> {
    needles: Vec<&'a Needle>,
    /// By a form's first two bytes: which needle, which form.
    by_start: Vec<Vec<(usize, usize)>>,
}

impl<'a> Search<'a> {
    pub(super) fn of(needles: impl IntoIterator<Item = &'a Needle>) -> Self {
        let needles: Vec<_> = needles.into_iter().collect();
        let mut by_start = vec![Vec::new(); 1 << 16];
        for (at, needle) in needles.iter().enumerate() {
            for (form, (_, shape)) in needle.forms.iter().enumerate() {
                by_start[start(shape.as_bytes())].push((at, form));
            }
        }
        Self { needles, by_start }
    }

    /// Each needle that stands in a text, once: its form and what is around it.
    pub(super) fn find(&self, text: &str) -> Vec<String> {
        self.walk(text.as_bytes(), |needle, at, length| needle.counts(text.as_bytes(), at, length))
    }

    /// The same where texts lie side by side with nothing between them.
    pub(super) fn find_packed(&self, text: &[u8]) -> Vec<String> {
        self.walk(text, |_, _, _| true)
    }

    fn walk(&self, text: &[u8], counts: impl Fn(&Needle, usize, usize) -> bool) -> Vec<String> {
        let mut found: Vec<Option<String>> = vec![None; self.needles.len()];
        for at in 0..text.len().saturating_sub(1) {
            for (index, form) in &self.by_start[start(&text[at..])] {
                let needle = self.needles[*index];
                let (name, shape) = &needle.forms[*form];
                let fits = found[*index].is_none() && text[at..].starts_with(shape.as_bytes());
                if fits && counts(needle, at, shape.len()) {
                    let around = &text[at.saturating_sub(120)..text.len().min(at + shape.len() + 120)];
                    let around = String::from_utf8_lossy(around);
                    found[*index] = Some(format!("{} as {name}: …{around}…", needle.name));
                }
            }
        }
        found.into_iter().flatten().collect()
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// The characters that do not depend on what stands before and behind, when `shift` bytes stand before.
fn base64(secret: &str, shift: usize) -> Option<(String, String)> {
    let padded = [vec![b' '; shift], secret.as_bytes().to_vec()].concat();
    let (from, to) = ((shift * 8).div_ceil(6), padded.len() * 8 / 6);
    let cut = |text: String| text.get(from..to).map(str::to_owned).filter(|text| text.len() >= 8);
    Some((cut(STANDARD_NO_PAD.encode(&padded))?, cut(URL_SAFE_NO_PAD.encode(&padded))?))
}

#[test]
fn every_form_is_found() {
    let needle = Needle::new("planted", PLANTED);
    let all = |text: String| [text.clone(), format!("before {text} behind")];
    let mut texts = vec![PLANTED.to_owned(), format!("{PLANTED:?}"), hex::encode(PLANTED), hex::encode_upper(PLANTED)];
    texts.push(url::form_urlencoded::byte_serialize(PLANTED.as_bytes()).collect());
    for before in ["", "a", "ab", "abc", "abcd"] {
        texts.push(STANDARD_NO_PAD.encode(format!("{before}{PLANTED} and more")));
        texts.push(URL_SAFE_NO_PAD.encode(format!("{before}{PLANTED}")));
    }
    texts.push(PLANTED[4..PLANTED.len() - 3].to_owned());
    let search = Search::of([&needle]);
    for text in texts.into_iter().flat_map(all) {
        assert_eq!((search.find(&text).len(), search.find_packed(text.as_bytes()).len()), (1, 1), "{text}");
    }
    assert!(search.find("canary/planted").is_empty());
    let pin = Needle::new("pin", "918273");
    let search = Search::of([&needle, &pin]);
    for text in ["918273", "pin=918273&", "\"918273\"", "393138323733", " OTE4Mjcz "] {
        assert_eq!(search.find(text).len(), 1, "{text}");
    }
    for text in ["15918273550", "a918273b", "2026-11-02T09:00:00.1918273Z"] {
        assert_eq!((search.find(text).len(), search.find_packed(text.as_bytes()).len()), (0, 1), "{text}");
    }
}
