//! A phone number as digits with a leading plus. Formatting for people is not done here.

use std::fmt;

/// A phone number in E.164 form: a plus and 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct E164(String);

/// Why a text is no phone number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a phone number: expected 7 to 15 digits, such as +15550100001")]
pub struct NotAPhoneNumber(String);

impl E164 {
    /// Reads any way Meta or people write a number: `+1 555-010-0001`, `15550100001`, `(1) 555…`.
    pub fn parse(text: &str) -> Result<Self, NotAPhoneNumber> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let only_separators = text.chars().all(|c| c.is_ascii_digit() || " +-().\u{a0}".contains(c));
        if !only_separators || !(7..=15).contains(&digits.len()) {
            return Err(NotAPhoneNumber(text.chars().take(40).collect()));
        }
        Ok(Self(format!("+{digits}")))
    }

    /// With the leading plus.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the plus: the form Meta's webhooks carry.
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_one_number_is_the_same_number() {
        for text in ["+1 555-010-0001", "15550100001", "+15550100001", "1 (555) 010.0001"] {
            assert_eq!(E164::parse(text).unwrap().as_str(), "+15550100001", "{text}");
        }
    }

    #[test]
    fn letters_short_and_long_texts_are_refused() {
        for text in ["", "+", "123456", "1234567890123456", "+1 555 CALL NOW", "../etc"] {
            assert!(E164::parse(text).is_err(), "{text}");
        }
    }
}
