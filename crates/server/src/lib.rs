//! Linekeeper: brings WhatsApp Business numbers live and keeps them live.
//!
//! [`App`] holds the handles that a request, a job or a command may use. `web`, `cli` and `runner` call
//! `flows`; `flows` call `store`, `graph-api`, `outbound` and `domain`. Nothing below `web` knows HTTP;
//! nothing outside `store` knows SQL; nothing outside `graph-api` and `outbound` calls out.

pub mod app;
pub mod config;
pub mod flows;
pub mod messages;
pub mod runner;
pub mod runtime;
pub mod startup;
pub mod web;

pub use ::store;
pub use store::sealing as seal;

pub use app::App;
