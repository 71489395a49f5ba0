//! What the product stands on fails: its disk, its database, its keys, its clock. The real program as a process, a real
//! small file system, a real proxy that goes silent, real key files. Each fault is survived without a restart, or refused
//! by name, and the log names its cause once.

mod clock;
mod disk;
mod keys;
mod network;
mod service;
