//! Evaluates a case: from the replies and the observed messages to a result. Pure: no clock, no network, no output.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cases::{Case, Handling, Response};
use super::observed::MessageCounts;
use super::send::Reply;

/// Maximum median of the response times (facts §3.1).
const MAX_MEDIAN: Duration = Duration::from_millis(250);

/// Fewer than one of a hundred responses may take longer (facts §3.1).
const SLOW: Duration = Duration::from_secs(1);

/// Result of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseResult {
    Pass,
    Fail,
    /// The receiver's replies do not show it, and nothing else was observed.
    Unknown,
}

/// Result of a case, and the receiver's behaviour in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Evaluation {
    pub(super) result: CaseResult,
    pub(super) behaviour: String,
}

/// Evaluates one case. `observed` counts its messages as the observation hook reported them.
pub(super) fn evaluate(case: &Case, replies: &[Reply], observed: Option<MessageCounts>) -> Evaluation {
    if let Response::NotTested(why) = &case.response {
        return Evaluation { result: CaseResult::Unknown, behaviour: (*why).to_owned() };
    }
    let is_as_expected =
        replies.iter().all(|reply| is_expected(&case.response, reply)) && is_in_time(&case.response, replies);
    let handling = match (case.handling, observed) {
        (Handling::Any, _) | (Handling::Never, None) => CaseResult::Pass,
        (Handling::Once, None) => CaseResult::Unknown,
        (Handling::Once, Some(counts)) => pass_if(counts.once == counts.total),
        (Handling::Never, Some(counts)) => pass_if(counts.once + counts.repeated == 0),
    };
    let result = if is_as_expected { handling } else { CaseResult::Fail };
    Evaluation { result, behaviour: behaviour(&case.response, replies) }
}

const fn pass_if(is_expected: bool) -> CaseResult {
    if is_expected { CaseResult::Pass } else { CaseResult::Fail }
}

fn is_expected(response: &Response, reply: &Reply) -> bool {
    let Reply::Answer { status, body, .. } = reply else { return false };
    match response {
        Response::Challenge(challenge) => *status == 200 && body == challenge,
        Response::NoChallenge(challenge) => !(200..300).contains(status) && !body.contains(challenge.as_str()),
        Response::Accepted | Response::InTime => *status == 200,
        Response::Rejected => (400..500).contains(status),
        Response::MethodRejected => (400..500).contains(status) || *status == 501,
        Response::NotTested(_) => false,
    }
}

fn is_in_time(response: &Response, replies: &[Reply]) -> bool {
    if *response != Response::InTime {
        return true;
    }
    let times = times(replies);
    let late = times.iter().filter(|time| **time > SLOW).count();
    times.get(times.len() / 2).is_some_and(|median| *median <= MAX_MEDIAN) && late * 100 < times.len()
}

/// The response times, shortest first.
fn times(replies: &[Reply]) -> Vec<Duration> {
    let time = |reply: &Reply| match reply {
        Reply::Answer { elapsed, .. } => Some(*elapsed),
        Reply::None(_) => None,
    };
    let mut times: Vec<Duration> = replies.iter().filter_map(time).collect();
    times.sort_unstable();
    times
}

/// Statuses of the replies (`200`, `98 × 200 and 2 × no answer: …`), and the challenge or the times if the case is
/// about them.
fn behaviour(response: &Response, replies: &[Reply]) -> String {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for reply in replies {
        let kind = match reply {
            Reply::Answer { status, .. } => status.to_string(),
            Reply::None(why) => format!("no answer: {why}"),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    let kinds = kinds.into_iter().map(|(kind, count)| if count > 1 { format!("{count} × {kind}") } else { kind });
    let statuses = kinds.collect::<Vec<_>>().join(" and ");
    let more = match (response, replies) {
        (Response::Challenge(challenge), [Reply::Answer { body, .. }]) if body == challenge => ", the challenge",
        (Response::Challenge(challenge), [Reply::Answer { body, .. }]) if body.contains(challenge.as_str()) => {
            ", the challenge and other text"
        }
        (Response::Challenge(_), [Reply::Answer { .. }]) => ", no challenge",
        (Response::NoChallenge(challenge), [Reply::Answer { body, .. }]) if body.contains(challenge.as_str()) => {
            ", the challenge"
        }
        (Response::InTime, _) => return format!("{statuses}, {}", speed(replies)),
        _ => "",
    };
    format!("{statuses}{more}")
}

fn speed(replies: &[Reply]) -> String {
    let times = times(replies);
    let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    format!(
        "{:.1} ms at the median, {:.1} ms at most",
        milliseconds(times.get(times.len() / 2)),
        milliseconds(times.last())
    )
}
