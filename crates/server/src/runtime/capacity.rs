//! The size of the database as this process last measured it. Read for every post, so it takes no lock.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use domain::capacity::{StorageLevel, StorageLimits};

/// The last measurement: bytes in use and the level they amount to.
#[derive(Debug, Default)]
pub struct Capacity {
    bytes: AtomicU64,
    level: AtomicU8,
}

impl Capacity {
    /// Bytes in use; `None` before the first measurement.
    pub fn bytes(&self) -> Option<u64> {
        Some(self.bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    /// The level at the last measurement; the lowest before the first.
    pub fn level(&self) -> StorageLevel {
        match self.level.load(Ordering::Relaxed) {
            2 => StorageLevel::Full,
            1 => StorageLevel::NearLimit,
            _ => StorageLevel::Ok,
        }
    }

    /// Stores a measurement; returns the levels before and after it.
    pub fn record(&self, bounds: StorageLimits, bytes: u64) -> (StorageLevel, StorageLevel) {
        let before = self.level();
        let after = bounds.level(before, bytes);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.level.store(after as u8, Ordering::Relaxed);
        (before, after)
    }
}
