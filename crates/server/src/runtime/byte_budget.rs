//! A bound on the bytes that something holds in all of the process, such as request bodies in flight. It allocates
//! nothing and waits for nothing: who finds it exhausted gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes that are reserved and released; clones share it.
#[derive(Debug, Clone)]
pub struct ByteBudget(Arc<Budget>);

#[derive(Debug)]
struct Budget {
    limit: usize,
    reserved: AtomicUsize,
}

/// Reserved bytes; dropping it releases them.
#[derive(Debug)]
pub struct Reservation {
    budget: ByteBudget,
    bytes: usize,
}

/// The budget has fewer free bytes than were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the budget of bytes is exhausted")]
pub struct Exhausted;

impl ByteBudget {
    /// A budget of `limit` bytes, all of them free.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Budget { limit, reserved: AtomicUsize::new(0) }))
    }

    /// A reservation of no bytes, which can grow.
    pub fn reserve(&self) -> Reservation {
        Reservation { budget: self.clone(), bytes: 0 }
    }

    /// How many bytes are reserved now.
    pub fn reserved(&self) -> usize {
        self.0.reserved.load(Ordering::Relaxed)
    }
}

impl Reservation {
    /// Reserves more bytes, or none if not all of them are free.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let budget = &self.budget.0;
        let grown = |reserved: usize| reserved.checked_add(bytes).filter(|total| *total <= budget.limit);
        budget.reserved.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).map_err(|_| Exhausted)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.0.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_grows_within_the_budget_and_ends_with_its_holder() {
        let budget = ByteBudget::new(10);
        let (mut one, mut other) = (budget.reserve(), budget.reserve());
        assert_eq!((one.grow(6), other.grow(5), other.grow(4)), (Ok(()), Err(Exhausted), Ok(())));
        assert_eq!((one.grow(1), one.grow(usize::MAX), budget.reserved()), (Err(Exhausted), Err(Exhausted), 10));
        drop(one);
        assert_eq!((budget.reserved(), other.grow(6), budget.reserved()), (4, Ok(()), 10));
        drop(other);
        assert_eq!(budget.reserved(), 0);
    }
}
