//! A phone number as digits with a leading plus, and the spellings that one number may have. Formatting for people is not
//! done here.

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

/// Countries whose mobile numbers grew a digit: country code, length of the area code, the digit, length of the rest.
const GROWN: [(&str, usize, &str, usize); 3] = [("52", 0, "1", 10), ("54", 0, "9", 10), ("55", 2, "9", 8)];

/// Every spelling of a number, given and returned as digits. Meta and people write the numbers of some countries with and
/// without a digit: Mexico (1), Argentina (9), Brazil (9 after the area code). Côte d'Ivoire put the two digits of the
/// operator before each number in 2021.
pub fn spellings(digits: &str) -> Vec<String> {
    let mut all = vec![digits.to_owned()];
    for (country, area, mobile, rest) in GROWN {
        let Some((area, line)) = digits.strip_prefix(country).and_then(|national| national.split_at_checked(area))
        else {
            continue;
        };
        if line.len() == rest {
            all.push(format!("{country}{area}{mobile}{line}"));
        } else if let Some(line) = line.strip_prefix(mobile).filter(|line| line.len() == rest) {
            all.push(format!("{country}{area}{line}"));
        }
    }
    if let Some(national) = digits.strip_prefix("225") {
        let (operator, line) = match national.len() {
            8 => (None, national),
            10 => (national.get(..2), national.get(2..).unwrap_or_default()),
            _ => return all,
        };
        match (operator, ivorian_operator(line)) {
            (None, Some(expected)) => all.push(format!("225{expected}{line}")),
            (Some(operator), Some(expected)) if operator == expected => all.push(format!("225{line}")),
            _ => {}
        }
    }
    all
}

/// The operator's two digits that an Ivorian number of eight digits got in front, as its old numbering plan names the operator.
fn ivorian_operator(line: &str) -> Option<&'static str> {
    let digit = |at: usize| line.as_bytes().get(at).copied();
    let is_fixed = matches!(digit(0), Some(b'2' | b'3'));
    let decisive = digit(if is_fixed { 2 } else { 1 })?;
    Some(match (is_fixed, decisive) {
        (false, b'0'..=b'3') => "01",
        (false, b'4'..=b'6') => "05",
        (false, _) => "07",
        (true, b'8') => "21",
        (true, b'0') => "25",
        (true, _) => "27",
    })
}

/// Whether two texts are one number, whichever spelling and separators they have.
pub fn is_same_number(one: &str, other: &str) -> bool {
    match (E164::parse(one), E164::parse(other)) {
        (Ok(one), Ok(other)) => one == other || spellings(one.digits()).iter().any(|digits| digits == other.digits()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_spellings_of_its_country() {
        let pairs = [
            ("525512345678", "5215512345678"),
            ("541112345678", "5491112345678"),
            ("551187654321", "5511987654321"),
            ("22501234567", "2250101234567"),
            ("22545123456", "2250545123456"),
            ("22507123456", "2250707123456"),
            ("22520812345", "2252120812345"),
            ("22520012345", "2252520012345"),
            ("22520212345", "2252720212345"),
        ];
        for (one, other) in pairs {
            assert!(is_same_number(one, other) && is_same_number(other, one), "{one} {other}");
        }
        assert!(is_same_number("+55 11 98765-4321", "551187654321"), "separators do not matter");
        for (one, other) in [
            ("15550100001", "15550100002"),
            // another operator's number with the same end
            ("22507123456", "2250507123456"),
            ("5511987654321", "5521987654321"),
            ("", ""),
        ] {
            assert!(!is_same_number(one, other), "{one} {other}");
        }
        assert_eq!(spellings("15550199999"), ["15550199999"]);
    }

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
