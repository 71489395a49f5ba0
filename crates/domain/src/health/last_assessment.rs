//! What is stored of an assessment so that the next one knows what changed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::health::level::Level;
use crate::health::watched::Topic;

/// The last assessment of a number, reduced to a level, a code per topic and the dates of findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAssessment {
    pub level: Level,
    /// The last level that was not [`Level::Unknown`].
    pub known_level: Option<Level>,
    /// Since when the number is on `level`.
    pub since: Timestamp,
    /// The number was live at some time.
    pub was_live: bool,
    /// The last known value of each topic, as a code.
    pub topics: BTreeMap<Topic, String>,
    /// Since when each finding holds, by its code.
    pub findings: BTreeMap<String, Timestamp>,
}
