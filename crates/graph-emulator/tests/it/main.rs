//! Tests of the emulator over HTTP, like any client uses it. One binary, so that it links once.

#[cfg(test)]
mod conformity;
#[cfg(test)]
mod control;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod registration;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
