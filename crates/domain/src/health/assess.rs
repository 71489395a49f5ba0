//! From facts to judgement.
use jiff::Timestamp;

use super::{HealthContext, HealthReport, HealthSnapshot, Level, Move, Watched};

/// Judges a number.
pub fn assess(
    _snapshot: &HealthSnapshot,
    _context: &HealthContext,
    now: Timestamp,
) -> HealthReport {
    HealthReport {
        at: now,
        level: Level::Unknown,
        whose: Move::Nobody,
        since: now,
        waiting_until: None,
        level_until: None,
        findings: Vec::new(),
        next_look: now,
        watched: Watched::default(),
    }
}
