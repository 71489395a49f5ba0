//! What is searched for, in every form it could be written in. Knows no place.
//!
//! A hit must not be chance, or the search cries wolf. Forms longer than [`SHORT`] cannot be: the least is
//! twelve hex digits, so that in a hundred million random ones it stands once in three million searches. Six
//! digits are another matter: ids, instants and hashes are full of them, each window a chance in a million. So
//! short forms count only where they stand alone, beside no letter or digit and in no decimal fraction; and how
//! many groups of six digits stand alone is counted ([`standing_alone`]), for `places` to do the sum.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Planted in clear where a search is to be proved, with six digits beside it.
pub(super) const PLANTED: &str = "canary/planted+in \"clear\"-5e1f";
pub(super) const PLANTED_DIGITS: &str = "403917";

/// Forms no longer than this count only where they stand alone.
const SHORT: usize = 8;

/// One secret and how it may look.
pub(super) struct Needle {
    pub(super) name: String,
    pub(super) secret: String,
    forms: Vec<(&'static str, Vec<u8>)>,
}

impl Needle {
    pub(super) fn new(name: impl Into<String>, secret: &str) -> Self {
        assert!(secret.len() >= 6, "too short to be told from chance: {secret:?}");
        let mut forms = vec![("plain", secret.as_bytes().to_vec())];
        let mut add = |name, shape: &[u8]| {
            if forms.iter().all(|(_, known)| known != shape) {
                forms.push((name, shape.to_vec()));
            }
        };
        let json = serde_json::to_string(secret).unwrap();
        add("json", json.trim_matches('"').as_bytes());
        add("json with escaped slashes", json.trim_matches('"').replace('/', "\\/").as_bytes());
        add("url", url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>().as_bytes());
        add("hex", hex::encode(secret).as_bytes());
        add("HEX", hex::encode_upper(secret).as_bytes());
        if let Some(bytes) = hex::decode(secret).ok().filter(|bytes| bytes.len() >= 16) {
            add("its bytes", &bytes);
        }
        if secret.len() == 6 {
            // a million guesses undo a bare hash of six digits
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
            add("sha256", hex::encode(digest).as_bytes());
            add("sha256's bytes", digest.as_ref());
        }
        for (standard, safe) in (0..3).filter_map(|shift| base64(secret, shift)) {
            add("base64", standard.as_bytes());
            add("base64url", safe.as_bytes());
        }
        if secret.len() >= 24 {
            let middle = secret.len() / 2;
            add("the middle", &secret.as_bytes()[middle - 8..middle + 8]);
        }
        Self { name: name.into(), secret: secret.to_owned(), forms }
    }
}

/// Whether what stands here stands alone: no letter, digit or decimal fraction goes on.
fn is_alone(text: &[u8], at: usize, length: usize) -> bool {
    let byte = |at: Option<usize>| at.and_then(|at| text.get(at)).copied();
    let goes_on = |next: Option<u8>, behind: Option<u8>| match next {
        Some(b'.') => behind.is_some_and(|byte| byte.is_ascii_digit()),
        other => other.is_some_and(|byte| byte.is_ascii_alphanumeric()),
    };
    let end = at + length;
    !goes_on(byte(at.checked_sub(1)), byte(at.checked_sub(2))) && !goes_on(byte(Some(end)), byte(Some(end + 1)))
}

/// The groups of six digits that stand alone in a text: with each, a PIN is found that is not there, should
/// chance draw it.
pub(super) fn standing_alone(text: &[u8]) -> BTreeSet<&[u8]> {
    let windows = text.windows(6).enumerate();
    let groups = windows.filter(|(_, group)| group.iter().all(u8::is_ascii_digit));
    groups.filter(|(at, _)| is_alone(text, *at, 6)).map(|(_, group)| group).collect()
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
                by_start[start(shape)].push((at, form));
            }
        }
        Self { needles, by_start }
    }

    /// Each needle that stands in a text, once: its form and what is around it.
    pub(super) fn find(&self, text: &[u8]) -> Vec<String> {
        let mut found: Vec<Option<String>> = vec![None; self.needles.len()];
        for at in 0..text.len().saturating_sub(1) {
            for (index, form) in &self.by_start[start(&text[at..])] {
                let needle = self.needles[*index];
                let (name, shape) = &needle.forms[*form];
                let fits = found[*index].is_none() && text[at..].starts_with(shape);
                if fits && (shape.len() > SHORT || is_alone(text, at, shape.len())) {
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
        assert_eq!(search.find(text.as_bytes()).len(), 1, "{text}");
    }
    assert!(search.find(b"canary/planted").is_empty());
}

#[test]
fn six_digits_are_found_where_they_stand_alone() {
    let pin = Needle::new("pin", "918273");
    let search = Search::of([&pin]);
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"918273");
    let written = hex::encode(hash);
    let texts =
        ["918273", "pin=918273&", "\"918273\"", "The PIN is 918273.", "9139313832373391", " OTE4Mjcz ", &written];
    for text in texts.into_iter().map(str::as_bytes).chain([hash.as_ref()]) {
        assert_eq!(search.find(text).len(), 1, "{}", String::from_utf8_lossy(text));
    }
    let by_chance = "15918273550, a918273b, 2026-11-02T09:00:00.918273Z, 0.918273 s, 918273.5";
    assert!(search.find(by_chance.as_bytes()).is_empty());
    assert!(standing_alone(by_chance.as_bytes()).is_empty());
    assert_eq!(standing_alone(b"a 918273, b 918273, 133005").len(), 2);
}

#[test]
fn a_written_out_hash_is_found_as_bytes() {
    let secret = "00112233445566778899aabbccddeeff";
    let bytes = [b"before".to_vec(), hex::decode(secret).unwrap()].concat();
    assert_eq!(Search::of([&Needle::new("hash", secret)]).find(&bytes).len(), 1);
}
