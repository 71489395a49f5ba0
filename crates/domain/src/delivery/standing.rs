//! How an endpoint stands, in one word: what somebody did with it and how it answers, put together.

use jiff::Timestamp;

use super::breaker::Breaker;

/// How an endpoint stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Events are sent to it.
    Active,
    /// It takes nothing; it is tried with one event at a time.
    Failing {
        /// Since when.
        since: Timestamp,
    },
    /// Nothing is sent to it.
    Disabled {
        /// Since when.
        since: Timestamp,
        /// Why.
        why: WhyDisabled,
    },
}

/// Why nothing is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhyDisabled {
    /// Somebody switched it off.
    SwitchedOff,
    /// It answered that it is gone (410).
    Gone,
    /// It took nothing for days.
    Hopeless,
}

impl WhyDisabled {
    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SwitchedOff => "switched_off",
            Self::Gone => "gone",
            Self::Hopeless => "hopeless",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::SwitchedOff, Self::Gone, Self::Hopeless].into_iter().find(|why| why.as_str() == word)
    }
}

impl Standing {
    /// From whether it is disabled, and how it answers.
    pub fn of(disabled: Option<(Timestamp, WhyDisabled)>, breaker: &Breaker) -> Self {
        match (disabled, breaker.failing_since.filter(|_| breaker.is_open())) {
            (Some((since, why)), _) => Self::Disabled { since, why },
            (None, Some(since)) => Self::Failing { since },
            (None, None) => Self::Active,
        }
    }

    /// The stable word of the API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Failing { .. } => "failing",
            Self::Disabled { .. } => "disabled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::breaker::OPENS_AFTER;

    #[test]
    fn one_failure_is_no_failing_endpoint_and_off_is_off() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let mut breaker = Breaker::default();
        assert_eq!(Standing::of(None, &breaker), Standing::Active);
        breaker.failed(true, now, 0.0);
        assert_eq!(Standing::of(None, &breaker), Standing::Active);
        for _ in 1..OPENS_AFTER {
            breaker.failed(true, now, 0.0);
        }
        assert_eq!(Standing::of(None, &breaker), Standing::Failing { since: now });
        let off = Standing::of(Some((now, WhyDisabled::Hopeless)), &breaker);
        assert_eq!((off.as_str(), off), ("disabled", Standing::Disabled { since: now, why: WhyDisabled::Hopeless }));
    }

    #[test]
    fn words_read_back() {
        for why in [WhyDisabled::SwitchedOff, WhyDisabled::Gone, WhyDisabled::Hopeless] {
            assert_eq!(WhyDisabled::parse(why.as_str()), Some(why));
        }
        assert_eq!(WhyDisabled::parse("tired"), None);
    }
}
