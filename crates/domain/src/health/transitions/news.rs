//! What a report changes beside what is remembered of the one before. Each topic is one function: the
//! word it was, what it is, what to tell. "Not known now" is no change and is not remembered.

use std::collections::BTreeMap;

use super::{Announcement, NameState, Remembered, TokenNews, Topic, Watched};
use crate::health::{Finding, HealthReport, Level};

/// What is news in `after`, given what is remembered of the report before; in the order to tell it.
/// Told and then remembered ([`remember`]), the same report is no news again.
pub fn transitions(before: Option<&Remembered>, after: &HealthReport) -> Vec<Announcement> {
    let mut news: Vec<Announcement> = Vec::new();
    for topic in Topic::ALL {
        let was = before.and_then(|before| before.words.get(topic)).map(String::as_str);
        if let Some(is) = word(*topic, &after.watched)
            && was != Some(is.as_str())
            && !(*topic == Topic::Name && is_applied(before, &is))
        {
            news.extend(told(*topic, was, &is, after));
        }
    }
    news.extend(level_news(before, after));
    news
}

/// The name became good because an approved new one was applied: its approval was told already.
fn is_applied(before: Option<&Remembered>, is: &str) -> bool {
    let new_name = before.and_then(|before| before.words.get(&Topic::NewName));
    is == NameState::Good.as_str() && new_name.is_some_and(|word| word == is)
}

/// What to remember of `after`, so that it is told once.
pub fn remember(before: Option<&Remembered>, after: &HealthReport) -> Remembered {
    let mut words = before.map(|before| before.words.clone()).unwrap_or_default();
    for topic in Topic::ALL {
        if let Some(is) = word(*topic, &after.watched) {
            let was = words.get(topic).map(String::as_str);
            let kept = kept(*topic, was, is);
            words.insert(*topic, kept);
        }
    }
    let is_known = after.level != Level::Unknown;
    let before_level = before.and_then(|before| before.known_level);
    Remembered {
        level: after.level,
        known_level: if is_known { Some(after.level) } else { before_level },
        since: after.since,
        was_live: after.level.works() || before.is_some_and(|before| before.was_live),
        words,
        findings: findings(before, after),
    }
}

/// Findings with their dates. While nothing fresh is known those from before stay, so that they are
/// no news when the number is read again.
fn findings(before: Option<&Remembered>, after: &HealthReport) -> BTreeMap<String, jiff::Timestamp> {
    let mut findings = BTreeMap::new();
    if after.level == Level::Unknown {
        findings.extend(before.map(|before| before.findings.clone()).unwrap_or_default());
    }
    for finding in &after.findings {
        findings.entry(finding.code.as_str().to_owned()).or_insert(finding.since.unwrap_or(after.at));
    }
    findings
}

fn level_news(before: Option<&Remembered>, after: &HealthReport) -> Vec<Announcement> {
    let was = before.and_then(|before| before.known_level);
    let was_live = before.is_some_and(|before| before.was_live);
    let is_new = |finding: &&Finding| before.is_none_or(|before| !before.findings.contains_key(finding.code.as_str()));
    let leading = after.leading().into_iter().collect::<Vec<_>>();
    let mut news = Vec::new();
    if after.level.works() && !was_live {
        news.push(Announcement::NumberLive);
    } else if after.level.works() && was.is_some_and(|was| was > after.level) {
        news.extend(was.map(|was| Announcement::Recovered { from: was.as_str() }));
    }
    let is_entered = was != Some(after.level);
    match after.level {
        Level::AtRisk if was.is_none_or(|was| was < Level::AtRisk) || !was_live => {
            news.extend(leading.into_iter().map(of_finding));
        }
        Level::ActionNeeded | Level::Blocked if is_entered => {
            news.extend(leading.into_iter().map(of_finding));
        }
        // a further reason of the same weight is news as well
        Level::ActionNeeded | Level::Blocked => {
            let alike = after.findings.iter().filter(|finding| finding.severity == after.level);
            news.extend(alike.filter(is_new).map(of_finding));
        }
        Level::Live | Level::AtRisk | Level::WaitingForMeta | Level::Unknown => {}
    }
    news
}

fn of_finding(finding: &Finding) -> Announcement {
    let code = finding.code.as_str();
    match finding.severity {
        Level::Blocked => Announcement::Blocked { finding: code },
        Level::ActionNeeded => Announcement::ActionNeeded { finding: code, whose: finding.whose.as_str() },
        Level::Live | Level::AtRisk | Level::WaitingForMeta | Level::Unknown => Announcement::AtRisk { finding: code },
    }
}

