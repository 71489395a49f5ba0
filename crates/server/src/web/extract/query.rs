//! Query parameters by name. The API refuses a parameter that is given twice, because two readers of one address could
//! interpret it differently.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::web::error::{ApiError, Result};

/// The query parameters of a request in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Parses a query; invalid UTF-8 becomes replacement characters.
    pub(crate) fn of(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of a parameter; an empty one counts as missing. Fails if it is given twice.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(ApiError::invalid(name, "once, not twice")),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// The first value of a parameter or an empty text, for pages, which tolerate odd addresses.
    pub(crate) fn first(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_counts_once() {
        let params = Params::of("a=1&b=&c=2&c=3&d=%ff%20x+y");
        assert_eq!(params.one("a").unwrap(), Some("1"));
        assert_eq!(params.one("b").unwrap(), None);
        assert_eq!(params.one("e").unwrap(), None);
        assert_eq!(params.one("c").unwrap_err().detail(), "c: once, not twice");
        assert_eq!((params.first("c"), params.first("d"), params.first("e")), ("2", "\u{fffd} x y", ""));
    }
}
