//! Cursor paging, the same on every list: `limit` and `after` in, `data`, `has_more` and `next` out.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;

use super::query::Params;
use crate::App;
use crate::web::error::{ApiError, Result};

const DEFAULT: i64 = 50;
const MOST: i64 = 200;

/// What a list was asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// How many.
    pub limit: i64,
    after: Option<String>,
}

impl FromRequestParts<App> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let params = Params::of(parts.uri.query().unwrap_or_default());
        let limit = match params.one("limit")? {
            None => DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| ApiError::invalid("limit", format!("a number from 1 to {MOST}")))?,
        };
        Ok(Self { limit, after: params.one("after")?.map(str::to_owned) })
    }
}

impl Page {
    /// The cursor, as what it stands for.
    pub(crate) fn after<T: FromStr>(&self) -> Result<Option<T>> {
        let read =
            |text: &String| text.parse().map_err(|_| ApiError::invalid("after", "the `next` of the page before"));
        self.after.as_ref().map(read).transpose()
    }

    /// One more than is shown: tells whether there is more without counting.
    pub(crate) fn probe(&self) -> i64 {
        self.limit + 1
    }

    /// The page: at most `limit` rows, and where the next one begins.
    pub(crate) fn finish<T, V>(
        &self,
        mut rows: Vec<T>,
        cursor: impl Fn(&T) -> String,
        view: impl Fn(T) -> V,
    ) -> List<V> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| has_more).map(cursor);
        List { data: rows.into_iter().map(view).collect(), has_more, next }
    }
}

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct List<V> {
    /// The rows.
    pub data: Vec<V>,
    /// There are more.
    pub has_more: bool,
    /// Pass it as `after` to get them.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_the_last_row_shown() {
        let page = Page { limit: 2, after: None };
        let list = page.finish(vec![1, 2, 3], ToString::to_string, |n| n);
        assert_eq!((list.data, list.has_more, list.next.as_deref()), (vec![1, 2], true, Some("2")));
        let list = page.finish(vec![1, 2], ToString::to_string, |n| n);
        assert_eq!((list.has_more, list.next), (false, None));
    }
}
