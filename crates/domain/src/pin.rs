//! The six-digit PIN of a number's two-step verification. Must not decide which PIN a call carries.

use std::fmt;

use zeroize::Zeroizing;

/// A two-step PIN: exactly six ASCII digits (facts §1.7).
///
/// It is a secret: `Debug` shows nothing of it, it has no `Display`, and its memory is zeroed when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(Zeroizing<String>);

/// The text is not a PIN; the text itself is not repeated, since it may be a mistyped PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has exactly six digits, such as 123456")]
pub struct PinError;

impl Pin {
    /// Parses exactly six ASCII digits; white space and separators are refused.
    ///
    /// # Errors
    ///
    /// [`PinError`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PinError> {
        let is_pin = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_pin.then(|| Self(Zeroizing::new(text.to_owned()))).ok_or(PinError)
    }

    /// Parses a PIN as people type it: spaces and hyphens between the digits are dropped.
    ///
    /// # Errors
    ///
    /// [`PinError`] unless six ASCII digits remain.
    pub fn parse_typed(text: &str) -> Result<Self, PinError> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        Self::parse(&Zeroizing::new(digits))
    }

    /// Makes a PIN of six digits; only the last decimal place of each counts.
    pub fn from_digits(digits: [u8; 6]) -> Self {
        Self(Zeroizing::new(digits.into_iter().map(|digit| char::from(b'0' + digit % 10)).collect()))
    }

    /// The digits. They must not reach a log line, an error or a URL.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_six_ascii_digits_are_a_pin() {
        assert_eq!(Pin::parse("012345").unwrap().expose(), "012345");
        for text in ["", "12345", "1234567", "12345a", " 123456", "123 456", "١٢٣٤٥٦", "+12345"] {
            assert_eq!(Pin::parse(text), Err(PinError), "{text:?}");
        }
    }

    #[test]
    fn a_typed_pin_may_hold_spaces_and_hyphens() {
        for text in ["123456", " 123 456\n", "123-456"] {
            assert_eq!(Pin::parse_typed(text).unwrap().expose(), "123456", "{text:?}");
        }
        assert_eq!(Pin::parse_typed("12.34.56"), Err(PinError));
    }

    #[test]
    fn digits_make_a_pin() {
        assert_eq!(Pin::from_digits([1, 0, 2, 3, 4, 9]), Pin::parse("102349").unwrap());
    }

    #[test]
    fn debug_shows_no_digit() {
        let pin = Pin::parse("908172").unwrap();
        assert_eq!(format!("{pin:?}"), "Pin([redacted])");
    }
}
