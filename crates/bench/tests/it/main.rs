//! The bench itself, driven from outside: it must measure what it says, however fast that is.

#[cfg(test)]
mod forward;
