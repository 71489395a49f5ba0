//! Badges: a colour, an icon and a label; the colour must never be the only carrier of meaning.

use domain::delivery::{DisabledReason, EndpointStatus};
use domain::health::{Badge, Level};
use domain::registration::ledger::AttemptOutcome;

use super::icons;
use crate::messages;

/// The tone, icon and label of a badge.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// `good`, `caution`, `bad`, `busy` or `neutral`.
    pub(super) tone: &'static str,
    pub(super) icon: &'static str,
    pub(super) label: &'static str,
}

/// The mark of a finding that is information only.
pub(super) const INFORMATION: Mark = Mark { tone: "neutral", icon: icons::DOT, label: "For information" };

/// The badge of a level.
pub(super) fn level(level: Level) -> Mark {
    let (tone, icon) = match level {
        Level::Live => ("good", icons::CHECK),
        Level::AtRisk => ("caution", icons::ALERT),
        Level::WaitingForMeta => ("busy", icons::CLOCK),
        Level::ActionNeeded => ("bad", icons::HAND),
        Level::Blocked => ("bad", icons::BLOCK),
        Level::Unknown => ("neutral", icons::QUESTION),
    };
    Mark { tone, icon, label: messages::level(level) }
}

/// The badge of a card.
pub(super) fn card(badge: Badge) -> Mark {
    let (tone, icon) = match badge {
        Badge::Good => ("good", icons::CHECK),
        Badge::Caution => ("caution", icons::ALERT),
        Badge::Bad => ("bad", icons::BLOCK),
        Badge::Neutral => ("neutral", icons::DOT),
    };
    Mark { tone, icon, label: messages::badge(badge) }
}

/// The badge of a call's outcome.
pub(super) fn outcome(outcome: Option<&AttemptOutcome>) -> Mark {
    match outcome {
        None => Mark { tone: "busy", icon: icons::CLOCK, label: "No answer yet" },
        Some(AttemptOutcome::Success) => Mark { tone: "good", icon: icons::CHECK, label: "Accepted" },
        Some(AttemptOutcome::Failed(_)) => Mark { tone: "caution", icon: icons::ALERT, label: "Refused" },
    }
}

/// The badge of an endpoint.
pub(super) fn endpoint(status: &EndpointStatus) -> Mark {
    match status {
        EndpointStatus::Active => Mark { tone: "good", icon: icons::CHECK, label: "Active" },
        EndpointStatus::Failing { .. } => Mark { tone: "bad", icon: icons::ALERT, label: "Failing" },
        EndpointStatus::Disabled { reason: DisabledReason::SwitchedOff, .. } => {
            Mark { tone: "neutral", icon: icons::BLOCK, label: "Off" }
        }
        EndpointStatus::Disabled { .. } => Mark { tone: "caution", icon: icons::BLOCK, label: "Off" },
    }
}

/// The badge of a fact that is true, false or not known.
pub(super) fn fact(is_so: Option<bool>, yes: &'static str, no: &'static str) -> Mark {
    match is_so {
        Some(true) => Mark { tone: "good", icon: icons::CHECK, label: yes },
        Some(false) => Mark { tone: "caution", icon: icons::ALERT, label: no },
        None => Mark { tone: "neutral", icon: icons::QUESTION, label: "Not known yet" },
    }
}
