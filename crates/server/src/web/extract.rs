//! Extractors: they authenticate the caller, load the entity that the path names, and read bodies, forms, queries and
//! page parameters. A handler receives only what its caller may access. Extractors must not change stored data.

pub(super) mod auth;
pub(super) mod body;
pub(super) mod client_address;
pub(super) mod endpoint;
pub(super) mod form;
pub(super) mod paging;
pub(super) mod path;
pub(super) mod query;
