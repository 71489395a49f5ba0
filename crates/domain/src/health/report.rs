//! The report of one assessment: what the page, the API and the store are told.

use jiff::Timestamp;

use crate::health::finding::Finding;
use crate::health::level::{Level, Party};
use crate::health::watched::Watched;

/// An assessment of a number. It is computed when it is needed and never stored, except for the few codes of
/// [`crate::health::LastAssessment`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// The instant it was made for.
    pub at: Timestamp,
    pub level: Level,
    /// Who has to act on the leading finding.
    pub responsible: Party,
    /// Since when the number is on this level, as far as it was seen.
    pub since: Timestamp,
    /// While the level is [`Level::WaitingForMeta`]: until when, where that is known.
    pub waiting_until: Option<Timestamp>,
    /// When time alone may change this assessment; always later than `at`.
    pub level_until: Option<Timestamp>,
    pub findings: Vec<Finding>,
    /// When to read the number again.
    pub next_check_at: Timestamp,
    /// The values that are compared with those of the next assessment.
    pub watched: Watched,
}

impl HealthReport {
    /// The finding that the page's first sentence is about: the most urgent one, unless it is mere information.
    pub fn leading(&self) -> Option<&Finding> {
        self.findings.first().filter(|finding| finding.severity != Level::Live)
    }

    /// The first finding with this code.
    pub fn finding(&self, code: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.code.into_str() == code)
    }

    /// The origin's `reauthorization_required` (E8): a person should look at the number.
    pub fn needs_attention(&self) -> bool {
        !self.level.works() && self.level != Level::Unknown
    }
}
