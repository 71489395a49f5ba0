//! Embedded style sheet, script and icon. Their addresses contain a hash of the content, so that browsers can cache them
//! for a year and fetch a new version at once.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::web::error::{ApiError, Result};

#[derive(rust_embed::Embed)]
#[folder = "assets"]
struct Files;

/// A year: the address changes with the content.
const FOREVER: &str = "public, max-age=31536000, immutable";

/// The addresses the pages use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
}

/// Where the assets of this version are.
pub(super) fn addresses() -> Addresses {
    static HASHED: OnceLock<[String; 3]> = OnceLock::new();
    let [style, script, icon] = HASHED.get_or_init(|| ["app.css", "app.js", "icon.svg"].map(address));
    Addresses { style, script, icon }
}

fn address(name: &str) -> String {
    let hash = Files::get(name).map(|file| hex::encode(&file.metadata.sha256_hash()[..6])).unwrap_or_default();
    format!("/assets/{hash}/{name}")
}

/// `GET /assets/{hash}/{name}`: an embedded file.
pub(super) async fn show(Path((_, name)): Path<(String, String)>) -> Result<Response> {
    let file = Files::get(&name).ok_or_else(|| ApiError::not_found("file"))?;
    let kind = file.metadata.mimetype().to_owned();
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOREVER.to_owned())];
    Ok((headers, file.data.into_owned()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_of_the_pages_exists() {
        let Addresses { style, script, icon } = addresses();
        for address in [style, script, icon] {
            assert!(!address.contains("//"), "{address} has no content");
        }
    }
}
