//! WhatsApp Business accounts and the portfolios that own them: their state, their routes and the actions of tests.

pub(super) mod account;
pub(super) mod action;
pub(super) mod node;
mod portfolio;
mod routes;
