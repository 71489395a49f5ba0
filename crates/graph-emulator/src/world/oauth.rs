//! Access tokens, the codes they are bought with, and who may access what.

pub(super) mod access;
pub(super) mod endpoints;
pub(super) mod token;
