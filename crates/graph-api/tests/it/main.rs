//! The client against the emulator, over real sockets. One binary, so that it links once.

#[cfg(test)]
mod calls;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod support;
