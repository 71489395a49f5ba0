//! From answers and counts to a verdict. Pure: no clock, no network, no output.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cases::{Case, Handled, Wants};
use super::observe::Seen;
use super::send::Reply;

/// What Meta asks for at the median, and from everybody but one of a hundred (facts §3.1).
const MEDIAN: Duration = Duration::from_millis(250);
const SLOWEST: Duration = Duration::from_secs(1);

/// What came of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Fail,
    /// It cannot be told from what was seen.
    Unknown,
}

/// The verdict, and what the receiver did in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) did: String,
}

/// Judges one case; `seen` is what the hook said of its messages.
pub(super) fn judge(case: &Case, replies: &[Reply], seen: Option<Seen>) -> Judged {
    if let Wants::NotAsked(why) = &case.wants {
        return Judged { verdict: Verdict::Unknown, did: (*why).to_owned() };
    }
    let answered = replies.iter().all(|reply| is_right(&case.wants, reply)) && is_in_time(&case.wants, replies);
    let became = match (case.handled, seen) {
        (Handled::AsItLikes, _) | (Handled::Never, None) => Verdict::Pass,
        (Handled::Once, None) => Verdict::Unknown,
        (Handled::Once, Some(seen)) => pass(seen.once == seen.of),
        (Handled::Never, Some(seen)) => pass(seen.once + seen.more == 0),
    };
    Judged { verdict: if answered { became } else { Verdict::Fail }, did: did(&case.wants, replies) }
}

const fn pass(is_right: bool) -> Verdict {
    if is_right { Verdict::Pass } else { Verdict::Fail }
}

fn is_right(wants: &Wants, reply: &Reply) -> bool {
    let Reply::Answer { status, body, .. } = reply else { return false };
    match wants {
        Wants::Challenge(challenge) => *status == 200 && body == challenge,
        Wants::NoChallenge(challenge) => !(200..300).contains(status) && !body.contains(challenge.as_str()),
        Wants::Taken | Wants::InTime => *status == 200,
        Wants::Refused => (400..500).contains(status),
        Wants::NoSuchMethod => (400..500).contains(status) || *status == 501,
        Wants::NotAsked(_) => false,
    }
}

fn is_in_time(wants: &Wants, replies: &[Reply]) -> bool {
    if *wants != Wants::InTime {
        return true;
    }
    let times = times(replies);
    let late = times.iter().filter(|time| **time > SLOWEST).count();
    times.get(times.len() / 2).is_some_and(|median| *median <= MEDIAN) && late * 100 < times.len()
}

fn times(replies: &[Reply]) -> Vec<Duration> {
    let took = |reply: &Reply| match reply {
        Reply::Answer { took, .. } => Some(*took),
        Reply::None(_) => None,
    };
    let mut times: Vec<Duration> = replies.iter().filter_map(took).collect();
    times.sort_unstable();
    times
}

/// `200`, `200 and 405`, `98 × 200 and 2 × no answer`; then what else the case is about.
fn did(wants: &Wants, replies: &[Reply]) -> String {
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
    let more = match (wants, replies) {
        (Wants::Challenge(challenge), [Reply::Answer { body, .. }]) if body == challenge => ", the challenge",
        (Wants::Challenge(challenge), [Reply::Answer { body, .. }]) if body.contains(challenge.as_str()) => {
            ", the challenge and more"
        }
        (Wants::Challenge(_), [Reply::Answer { .. }]) => ", no challenge",
        (Wants::NoChallenge(challenge), [Reply::Answer { body, .. }]) if body.contains(challenge.as_str()) => {
            ", the challenge"
        }
        (Wants::InTime, _) => return format!("{statuses}, {}", speed(replies)),
        _ => "",
    };
    format!("{statuses}{more}")
}

fn speed(replies: &[Reply]) -> String {
    let times = times(replies);
    let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    format!(
        "{:.1} ms at the median, {:.1} ms the slowest",
        milliseconds(times.get(times.len() / 2)),
        milliseconds(times.last())
    )
}
