//! Webhooks: who is subscribed, what is queued, when it is sent and how it is signed.

pub(super) mod challenge;
mod handshake;
pub(super) mod outbox;
pub(super) mod publish;
mod send;
pub(super) mod signature;
mod subscription;
