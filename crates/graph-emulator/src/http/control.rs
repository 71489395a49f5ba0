//! `/_emulator`: the world by hand. Must not hold rules; every body is a typed struct of the library.

use std::sync::Arc;

use axum::Router;

use crate::machine::Shared;

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
}
