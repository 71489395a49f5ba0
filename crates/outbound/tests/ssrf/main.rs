//! The guard against a customer's address that leads into the operator's network, attacked with real sockets.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod names;
#[cfg(test)]
mod trap;
