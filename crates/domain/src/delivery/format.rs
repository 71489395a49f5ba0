//! The formats in which an endpoint may receive events. The encoding itself is in the server.

use strum::{EnumString, IntoStaticStr};

/// The format in which an endpoint receives events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Format {
    /// As Meta posts them: a consumer written for Meta works after a change of its address.
    Meta,
    /// Standard Webhooks: one event per request.
    Standard,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_parses_from_its_word() {
        for format in [Format::Meta, Format::Standard] {
            assert_eq!(format.into_str().parse(), Ok(format));
        }
        assert!("Standard".parse::<Format>().is_err());
    }
}
