//! How full the database is, with hysteresis. The bounds are the operator's; measuring, and what follows from it, are done
//! elsewhere.

/// How much of the storage limit is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum StorageLevel {
    Ok,
    /// The warning mark is reached.
    NearLimit,
    /// The limit is reached: nothing more is accepted.
    Full,
}

/// The storage that the operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// Bytes; 0 for no limit.
    pub limit: u64,
    /// The share of the limit from which on the level is [`StorageLevel::NearLimit`].
    pub warn_at_percent: u8,
}

/// How far the size must fall below a mark before the mark counts as left, in percent of the limit: a size that swings
/// around a mark is reported once.
const HYSTERESIS: u8 = 5;

impl StorageLimits {
    /// The level of a size, given the level before.
    pub fn level(&self, before: StorageLevel, bytes: u64) -> StorageLevel {
        let reaches = |percent: u8, was: bool| {
            let mark = if was { percent.saturating_sub(HYSTERESIS) } else { percent };
            u128::from(bytes) * 100 >= u128::from(self.limit) * u128::from(mark)
        };
        if self.limit == 0 {
            StorageLevel::Ok
        } else if reaches(100, before == StorageLevel::Full) {
            StorageLevel::Full
        } else if reaches(self.warn_at_percent.min(100), before != StorageLevel::Ok) {
            StorageLevel::NearLimit
        } else {
            StorageLevel::Ok
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_left_some_way_below_it() {
        let limits = StorageLimits { limit: 1000, warn_at_percent: 80 };
        let mut level = StorageLevel::Ok;
        let levels: Vec<StorageLevel> = [0, 799, 800, 790, 750, 749, 999, 1000, 999, 950, 949, 2000, 0]
            .into_iter()
            .map(|bytes| {
                level = limits.level(level, bytes);
                level
            })
            .collect();
        let (o, n, f) = (StorageLevel::Ok, StorageLevel::NearLimit, StorageLevel::Full);
        assert_eq!(levels, [o, o, n, n, n, o, n, f, f, f, n, f, o]);
    }

    #[test]
    fn no_limit_is_never_reached() {
        let level = |limit, warn_at_percent, before| StorageLimits { limit, warn_at_percent }.level(before, u64::MAX);
        assert_eq!(level(0, 80, StorageLevel::Full), StorageLevel::Ok);
        assert_eq!(level(u64::MAX, 100, StorageLevel::Ok), StorageLevel::Full);
    }
}
