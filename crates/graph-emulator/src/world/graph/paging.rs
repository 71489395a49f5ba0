//! Cursor paging of lists, with Graph's `next` links (facts §1.5). Must not know what is listed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::error::{GraphError, numbered};
use super::request::Request;

/// The part of a list that a call requests.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub limit: usize,
    pub after: Option<String>,
    pub before: Option<String>,
}

impl Page {
    /// Reads the paging arguments; the limit is 25 by default and 100 at most (facts §1.5).
    pub(crate) fn read(arg: impl Fn(&str) -> Option<String>) -> Result<Self, GraphError> {
        let limit = match arg("limit") {
            None => 25,
            Some(text) => {
                let bad = || numbered(400, 100, "Param limit must be a number between 1 and 100");
                text.parse::<usize>().ok().filter(|l| (1..=100).contains(l)).ok_or_else(bad)?
            }
        };
        Ok(Self { limit, after: arg("after").and_then(|c| id_of(&c)), before: arg("before").and_then(|c| id_of(&c)) })
    }

    /// The range of `ids` that stands on this page.
    fn range(&self, ids: &[String]) -> std::ops::Range<usize> {
        let position = |id: &String| ids.iter().position(|i| i == id);
        if let Some(before) = self.before.as_ref().and_then(position) {
            return before.saturating_sub(self.limit)..before;
        }
        let start = self.after.as_ref().and_then(position).map_or(0, |at| at + 1);
        start..(start + self.limit).min(ids.len())
    }
}

fn cursor(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("QVFIU:{id}"))
}

fn id_of(cursor: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes).ok()?.strip_prefix("QVFIU:").map(str::to_owned)
}

/// Builds one page with its `paging` member. Like Graph's, the links contain the access token.
pub(crate) fn page(
    ids: &[String],
    page: &Page,
    link: &Link<'_>,
    mut item: impl FnMut(&str) -> Result<Value, GraphError>,
) -> Result<Value, GraphError> {
    let range = page.range(ids);
    let shown = ids.get(range.clone()).unwrap_or_default();
    let data = shown.iter().map(|id| item(id)).collect::<Result<Vec<_>, _>>()?;
    let mut out = json!({ "data": data });
    if let (Some(first), Some(last)) = (shown.first(), shown.last()) {
        let mut paging = json!({"cursors": {"before": cursor(first), "after": cursor(last)}});
        if range.end < ids.len() {
            paging["next"] = json!(link.url("after", &cursor(last), page.limit));
        }
        if range.start > 0 {
            paging["previous"] = json!(link.url("before", &cursor(first), page.limit));
        }
        out["paging"] = paging;
    }
    Ok(out)
}

/// The parts of a call that its paging links repeat.
pub(crate) struct Link<'a> {
    pub request: &'a Request,
    pub version: u16,
    /// Path of the edge without version: `/{id}/{edge}`.
    pub path: String,
    /// The fields of an expanded edge; `None` if the edge was called itself.
    pub fields: Option<String>,
}

impl Link<'_> {
    fn url(&self, direction: &str, cursor: &str, limit: usize) -> String {
        let mut query: Vec<(String, String)> = Vec::new();
        let own = |name: &str| self.request.text(name).map(|v| (name.to_owned(), v));
        let fields = self.fields.clone().map(|f| ("fields".to_owned(), f)).or_else(|| own("fields"));
        query.extend(fields);
        if self.fields.is_none() {
            query.extend(own("sort"));
            query.extend(own("filtering"));
        }
        query.push(("limit".to_owned(), limit.to_string()));
        query.push((direction.to_owned(), cursor.to_owned()));
        query.push(("access_token".to_owned(), self.request.token().unwrap_or_default()));
        let encoded = serde_urlencoded::to_string(&query).unwrap_or_default();
        format!("{}/v{}.0{}?{encoded}", self.request.base_url, self.version, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::graph::request::Method;

    #[test]
    fn following_the_next_links_visits_every_item_once() {
        let ids: Vec<String> = (0..57).map(|i| i.to_string()).collect();
        let request = Request::new(Method::Get, "/1/phone_numbers").bearer("T");
        let link = Link { request: &request, version: 25, path: "/1/phone_numbers".into(), fields: None };
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let this = Page { limit: 10, after: after.clone(), before: None };
            let out = page(&ids, &this, &link, |id| Ok(json!(id))).expect("page");
            seen.extend(out["data"].as_array().expect("list").iter().map(|v| v.as_str().expect("id").to_owned()));
            after = out["paging"]["cursors"]["after"].as_str().and_then(id_of);
            let next = out["paging"]["next"].as_str();
            if seen.len() == ids.len() {
                assert_eq!(next, None);
                break;
            }
            assert!(next.expect("more").contains("access_token=T"));
        }
        assert_eq!(seen, ids);
    }
}
