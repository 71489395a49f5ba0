//! The product, driven from outside in one binary: real HTTP, real databases, the emulator for Meta.

#[cfg(test)]
mod app;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod counted;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod erasing;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod signup;
#[cfg(test)]
mod silence;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tenants;
