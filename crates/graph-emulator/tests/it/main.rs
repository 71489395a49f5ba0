//! The emulator from outside: over HTTP, as any client meets it. One binary, so that it links once.

#[cfg(test)]
mod conformity;
#[cfg(test)]
mod control;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod registering;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
