//! The emulator from outside: over HTTP, as any client meets it. One binary, so that it links once.

mod conformity;
mod lifecycle;
mod support;
