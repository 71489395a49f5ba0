//! Sentences about a number for a terminal, with times as durations. The messages by code are the catalogue's
//! ([`server::messages`]), shared with pages and API.

use domain::health::{HealthReport, Party};
use domain::registration::Decision;
use jiff::Timestamp;
use server::messages;

use crate::cli::durations::until;

/// Who has to act next, as the operator of the installation sees it.
pub(in crate::cli) const fn whose(whose: Party) -> &'static str {
    match whose {
        Party::Owner => "owner",
        Party::Operator => "operator",
        Party::Meta => "Meta",
        Party::Nobody => "–",
    }
}

/// Title of the report's leading finding.
pub(in crate::cli) fn summary(report: &HealthReport) -> String {
    report.leading().map_or_else(|| "All well".to_owned(), |finding| messages::finding(&finding.code).title)
}

/// The next automatic step and its time: `registration in 42 s`, `check in 59 min`.
pub(super) fn next_step(report: &HealthReport, decision: &Decision, now: Timestamp) -> String {
    if let Decision::Wait { register_at: Some(at), .. } = decision {
        return format!("registration {}", until(*at, now));
    }
    let step = report.findings.iter().filter_map(|finding| finding.next_step_at).filter(|at| *at > now).min();
    format!("check {}", until(step.or(decision.next_check_at()).unwrap_or(report.next_check_at), now))
}

/// What Linekeeper would do with the number now, or why it waits and until when.
pub(super) fn decision(decision: &Decision, now: Timestamp) -> String {
    let why = messages::why(&decision.reason());
    let reason = format!("{}. {}", why.title, why.text);
    let next_check = |at: Timestamp| format!("Next check {}.", until(at, now));
    match decision {
        Decision::Wait { register_at: Some(at), .. } => {
            format!("{reason} Next registration attempt {}, or earlier if something changes.", until(*at, now))
        }
        Decision::Ask { remedy, next_check_at, .. } => {
            format!("{reason} {} {}", messages::remedy(*remedy), next_check(*next_check_at))
        }
        Decision::Wait { next_check_at, .. } | Decision::Stop { next_check_at, .. } => {
            format!("{reason} {}", next_check(*next_check_at))
        }
        Decision::Register { .. } | Decision::Deregister { .. } | Decision::Settle { .. } | Decision::Done { .. } => {
            reason
        }
    }
}
