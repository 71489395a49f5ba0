//! The webhooks that Meta posts: their signature, their changes, and the content of each change (facts §3).
//!
//! [`Verifier`] checks the raw bytes, then [`split`] cuts them into [`RawChange`]s, which borrow the body.
//! [`RawChange::peek`] serves routing and counting, [`RawChange::read`] reads all of a change, [`RawChange::items`] and
//! [`RawChange::as_post`] serve forwarding, [`erase()`] removes one person. Must not decide what a change wakes or to whom
//! it belongs.

mod body;
mod erase;
mod forward;
mod peek;
mod read;
mod signature;

pub use body::{BodyError, RawChange, dedup_key, split};
pub use erase::{Erased, Person, erase};
pub use forward::{Item, Items};
pub use peek::Peek;
pub use signature::{SignatureError, Signer, Verifier, sign, verify};
