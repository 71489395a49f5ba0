//! The HTTP interface: REST API, pages, Meta's webhook and operators' routes. [`mod@router`] holds the table of
//! routes. This module must not decide or store anything; handlers call flows and show the result.

mod api;
mod completion;
mod error;
mod extract;
mod listener;
mod middleware;
mod openapi;
mod operations;
mod pages;
mod router;
mod session;
mod webhook;

#[cfg(test)]
mod access_tests;

pub use listener::{serve, serve_without_storing};
pub use router::{openapi_document, router};
