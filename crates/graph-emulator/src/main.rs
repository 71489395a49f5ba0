//! The emulator as a program. Must not hold anything the library could not do.

fn main() {}
