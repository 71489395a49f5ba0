//! One page of a list: its rows and the cursor after it. The URL in `paging.next` holds the access
//! token and is only looked at for being there.

use serde_json::Value;

/// One page of a Graph edge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub rows: Vec<Value>,
    /// Where the next page starts; `None` on the last one.
    pub after: Option<String>,
}

impl Page {
    /// Reads `{"data": [...], "paging": {...}}`; `None` without a list.
    pub(crate) fn read(edge: &Value) -> Option<Self> {
        let rows = edge.get("data")?.as_array()?.clone();
        let has_next = edge.pointer("/paging/next").is_some_and(Value::is_string);
        let cursor = edge.pointer("/paging/cursors/after").and_then(Value::as_str);
        let after = cursor.filter(|cursor| has_next && !cursor.is_empty()).map(str::to_owned);
        Some(Self { rows, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_page_has_cursors_but_no_next() {
        let cursors = json!({ "before": "a", "after": "b" });
        let last = json!({ "data": [1], "paging": { "cursors": cursors } });
        assert_eq!(Page::read(&last).unwrap().after, None);
        let more = json!({ "data": [1], "paging": { "cursors": cursors, "next": "https://x?access_token=EAA" } });
        assert_eq!(Page::read(&more).unwrap().after.as_deref(), Some("b"));
        assert_eq!(Page::read(&json!({ "data": [] })).unwrap(), Page { rows: vec![], after: None });
        assert_eq!(Page::read(&json!({ "data": {} })), None);
    }
}
