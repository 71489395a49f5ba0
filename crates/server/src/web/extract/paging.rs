//! Cursor paging, the same on every list: `limit` and `after` in, `data`, `has_more` and `next` out.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;

use super::query::Params;
use crate::App;
use crate::web::error::{ApiError, Result};

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 200;

/// The page parameters of a list request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// Maximum number of rows, from 1 to 200.
    pub limit: i64,
    after: Option<String>,
}

impl FromRequestParts<App> for Page {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let params = Params::of(parts.uri.query().unwrap_or_default());
        let limit = match params.one("limit")? {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or_else(|| ApiError::invalid("limit", format!("a number from 1 to {MAX_LIMIT}")))?,
        };
        Ok(Self { limit, after: params.one("after")?.map(str::to_owned) })
    }
}

impl Page {
    /// Parses the cursor as the id of a row.
    pub(crate) fn after<T: FromStr>(&self) -> Result<Option<T>> {
        let read =
            |text: &String| text.parse().map_err(|_| ApiError::invalid("after", "the `next` of the previous page"));
        self.after.as_ref().map(read).transpose()
    }

    /// The number of rows to fetch: one more than shown, to see whether there are more.
    pub(crate) fn probe(&self) -> i64 {
        self.limit + 1
    }

    /// Builds the page: at most `limit` rows, and the cursor of the next page.
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
    /// The rows of this page.
    pub data: Vec<V>,
    /// Whether there are more rows.
    pub has_more: bool,
    /// The cursor of the next page, to be passed as `after`.
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
