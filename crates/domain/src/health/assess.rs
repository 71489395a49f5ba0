//! From facts to judgement. Each part looks at some facts and adds findings; the level is that of
//! the worst one. Every comparison with the clock goes through [`Judge::reached`], so that the report
//! knows when time alone changes it. Which fact is worse than which is written in `worse`.

use jiff::{SignedDuration, Timestamp};

use super::schedule::later;
use super::{
    DeepLink, Finding, FindingCode, HealthContext, HealthReport, HealthSnapshot, Level, LinkTarget, Move, STALE_AFTER,
    next_check,
};
use crate::meta::reading::{NumberReading, Provisioned, WabaReading};

mod account;
mod connection;
mod entities;
mod number;
mod registration;
mod watched;

/// Judges a number. Pure and without memory; `context.before` only dates what is found.
pub fn assess(snapshot: &HealthSnapshot, context: &HealthContext, now: Timestamp) -> HealthReport {
    let (unread, unread_waba) = (NumberReading::default(), WabaReading::default());
    let is_fresh = |at: Option<Timestamp>| at.is_some_and(|at| now < later(at, STALE_AFTER));
    let is_read = is_fresh(snapshot.checked_at);
    let reading = if is_read { &snapshot.reading } else { &unread };
    let waba = if is_fresh(snapshot.waba_checked_at) { &snapshot.waba } else { &unread_waba };
    let mut judge = Judge { snapshot, context, now, is_read, reading, waba, findings: Vec::new(), until: None };
    judge.freshness();
    judge.token();
    judge.registration();
    judge.number();
    judge.names();
    judge.account();
    judge.standing();
    judge.entities();
    judge.sends();
    judge.webhooks();
    judge.report()
}

/// A judgement in the making.
struct Judge<'a> {
    snapshot: &'a HealthSnapshot,
    context: &'a HealthContext,
    now: Timestamp,
    /// The number was read, and not too long ago.
    is_read: bool,
    /// The number's reading; empty once it is stale, so that nothing is judged by it.
    reading: &'a NumberReading,
    /// The account's reading; empty once it is stale.
    waba: &'a WabaReading,
    findings: Vec<Finding>,
    until: Option<Timestamp>,
}

impl Judge<'_> {
    /// Whether an instant has come. If not, the judgement holds until then at the most.
    fn reached(&mut self, at: Timestamp) -> bool {
        if at <= self.now {
            return true;
        }
        self.until = Some(self.until.map_or(at, |until| until.min(at)));
        false
    }

    /// Whether a span after an instant is over.
    fn is_over(&mut self, from: Timestamp, span: SignedDuration) -> bool {
        self.reached(later(from, span))
    }

    /// Adds a finding. One with the same code and arguments' word is there once, with the worse
    /// severity; restrictions differ in their arguments and stay apart.
    fn add(&mut self, finding: Finding) {
        let is_same = |other: &Finding| {
            let alike = other.code.as_str() == finding.code.as_str();
            alike && (!has_many(&other.code) || other.code == finding.code)
        };
        match self.findings.iter_mut().find(|other| is_same(other)) {
            Some(other) if finding.severity.urgency() > other.severity.urgency() => {
                *other = finding;
            }
            Some(_) => {}
            None => self.findings.push(finding),
        }
    }

    fn link(&self, target: LinkTarget) -> DeepLink {
        self.context.link(self.snapshot, target)
    }

    /// Read and fresh, and on no platform.
    fn is_pending(&self) -> bool {
        self.reading.provisioned() == Provisioned::No
    }

    fn is_provisioned(&self) -> bool {
        self.reading.provisioned() == Provisioned::Yes
    }

    fn report(mut self) -> HealthReport {
        let level = level_of(&self.findings);
        let before = self.context.before.as_ref();
        for finding in &mut self.findings {
            let known = before.and_then(|before| before.findings.get(finding.code.as_str()).copied());
            finding.since = finding.since.or(known).or(Some(self.now));
        }
        self.findings
            .sort_by_key(|finding| (std::cmp::Reverse(finding.severity.urgency()), finding.whose != Move::Owner));
        let since = before.filter(|before| before.level == level).map_or(self.now, |before| before.since);
        let leading = self.findings.first().filter(|finding| finding.severity != Level::Live);
        let waiting = leading.filter(|_| level == Level::WaitingForMeta);
        HealthReport {
            at: self.now,
            level,
            whose: leading.map_or(Move::Nobody, |finding| finding.whose),
            since,
            waiting_until: waiting.and_then(|finding| finding.next_step_at),
            level_until: self.until,
            next_look: self.next_look(level, since),
            watched: self.watched(),
            findings: self.findings,
        }
    }

    /// After a failed read its own back-off; else the pace of the level, or sooner where registration
    /// wants to look.
    fn next_look(&self, level: Level, since: Timestamp) -> Timestamp {
        if let Some(failure) = self.snapshot.read_failure {
            let doublings = failure.in_a_row.saturating_sub(1).min(6);
            return later(failure.at, SignedDuration::from_mins((1_i64 << doublings).min(60)));
        }
        let Some(checked_at) = self.snapshot.checked_at else { return self.now };
        let by_level = next_check(level, since, checked_at);
        self.context.registration.decision.look_at().map_or(by_level, |at| at.min(by_level))
    }
}

/// Codes that may be found several times, with different arguments.
fn has_many(code: &FindingCode) -> bool {
    matches!(
        code,
        FindingCode::AccountRestricted { .. }
            | FindingCode::MetaReports { .. }
            | FindingCode::SendingBlocked { .. }
            | FindingCode::SendingLimited { .. }
            | FindingCode::SendsRefused { .. }
    )
}

/// The worst of the findings. What needs a person, or blocks, is a verdict even without a fresh
/// reading; anything less is not (policy: "no fresh reading, and no verdict").
fn level_of(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.severity).max_by_key(|level| level.urgency()).unwrap_or(Level::Live)
}
