//! Who a person is to Meta: a phone number, however it is written, and ids that are known to be theirs.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use domain::phone::spellings;

/// Message ids hold their parties' phone numbers, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The shortest and the longest phone number, in digits.
const PHONE: std::ops::RangeInclusive<usize> = 7..=15;

/// A person, by all ids of theirs that are known.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    ids: BTreeSet<String>,
}

/// Shows no id: a person who requested an erasure must not appear in a log.
impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Person({} ids)", self.ids.len())
    }
}

impl Person {
    /// Reads a phone number (`+1 555 019 9999`, `15550199999`) or an id of Meta's
    /// (`US.13491208655302741918`); `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_id = (7..=128).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && text.bytes().any(|b| b.is_ascii_digit());
        let mut person = Self { ids: BTreeSet::new() };
        (digits(text).is_some() || is_id).then(|| person.add(text)).map(|_| person)
    }

    /// The person of ids that [`Person::ids`] returned.
    pub fn from_ids(ids: impl IntoIterator<Item = String>) -> Self {
        Self { ids: ids.into_iter().collect() }
    }

    /// Every id, phone numbers as digits.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.ids.iter().map(String::as_str)
    }

    /// Adds an id of theirs; whether it was new.
    pub(super) fn add(&mut self, id: &str) -> bool {
        let before = self.ids.len();
        match digits(id) {
            Some(digits) => self.ids.extend(spellings(&digits)),
            None => self.ids.extend((!id.trim().is_empty()).then(|| id.to_owned())),
        }
        self.ids.len() > before
    }

    /// Whether a text is an id of the person, or the id of a message to or from the person.
    pub(super) fn is(&self, text: &str) -> bool {
        let is_id = |text: &str| self.ids.contains(text);
        is_id(text) || digits(text).is_some_and(|digits| is_id(&digits)) || self.is_in_message_id(text)
    }

    fn is_in_message_id(&self, text: &str) -> bool {
        let Some(coded) = text.strip_prefix("wamid.").or_else(|| text.strip_prefix("wacid.")) else { return false };
        // some end in a part that is no base64 any more: as much as can be read
        let whole = coded.len() - coded.len() % 4;
        let read = BASE64.decode(coded).or_else(|_| BASE64.decode(coded.get(..whole).unwrap_or_default()));
        read.is_ok_and(|bytes| bytes.split(|byte| !byte.is_ascii_digit()).any(|run| self.is_run(run)))
    }

    fn is_run(&self, run: &[u8]) -> bool {
        std::str::from_utf8(run).is_ok_and(|run| PHONE.contains(&run.len()) && self.ids.contains(run))
    }

    /// Whether an id of theirs is written anywhere in a text.
    pub(super) fn is_written_in(&self, text: &str) -> bool {
        self.ids.iter().any(|id| text.contains(id.as_str()))
    }
}

/// The digits of a phone number in any spelling; `None` for another text.
fn digits(text: &str) -> Option<String> {
    let written = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | ' ' | '-' | '(' | ')' | '.' | '\u{a0}'));
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (written && PHONE.contains(&digits.len())).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_is_one_however_it_is_written() {
        let person = Person::parse("+1 (555) 019-9999").unwrap();
        assert_eq!(person.ids().collect::<Vec<_>>(), ["15550199999"]);
        assert_eq!(Some(&person), Person::parse("15550199999").as_ref());
        assert!(person.is("+1 555.019.9999") && !person.is("5550199999") && !person.is("155501999990"));
        assert!(person.is("wamid.HBgLMTU1NTAxOTk5OTkVAgASGBQzQUFBQUFBQUFBQUFBQUFBQUEA"));
        assert!(!Person::parse("15550199998").unwrap().is("wamid.HBgLMTU1NTAxOTk5OTkVAgASGBQzQUE="));
        for text in ["", "+", "Ada", "123", "a b c 1234567", "\"15550199999\""] {
            assert_eq!(Person::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_id_of_metas_is_taken_as_it_is() {
        let person = Person::parse("US.13491208655302741918").unwrap();
        assert!(person.is("US.13491208655302741918") && !person.is("13491208655302741918"));
    }

    #[test]
    fn a_number_is_known_by_every_spelling() {
        let person = Person::parse("2250707123456").unwrap();
        assert!(person.is("22507123456") && person.is("+225 07 12 34 56"));
        assert_eq!(Person::parse("15550199999").unwrap().ids().count(), 1);
    }

    #[test]
    fn debugging_tells_nobody() {
        assert_eq!(format!("{:?}", Person::parse("15550199999").unwrap()), "Person(1 ids)");
    }
}
