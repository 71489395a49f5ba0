//! Makes concurrent callers for one key take turns, so that the second can use what the first fetched.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// One lock per key. A key without a holder or a waiter takes no memory.
#[derive(Debug)]
pub struct SingleFlight<K>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>);

impl<K> Default for SingleFlight<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> SingleFlight<K> {
    /// The lock of a key. A caller that finds it held should look for a fresh result once it has it.
    pub fn lock_of(&self, key: K) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // a lock that only this map holds has neither a holder nor a waiter
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry(key).or_default())
    }
}
