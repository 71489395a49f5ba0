//! Forwarding from end to end: what Meta posted, what a real receiver got and in which order, also when receivers
//! fail, disappear, ask for a pause, or the process restarts.

mod answers;
mod earlier;
mod formats;
mod items;
mod limits;
mod order;
mod recovery;
mod replays;
mod replicas;
mod retention;
mod support;
mod tenants;
mod unreadable;
mod writing;
