//! What is known of a number's webhooks: the callbacks at Meta, what was done about them, and when a webhook came last.
//! Nothing is assessed here.

use jiff::{SignedDuration, Timestamp};

use crate::callbacks::Callbacks;

/// The progress of an automatic attempt to restore a wanted state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reconciliation {
    /// No attempt was made yet, or one is in progress.
    #[default]
    InProgress,
    /// It failed, or another party undid it again: a person has to look.
    GivenUp,
}

/// Meta's answer to the last attempt to set an override, where Meta refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRefusal {
    pub code: Option<i64>,
    pub text: String,
}

/// What is known of a number's webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookFacts {
    pub callbacks: Callbacks,
    /// Meta does not accept an override for the number; `None` where it was not refused.
    pub refusal: Option<OverrideRefusal>,
    /// The repair of the subscription and of the override.
    pub repair: Reconciliation,
    /// The repair of the app's own callback. One of another system that was never ours is left to a person.
    pub app_repair: Reconciliation,
    /// When a webhook for this number came last.
    pub last_seen_at: Option<Timestamp>,
    /// The longest gap between webhooks that is usual for this number: see [`usual_gap`].
    pub usual_gap: Option<SignedDuration>,
}

/// Webhooks of a number must have been seen for a whole week before a gap counts as usual: nights and a weekend are in it
/// then.
const MIN_OBSERVED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The usual gap between webhooks, which is the longest so far; `None` while fewer than seven days were observed.
pub fn usual_gap(
    first_seen_at: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
    longest: Option<SignedDuration>,
) -> Option<SignedDuration> {
    let observed_for = last_seen_at?.duration_since(first_seen_at?);
    longest.filter(|_| observed_for >= MIN_OBSERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gap_is_usual_before_a_week_was_observed() {
        let at = |hour: i64| Some(Timestamp::from_second(1_790_000_000 + hour * 3600).unwrap());
        let longest = Some(SignedDuration::from_hours(9));
        assert_eq!(usual_gap(at(0), at(7 * 24 - 1), longest), None);
        assert_eq!(usual_gap(at(0), at(7 * 24), longest), longest);
        assert_eq!(usual_gap(None, at(7 * 24), longest), None);
        assert_eq!(usual_gap(at(0), None, longest), None);
        assert_eq!(usual_gap(at(0), at(7 * 24), None), None);
    }
}
