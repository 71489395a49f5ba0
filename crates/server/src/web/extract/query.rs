//! What stands behind the question mark, by name. A parameter given twice is refused where it is asked
//! for, so that no two readers of one address take it differently.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::web::error::{ApiError, Result};

/// The parameters of a request's address, as they came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads an address's query; bytes that are no text become marks no value holds.
    pub(crate) fn of(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// One parameter; empty counts as not given.
    pub(crate) fn one(&self, name: &str) -> Result<Option<&str>> {
        let mut found = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(ApiError::invalid(name, "once, not twice")),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// For pages: the first of a name, or nothing. An odd address still opens the page.
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
