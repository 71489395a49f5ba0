//! From facts to an assessment. Each part examines some facts and adds findings; the level is that of the most urgent one.
//! Which fact is worse than which is written in `severity_order`.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};

use crate::health::assess::assessment::Assessment;
use crate::health::check_interval::next_check;
use crate::health::facts::{HealthContext, HealthSnapshot};
use crate::health::finding::Finding;
use crate::health::level::{Level, Party};
use crate::health::report::HealthReport;
use crate::meta::reading::{NumberReading, WabaReading};
use crate::time::shift;

mod account;
mod assessment;
mod common;
mod connection;
mod entities;
mod number;
mod registration;
mod watched;

/// Assesses a number. Pure and without memory; `context.before` only dates the findings.
pub fn assess(snapshot: &HealthSnapshot, context: &HealthContext, now: Timestamp) -> HealthReport {
    let (unread, unread_waba) = (NumberReading::default(), WabaReading::default());
    let mut assessment = Assessment::new(snapshot, context, now, (&unread, &unread_waba));
    connection::freshness(&mut assessment);
    connection::token(&mut assessment);
    registration::registration(&mut assessment);
    number::number(&mut assessment);
    number::names(&mut assessment);
    account::account(&mut assessment);
    account::reported_state(&mut assessment);
    entities::entities(&mut assessment);
    connection::sends(&mut assessment);
    connection::webhooks(&mut assessment);
    report(assessment)
}

fn report(mut assessment: Assessment<'_>) -> HealthReport {
    let level = level_of(&assessment.findings);
    let before = assessment.context.before.as_ref();
    for finding in &mut assessment.findings {
        let known = before.and_then(|before| before.findings.get(finding.code.into_str()).copied());
        finding.since = finding.since.or(known).or(Some(assessment.now));
    }
    assessment
        .findings
        .sort_by_key(|finding| (Reverse(finding.severity.urgency()), finding.responsible != Party::Owner));
    let since = before.filter(|before| before.level == level).map_or(assessment.now, |before| before.since);
    let leading = assessment.findings.first().filter(|finding| finding.severity != Level::Live);
    let waiting = leading.filter(|_| level == Level::WaitingForMeta);
    HealthReport {
        at: assessment.now,
        level,
        responsible: leading.map_or(Party::Nobody, |finding| finding.responsible),
        since,
        waiting_until: waiting.and_then(|finding| finding.next_step_at),
        watched: watched::watched(&assessment),
        level_until: assessment.until,
        next_check_at: next_check_at(&assessment, level, since),
        findings: assessment.findings,
    }
}

/// After a failed read its own back-off; otherwise the check interval of the level, or sooner where registration needs it.
fn next_check_at(assessment: &Assessment<'_>, level: Level, since: Timestamp) -> Timestamp {
    if let Some(failure) = assessment.snapshot.read_failure {
        let doublings = failure.in_a_row.saturating_sub(1).min(6);
        return shift(failure.at, SignedDuration::from_mins((1_i64 << doublings).min(60)));
    }
    let Some(checked_at) = assessment.snapshot.checked_at else { return assessment.now };
    let by_level = next_check(level, since, checked_at);
    assessment.context.registration.decision.next_check_at().map_or(by_level, |at| at.min(by_level))
}

/// The most urgent severity. A finding that needs a person, or blocks, sets the level even without a fresh reading;
/// anything less does not (policy: "no fresh reading, and no verdict").
fn level_of(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.severity).max_by_key(|level| level.urgency()).unwrap_or(Level::Live)
}