/// Nothing of the kind: no refusal, no hold, webhooks come.
const NONE: &str = "none";
const GOOD: &str = "good";
const DEAD: &str = "dead";
/// Not subscribed, and never was: no loss to tell of.
const NOT_YET: &str = "not_yet";
const YES: &str = "yes";
const NO: &str = "no";

/// What a topic is now, in a word; `None` when not known.
fn word(topic: Topic, watched: &Watched) -> Option<String> {
    let name = |state: Option<NameState>| state.map(|state| state.as_str().to_owned());
    match topic {
        Topic::Refusal => {
            watched.refusal.as_ref().map(|r| r.as_ref().map_or(NONE.to_owned(), |(reason, _)| reason.clone()))
        }
        Topic::Hold => watched.hold.map(|hold| hold.map_or(NONE.to_owned(), |until| until.to_string())),
        Topic::Name => name(watched.name),
        Topic::NewName => name(watched.new_name),
        Topic::Limit => watched.limit.clone(),
        Topic::Quality => watched.quality.clone(),
        Topic::Token => watched.token.map(|token| match token {
            TokenNews::Good => GOOD.to_owned(),
            TokenNews::Expiring(at) => at.to_string(),
            TokenNews::Dead => DEAD.to_owned(),
        }),
        Topic::Subscription => watched.subscribed.map(|is| if is { YES } else { NO }.to_owned()),
        Topic::Silence => watched.silence.map(|since| since.map_or(NONE.to_owned(), |at| at.to_string())),
    }
}

/// The word to keep: the one that is, but for a subscription that never was there.
fn kept(topic: Topic, was: Option<&str>, is: String) -> String {
    let never = topic == Topic::Subscription && is == NO && matches!(was, None | Some(NOT_YET));
    if never { NOT_YET.to_owned() } else { is }
}

/// What to tell of a topic whose word changed.
fn told(topic: Topic, was: Option<&str>, is: &str, after: &HealthReport) -> Option<Announcement> {
    let watched = &after.watched;
    match topic {
        Topic::Refusal => {
            let (reason, text) = watched.refusal.clone().flatten()?;
            Some(Announcement::RegistrationRefused { reason, meta_text: Some(text) })
        }
        Topic::Hold => hold_news(was, watched.hold.flatten(), after),
        Topic::Name => name_news(was, watched.name?, watched.name_text.clone()),
        Topic::NewName => name_news(was, watched.new_name?, watched.new_name_text.clone()),
        Topic::Limit => Some(Announcement::LimitChanged { from: was?.to_owned(), to: is.to_owned() }),
        Topic::Quality => Some(Announcement::QualityChanged { from: was?.to_owned(), to: is.to_owned() }),
        Topic::Token => match watched.token? {
            TokenNews::Expiring(expires_at) => Some(Announcement::TokenExpiring { expires_at }),
            TokenNews::Dead => Some(Announcement::TokenDead),
            TokenNews::Good => was.map(|_| Announcement::TokenRenewed),
        },
        Topic::Subscription => match (was, is) {
            (Some(YES), NO) => Some(Announcement::SubscriptionLost),
            (Some(NO), YES) => Some(Announcement::SubscriptionHealed),
            _ => None,
        },
        Topic::Silence => {
            let last_heard_at = watched.silence.flatten()?;
            Some(Announcement::Silence { last_heard_at })
        }
    }
}

/// A hold that only moved is the same hold, unless the one before was over by then.
fn hold_news(was: Option<&str>, is: Option<jiff::Timestamp>, after: &HealthReport) -> Option<Announcement> {
    let before: Option<jiff::Timestamp> = was.and_then(|was| was.parse().ok());
    match (before, is) {
        (None, Some(until)) => Some(Announcement::HoldBegan { until }),
        (Some(before), Some(until)) if before <= after.at => Some(Announcement::HoldBegan { until }),
        (Some(_), Some(_)) | (None, None) => None,
        (Some(_), None) => Some(Announcement::HoldEnded),
    }
}

fn name_news(was: Option<&str>, is: NameState, name: Option<String>) -> Option<Announcement> {
    // a first sight decides nothing
    was?;
    match is {
        NameState::Good => Some(Announcement::NameApproved { name }),
        NameState::Declined => Some(Announcement::NameDeclined { name }),
        NameState::None | NameState::Open => None,
    }
}
