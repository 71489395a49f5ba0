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
mod cli;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod endpoints;
#[cfg(test)]
mod erasure;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod runner;
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
#[cfg(test)]
mod unavailable;
