//! How much room the database has left, and when to say so. The bounds are the operator's; what is
//! measured and what is done about it is not known here.

/// How full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Nothing to say.
    Plenty,
    /// Somebody should look at it.
    NearlyFull,
    /// Nothing more is taken.
    Full,
}

impl Stage {
    /// Its stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plenty => "plenty",
            Self::NearlyFull => "nearly_full",
            Self::Full => "full",
        }
    }
}

/// What the operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes; 0 for no limit.
    pub limit: u64,
    /// From this part of the limit on it is nearly full.
    pub warn_at_percent: u8,
}

/// How many percent of the limit it has to fall below a mark before the mark counts as left: a size
/// that swings about a mark is told once.
const SLACK: u8 = 5;

impl Bounds {
    /// How full it is now, given how full it was.
    pub fn stage(&self, before: Stage, bytes: u64) -> Stage {
        let reaches = |percent: u8, was: bool| {
            let mark = if was { percent.saturating_sub(SLACK) } else { percent };
            u128::from(bytes) * 100 >= u128::from(self.limit) * u128::from(mark)
        };
        if self.limit == 0 {
            Stage::Plenty
        } else if reaches(100, before == Stage::Full) {
            Stage::Full
        } else if reaches(self.warn_at_percent.min(100), before != Stage::Plenty) {
            Stage::NearlyFull
        } else {
            Stage::Plenty
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_left_some_way_below_it() {
        let bounds = Bounds { limit: 1000, warn_at_percent: 80 };
        let mut stage = Stage::Plenty;
        let told: Vec<Stage> = [0, 799, 800, 790, 750, 749, 999, 1000, 999, 950, 949, 2000, 0]
            .into_iter()
            .map(|bytes| {
                stage = bounds.stage(stage, bytes);
                stage
            })
            .collect();
        let (p, n, f) = (Stage::Plenty, Stage::NearlyFull, Stage::Full);
        assert_eq!(told, [p, p, n, n, n, p, n, f, f, f, n, f, p]);
    }

    #[test]
    fn no_limit_is_never_reached() {
        assert_eq!(Bounds { limit: 0, warn_at_percent: 80 }.stage(Stage::Full, u64::MAX), Stage::Plenty);
        assert_eq!(Bounds { limit: u64::MAX, warn_at_percent: 100 }.stage(Stage::Plenty, u64::MAX), Stage::Full);
    }
}
