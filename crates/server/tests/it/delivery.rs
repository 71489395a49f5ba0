//! Forwarding, told from both ends: what Meta posted, what a real receiver got, in which order, and what
//! becomes of it when receivers fail, vanish, ask for time, or the process is killed.

mod answers;
mod formats;
mod keeping;
mod limits;
mod order;
mod recovery;
mod replays;
mod replicas;
mod support;
mod tenants;
mod writing;
