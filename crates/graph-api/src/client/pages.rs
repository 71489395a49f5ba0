//! Reads that may have to be repeated: with fewer fields, or page by page.
//! `paging.next` is a URL with the access token in it (facts §1.5): it is never followed or kept.

use domain::meta::failure::Failure;
use serde_json::Value;

use super::Client;
use super::call::{Answer, Call};
use super::fields::{Asked, Place};
use crate::wire::page::Page;

/// How often one read may be repeated with fewer fields.
const FALLBACKS: usize = 6;

/// No account has more: 100 pages of 100.
const MOST_PAGES: usize = 100;

impl Client {
    /// Reads with all fields known to work, and again with fewer while Meta refuses one.
    pub(super) async fn read<'a>(
        &self,
        places: &[Place],
        call: impl Fn(&Asked) -> Call<'a>,
    ) -> Result<(Answer, Asked), Failure> {
        let mut fallbacks = 0;
        loop {
            let asked = self.fields().ask(places);
            match self.send(call(&asked)).await {
                Ok(answer) => return Ok((answer, asked)),
                Err(failure) if fallbacks < FALLBACKS && self.fields().learn(&failure, &asked) => {
                    fallbacks += 1;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Every row from `first` on; `call` makes the call for the page after a cursor.
    pub(super) async fn follow<'a>(
        &self,
        first: Page,
        call: impl Fn(String) -> Call<'a>,
    ) -> Result<Vec<Value>, Failure> {
        let Page { mut rows, mut after } = first;
        let mut pages = 1;
        while let Some(cursor) = after.take() {
            if pages == MOST_PAGES {
                return Err(Failure::unanswered(format!("Meta's list does not end after {MOST_PAGES} pages")));
            }
            let answer = self.send(call(cursor.clone())).await?;
            let page = page_of(&answer, &answer.body)?;
            if page.after.as_ref() == Some(&cursor) {
                return Err(Failure::unanswered("Meta's list does not move on: the same cursor came twice"));
            }
            rows.extend(page.rows);
            after = page.after;
            pages += 1;
        }
        Ok(rows)
    }
}

/// The page an edge answers with.
pub(super) fn page_of(answer: &Answer, edge: &Value) -> Result<Page, Failure> {
    Page::read(edge).ok_or_else(|| answer.unexpected("list under \"data\""))
}
