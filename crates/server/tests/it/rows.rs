//! The rows of the request, each by its id, on both engines: what Meta received, what is on record, what
//! was answered. `rows::<part>::<engine>::<id>_…`.

mod capture;
mod setup;
mod setup_reads;
mod support;
