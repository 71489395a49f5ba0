//! One connected number: what is stored about it, what Meta says about it, and how well it is.
//!
//! The floor below every flow about a number. `record` loads a number, `reading` reads it at Meta and
//! stores what was read, `owner` names the portfolio behind its WABA, `callbacks` tells where its webhooks go, `context`
//! and `assessment` judge its health, and `view` shows it. Nothing here calls `register`, and nothing here imports a flow.

mod app_callback_json;
pub mod assessment;
pub(crate) mod callbacks;
mod context;
mod last_assessment;
pub(crate) mod owner;
pub(crate) mod reading;
pub mod record;
pub mod view;

pub(crate) use app_callback_json::{load_app_callback, save_app_callback};
