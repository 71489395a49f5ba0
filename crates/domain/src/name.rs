//! Names that people give to accounts, inboxes, endpoints and API keys: one rule for all of them.
//!
//! Must not know where a name is stored or shown.

use std::fmt;

/// A name of 1 to `MAX` characters on one line, without white space around it.
///
/// It holds no control character, no line or paragraph separator, and no character that changes the direction of text
/// (Unicode's bidirectional controls): such a name could break a log line or pose as another name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name<const MAX: usize>(String);

/// The name of a tenant.
pub type AccountName = Name<200>;

/// The name of an inbox, which is how an account sees a number.
pub type InboxName = Name<200>;

/// The name of an endpoint that receives forwarded webhooks.
pub type EndpointName = Name<100>;

/// The name of an API key.
pub type KeyName = Name<200>;

/// Why a text cannot be a name, and how to correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name is empty; give 1 to {max} characters")]
    Empty { max: usize },
    #[error("the name has {length} characters; shorten it to {max}")]
    TooLong { length: usize, max: usize },
    /// `position` counts characters from 1 in the trimmed name.
    #[error("character {position} of the name is U+{code:04X}, a {kind}; remove it")]
    ForbiddenCharacter { position: usize, code: u32, kind: &'static str },
}

impl<const MAX: usize> Name<MAX> {
    /// Trims the text and checks it.
    ///
    /// # Errors
    ///
    /// The first offence in the order of [`NameError`]'s variants.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 {
            return Err(NameError::Empty { max: MAX });
        }
        if length > MAX {
            return Err(NameError::TooLong { length, max: MAX });
        }
        for (index, character) in text.chars().enumerate() {
            if let Some(kind) = forbidden_kind(character) {
                return Err(NameError::ForbiddenCharacter { position: index + 1, code: character.into(), kind });
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes a name of a text that nobody can be asked to correct, such as a business name from Meta: forbidden
    /// characters become spaces, what exceeds `MAX` is cut off, and a text without visible content becomes `-`.
    pub fn sanitize(text: &str) -> Self {
        let clean: String = text.chars().map(|c| if forbidden_kind(c).is_some() { ' ' } else { c }).collect();
        let clean: String = clean.trim().chars().take(MAX).collect();
        let clean = clean.trim_end();
        Self(if clean.is_empty() { "-".to_owned() } else { clean.to_owned() })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as an owned text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> fmt::Display for Name<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> std::str::FromStr for Name<MAX> {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

/// The class of a character that no name may hold.
fn forbidden_kind(character: char) -> Option<&'static str> {
    match character {
        '\u{2028}' | '\u{2029}' => Some("line separator"),
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some("text direction control")
        }
        control if control.is_control() => Some("control character"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_name_is_removed() {
        assert_eq!(AccountName::parse("  Example Bakery \n").unwrap().as_str(), "Example Bakery");
    }

    #[test]
    fn a_name_has_1_to_max_characters_not_bytes() {
        assert_eq!(AccountName::parse(" \t ").unwrap_err(), NameError::Empty { max: 200 });
        assert!(AccountName::parse(&"ä".repeat(200)).is_ok());
        let error = AccountName::parse(&"x".repeat(201)).unwrap_err();
        assert_eq!(error.to_string(), "the name has 201 characters; shorten it to 200");
        assert!(EndpointName::parse(&"x".repeat(101)).is_err());
    }

    #[test]
    fn control_separator_and_direction_characters_are_refused_by_position() {
        for character in ['\n', '\u{7}', '\u{85}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}', '\u{200f}'] {
            let error = AccountName::parse(&format!("ab{character}c")).unwrap_err();
            assert!(matches!(error, NameError::ForbiddenCharacter { position: 3, .. }), "{character:?}: {error}");
        }
        let error = AccountName::parse("a\u{202e}b").unwrap_err();
        assert_eq!(error.to_string(), "character 2 of the name is U+202E, a text direction control; remove it");
    }

    #[test]
    fn names_in_every_script_are_accepted() {
        for name in ["Бакалея", "هاتف", "हिन्दी बेकरी", "パン屋", "Emma & Söhne (Köln) 🥐"]
        {
            assert_eq!(AccountName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_sanitized_text_is_a_name() {
        assert_eq!(InboxName::sanitize("a\nb\u{202e}").as_str(), "a b");
        assert_eq!(InboxName::sanitize("\u{200f}\n").as_str(), "-");
        assert_eq!(InboxName::sanitize(&"x".repeat(500)).as_str().len(), 200);
    }
}
