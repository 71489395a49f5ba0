//! What a line of a terminal says beside the catalogue's sentences ([`server::messages`]): countdowns,
//! whose move it is, and a decision put together from its reason and its time.

use domain::health::{HealthReport, Move};
use domain::registration::Decision;
use jiff::{SignedDuration, Timestamp};
use server::messages;

/// Whose move it is, seen by whoever runs the installation.
pub(super) const fn whose(whose: Move) -> &'static str {
    match whose {
        Move::Owner => "owner",
        Move::Operator => "operator",
        Move::Meta => "Meta",
        Move::Nobody => "–",
    }
}

/// What leads a report.
pub(super) fn standing(report: &HealthReport) -> String {
    report.leading().map_or_else(|| "All well".to_owned(), |finding| messages::finding(&finding.code).title)
}

/// The next thing that happens by itself, and when.
pub(super) fn next(report: &HealthReport, decision: &Decision, now: Timestamp) -> String {
    if let Decision::Wait { register_at: Some(at), .. } = decision {
        return format!("registers {}", until(*at, now));
    }
    let step = report.findings.iter().filter_map(|finding| finding.next_step_at).filter(|at| *at > now).min();
    format!("look {}", until(step.or(decision.look_at()).unwrap_or(report.next_look), now))
}

/// What would be done now, or why not and when.
pub(super) fn decision(decision: &Decision, now: Timestamp) -> String {
    let why = messages::why(&decision.why());
    let reason = format!("{}. {}", why.title, why.text);
    let look = |at: Timestamp| format!("The number is read again {}.", until(at, now));
    match decision {
        Decision::Wait { register_at: Some(at), .. } => {
            format!("{reason} It is registered by itself {}, sooner if something changes.", until(*at, now))
        }
        Decision::Ask { remedy, look_at, .. } => format!("{reason} {} {}", messages::remedy(*remedy), look(*look_at)),
        Decision::Wait { look_at, .. } | Decision::Stop { look_at, .. } => format!("{reason} {}", look(*look_at)),
        Decision::Register { .. } | Decision::Deregister { .. } | Decision::Settle { .. } | Decision::Done { .. } => {
            reason
        }
    }
}

/// How far away an instant is: `in 42 s`, `in 3 h 20 min`, `now`.
pub(super) fn until(at: Timestamp, now: Timestamp) -> String {
    let left = at.duration_since(now);
    if left < SignedDuration::from_secs(1) { "now".to_owned() } else { format!("in {}", span(left)) }
}

/// How long ago an instant is.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    let past = now.duration_since(at);
    if past < SignedDuration::from_secs(1) { "just now".to_owned() } else { format!("{} ago", span(past)) }
}

/// A length of time for a countdown: the smaller unit only where it matters.
pub(super) fn span(length: SignedDuration) -> String {
    let seconds = length.as_secs();
    let two = |large: i64, unit: &str, small: i64, sub: &str| {
        if small == 0 || large >= 10 { format!("{large} {unit}") } else { format!("{large} {unit} {small} {sub}") }
    };
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}
