//! The product driven from outside, in one binary.

#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
