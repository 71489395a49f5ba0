//! Names that people give to accounts, inboxes, endpoints and API keys: one rule for all of them.
//!
//! Must not know where a name is stored or shown.

use std::fmt;

/// The most characters of a name.
pub const MAX_CHARACTERS: usize = 200;

/// A name of 1 to [`MAX_CHARACTERS`] characters on one line, without white space around it.
///
/// It holds no control character, no line or paragraph separator, and no character that changes the direction of text
/// (Unicode's bidirectional controls): such a name could break a log line or pose as another name. At least one
/// character is visible: nobody could find or click a name without one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

/// Why a text cannot be a name, and how to correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name is empty; give 1 to {MAX_CHARACTERS} characters")]
    Empty,
    #[error("the name has {length} characters; shorten it to {MAX_CHARACTERS}")]
    TooLong { length: usize },
    /// `position` counts characters from 1 in the trimmed name.
    #[error("character {position} of the name is U+{code:04X}, a {kind}; remove it")]
    ForbiddenCharacter { position: usize, code: u32, kind: &'static str },
    /// Every character has no width or is blank, such as U+200B.
    #[error("the name has no visible character; give 1 to {MAX_CHARACTERS} characters that can be seen")]
    Invisible,
}

impl Name {
    /// Trims the text and checks it.
    ///
    /// # Errors
    ///
    /// The first offence in the order of [`NameError`]'s variants.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let length = text.chars().count();
        if length == 0 {
            return Err(NameError::Empty);
        }
        if length > MAX_CHARACTERS {
            return Err(NameError::TooLong { length });
        }
        for (index, character) in text.chars().enumerate() {
            if let Some(kind) = forbidden_kind(character) {
                return Err(NameError::ForbiddenCharacter { position: index + 1, code: character.into(), kind });
            }
        }
        if text.chars().all(is_invisible) {
            return Err(NameError::Invisible);
        }
        Ok(Self(text.to_owned()))
    }

    /// Makes a name of a text that nobody can be asked to correct, such as a business name from Meta: forbidden
    /// characters become spaces, what exceeds [`MAX_CHARACTERS`] is cut off, and a text without a visible character
    /// becomes `-`.
    pub fn sanitize(text: &str) -> Self {
        let clean: String = text.chars().map(|c| if forbidden_kind(c).is_some() { ' ' } else { c }).collect();
        let clean: String = clean.trim().chars().take(MAX_CHARACTERS).collect();
        let clean = clean.trim_end();
        Self(if clean.chars().all(is_invisible) { "-".to_owned() } else { clean.to_owned() })
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

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Name {
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

/// Whether a character shows nothing by itself: white space, characters without width, fillers, variation selectors
/// and tags (Unicode's `Default_Ignorable_Code_Point`, and the blank Braille pattern). Inside a name they have their use.
fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_around_a_name_is_removed() {
        assert_eq!(Name::parse("  Example Bakery \n").unwrap().as_str(), "Example Bakery");
    }

    #[test]
    fn a_name_has_1_to_200_characters_not_bytes() {
        assert_eq!(Name::parse(" \t ").unwrap_err(), NameError::Empty);
        assert!(Name::parse(&"ä".repeat(200)).is_ok());
        let error = Name::parse(&"x".repeat(201)).unwrap_err();
        assert_eq!(error.to_string(), "the name has 201 characters; shorten it to 200");
    }

    #[test]
    fn control_separator_and_direction_characters_are_refused_by_position() {
        for character in ['\n', '\u{7}', '\u{85}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}', '\u{200f}'] {
            let error = Name::parse(&format!("ab{character}c")).unwrap_err();
            assert!(matches!(error, NameError::ForbiddenCharacter { position: 3, .. }), "{character:?}: {error}");
        }
        let error = Name::parse("a\u{202e}b").unwrap_err();
        assert_eq!(error.to_string(), "character 2 of the name is U+202E, a text direction control; remove it");
    }

    #[test]
    fn a_name_that_nobody_can_see_is_refused() {
        for blank in ["\u{200b}", "\u{200d}\u{2060}", "\u{200b} \u{200b}", "\u{3164}", "\u{2800}", "\u{e0020}\u{fe0f}"]
        {
            assert_eq!(Name::parse(blank).unwrap_err(), NameError::Invisible, "{blank:?}");
            assert_eq!(Name::sanitize(blank).as_str(), "-", "{blank:?}");
        }
    }

    #[test]
    fn names_in_every_script_are_accepted() {
        // with the joiners that Persian and family emoji need
        for name in
            ["Бакалея", "هاتف", "می\u{200c}خواهم", "हिन्दी बेकरी", "パン屋", "Emma & Söhne (Köln) 🥐", "👩\u{200d}🍳"]
        {
            assert_eq!(Name::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn a_sanitized_text_is_a_name() {
        assert_eq!(Name::sanitize("a\nb\u{202e}").as_str(), "a b");
        assert_eq!(Name::sanitize("\u{200f}\n").as_str(), "-");
        assert_eq!(Name::sanitize(&"x".repeat(500)).as_str().len(), 200);
    }
}
