//! The status of an endpoint: enabled or disabled by a person or by its responses, and whether it accepts events.

use jiff::Timestamp;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::circuit_breaker::CircuitBreaker;

/// The status of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EndpointStatus {
    /// Events are sent as they arrive.
    Active,
    /// The endpoint accepts nothing and gets one probe at a time.
    Failing {
        since: Timestamp,
    },
    Disabled {
        since: Timestamp,
        reason: DisabledReason,
    },
}

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum DisabledReason {
    /// A person switched it off.
    SwitchedOff,
    Gone,
    /// It accepted nothing for five days.
    FailingTooLong,
}

impl EndpointStatus {
    /// Derives the status from the disabled mark and the circuit breaker.
    pub fn of(disabled: Option<(Timestamp, DisabledReason)>, breaker: &CircuitBreaker) -> Self {
        match (disabled, breaker.failing_since.filter(|_| breaker.is_tripped())) {
            (Some((since, reason)), _) => Self::Disabled { since, reason },
            (None, Some(since)) => Self::Failing { since },
            (None, None) => Self::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::circuit_breaker::FAILURE_THRESHOLD;

    #[test]
    fn an_endpoint_fails_from_the_threshold_on_and_disabled_wins() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let mut breaker = CircuitBreaker::default();
        assert_eq!(EndpointStatus::of(None, &breaker), EndpointStatus::Active);
        breaker.on_failure(true, now, 0.0);
        assert_eq!(EndpointStatus::of(None, &breaker), EndpointStatus::Active);
        for _ in 1..FAILURE_THRESHOLD {
            breaker.on_failure(true, now, 0.0);
        }
        assert_eq!(EndpointStatus::of(None, &breaker), EndpointStatus::Failing { since: now });
        let reason = DisabledReason::FailingTooLong;
        let disabled = EndpointStatus::of(Some((now, reason)), &breaker);
        assert_eq!((disabled.into_str(), disabled), ("disabled", EndpointStatus::Disabled { since: now, reason }));
    }

    #[test]
    fn every_reason_parses_from_its_word() {
        for reason in DisabledReason::VARIANTS {
            assert_eq!(reason.into_str().parse(), Ok(*reason));
        }
        assert!("tired".parse::<DisabledReason>().is_err());
    }
}
