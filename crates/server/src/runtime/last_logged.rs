//! The state that this process logged last, so that a state that lasts is logged once: at the start and when it changes.
//! It writes no line itself.

use std::sync::{Mutex, PoisonError};

/// The state that was logged last; none at the start.
#[derive(Debug)]
pub struct LastLogged<T>(Mutex<Option<T>>);

impl<T> Default for LastLogged<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone + PartialEq> LastLogged<T> {
    /// Whether this state differs from the one before, which it replaces.
    pub fn is_new(&self, state: &T) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(state.clone()).as_ref() != Some(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_new_at_the_start_and_when_it_changed() {
        let last = LastLogged::default();
        assert_eq!([1, 1, 2, 1].map(|state| last.is_new(&state)), [true, false, true, true]);
    }
}
