//! The notice on top of a page after a form was sent.

use crate::web::error::{ApiError, MetaView};

/// A notice; it is shown once and not again after a reload.
#[derive(Debug, Clone)]
pub(super) struct Notice {
    /// `good`, `caution` or `bad`.
    pub(super) tone: &'static str,
    pub(super) text: String,
    /// Meta's error, where Meta refused.
    pub(super) meta: Option<MetaView>,
}

impl Notice {
    /// A notice without an error of Meta's.
    pub(super) fn new(tone: &'static str, text: impl Into<String>) -> Self {
        Self { tone, text: text.into(), meta: None }
    }

    /// The notice that shows a failure.
    pub(super) fn of_error(error: &ApiError) -> Self {
        Self { tone: "bad", text: error.detail().to_owned(), meta: error.meta().map(MetaView::from) }
    }
}
