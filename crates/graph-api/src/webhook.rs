//! What Meta posts: is it signed, what changes does it hold, what does each say (facts §3).
//!
//! [`Verifier`] on the raw bytes, then [`split`] into [`RawChange`]s, which borrow the body;
//! [`RawChange::peek`] for routing and counting, [`RawChange::read`] for all of it, [`RawChange::items`] and
//! [`RawChange::as_post`] for forwarding, [`erase()`] to take one person out. Must not decide what a change
//! wakes or whom it belongs to.

mod body;
mod erase;
mod forward;
mod peek;
mod read;
mod signature;

pub use body::{BodyError, RawChange, dedup_key, split};
pub use erase::{Erased, Person, erase};
pub use forward::Items;
pub use peek::Peek;
pub use signature::{SignatureError, Signer, Verifier, sign, verify};
