//! The changes between two assessments that people are notified of: each once per transition, never twice for the same
//! state (policy, "What is announced, once per transition"). Nothing is sent here.
//!
//! "Not known now" is no change and is not kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use strum::VariantArray as _;

use crate::health::arg::Arg;
use crate::health::finding::Finding;
use crate::health::last_assessment::LastAssessment;
use crate::health::level::{Level, Party};
use crate::health::report::HealthReport;
use crate::health::watched::{NameState, TokenStatus, Topic, Watched};

/// One change of a number's health.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr, strum::VariantNames)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum HealthChange {
    /// The number is live for the first time.
    NumberLive,
    /// A finding threatens the number.
    AtRisk { finding: &'static str },
    /// A person has to act on a finding.
    ActionNeeded { finding: &'static str, responsible: Party },
    /// The number is banned, restricted or disabled.
    Blocked { finding: &'static str },
    /// The number works again, or no finding threatens it any more; `from` is the level before.
    Recovered { from: Level },
    /// Meta refused to register the number for a reason not reported before.
    RegistrationRefused {
        /// Kind of failure, code and sub-code.
        reason: String,
        meta_text: String,
    },
    /// Meta accepts no register call until an instant.
    HoldStarted { until: Timestamp },
    /// Meta accepts register calls again.
    HoldEnded,
    /// Meta approved the display name, or the new one.
    NameApproved { name: Option<String> },
    /// Meta declined the display name, or the new one.
    NameDeclined {
        name: Option<String>,
        /// Meta's word for the reason, where its webhook gave one.
        rejection_reason: Option<String>,
    },
    /// The messaging limit changed, in Meta's words.
    LimitChanged { from: String, to: String },
    /// The quality rating changed, in Meta's words.
    QualityChanged { from: String, to: String },
    /// The token expires soon.
    TokenExpiring { expires_at: Timestamp },
    /// The token is dead, or the account is not shared with this installation any more.
    TokenDead,
    /// The token works again, or expires later.
    TokenRenewed,
    /// The installation's app is not subscribed any more.
    SubscriptionLost,
    /// The installation's app is subscribed again.
    SubscriptionRestored,
    /// No webhook came for far longer than usual.
    WebhookSilence { last_seen_at: Timestamp },
}

impl HealthChange {
    /// The arguments a sentence may use, by name.
    pub fn args(&self) -> Vec<(&'static str, Arg)> {
        let code = |code: &str| Arg::Code(code.to_owned());
        match self {
            Self::AtRisk { finding } | Self::Blocked { finding } => vec![("finding", code(finding))],
            Self::ActionNeeded { finding, responsible } => {
                vec![("finding", code(finding)), ("responsible", code(responsible.into_str()))]
            }
            Self::Recovered { from } => vec![("from", code(from.into_str()))],
            Self::RegistrationRefused { reason, meta_text } => {
                vec![("reason", Arg::Text(reason.clone())), ("meta_text", Arg::Text(meta_text.clone()))]
            }
            Self::HoldStarted { until } => vec![("until", Arg::Time(*until))],
            Self::NameApproved { name } => vec![("name", text(name.as_ref()))],
            Self::NameDeclined { name, rejection_reason } => {
                vec![("name", text(name.as_ref())), ("rejection_reason", text(rejection_reason.as_ref()))]
            }
            Self::LimitChanged { from, to } | Self::QualityChanged { from, to } => {
                vec![("from", Arg::Text(from.clone())), ("to", Arg::Text(to.clone()))]
            }
            Self::TokenExpiring { expires_at } => vec![("expires_at", Arg::Time(*expires_at))],
            Self::WebhookSilence { last_seen_at } => vec![("last_seen_at", Arg::Time(*last_seen_at))],
            Self::NumberLive
            | Self::HoldEnded
            | Self::TokenDead
            | Self::TokenRenewed
            | Self::SubscriptionLost
            | Self::SubscriptionRestored => Vec::new(),
        }
    }
}

/// The changes from the last assessment to this report, in the order in which people are notified. Once they are published
/// and [`next_assessment`] is stored, the same report has no changes.
pub fn changes(before: Option<&LastAssessment>, after: &HealthReport) -> Vec<HealthChange> {
    let mut changes: Vec<HealthChange> = Vec::new();
    for topic in Topic::VARIANTS {
        let was = before.and_then(|before| before.topics.get(topic)).map(String::as_str);
        if let Some(is) = topic_code(*topic, &after.watched)
            && was != Some(is.as_str())
            && !(*topic == Topic::Name && is_applied_new_name(before, &is))
        {
            changes.extend(topic_change(*topic, was, &is, after));
        }
    }
    changes.extend(level_changes(before, after));
    changes
}

/// Whether the name became good because an approved new one was applied: its approval was reported already.
fn is_applied_new_name(before: Option<&LastAssessment>, is: &str) -> bool {
    let new_name = before.and_then(|before| before.topics.get(&Topic::NewName));
    is == NameState::Good.into_str() && new_name.is_some_and(|code| code == is)
}

/// What to store of this report, so that each of its changes is published once.
pub fn next_assessment(before: Option<&LastAssessment>, after: &HealthReport) -> LastAssessment {
    let mut topics = before.map(|before| before.topics.clone()).unwrap_or_default();
    for topic in Topic::VARIANTS {
        if let Some(is) = topic_code(*topic, &after.watched) {
            let was = topics.get(topic).map(String::as_str);
            let stored = stored_code(*topic, was, is);
            topics.insert(*topic, stored);
        }
    }
    let is_known = after.level != Level::Unknown;
    let before_level = before.and_then(|before| before.known_level);
    LastAssessment {
        level: after.level,
        known_level: if is_known { Some(after.level) } else { before_level },
        since: after.since,
        was_live: after.level.works() || before.is_some_and(|before| before.was_live),
        topics,
        findings: dated_findings(before, after),
    }
}

/// Findings with their dates. While the level is unknown those from before stay, so that they are no changes when the
/// number is read again.
fn dated_findings(before: Option<&LastAssessment>, after: &HealthReport) -> BTreeMap<String, Timestamp> {
    let mut findings = BTreeMap::new();
    if after.level == Level::Unknown {
        findings.extend(before.map(|before| before.findings.clone()).unwrap_or_default());
    }
    for finding in &after.findings {
        findings.entry(finding.code.into_str().to_owned()).or_insert(finding.since.unwrap_or(after.at));
    }
    findings
}

fn level_changes(before: Option<&LastAssessment>, after: &HealthReport) -> Vec<HealthChange> {
    let was = before.and_then(|before| before.known_level);
    let was_live = before.is_some_and(|before| before.was_live);
    let is_new =
        |finding: &&Finding| before.is_none_or(|before| !before.findings.contains_key(finding.code.into_str()));
    let leading = after.leading().into_iter();
    let mut changes = Vec::new();
    if after.level.works() && !was_live {
        changes.push(HealthChange::NumberLive);
    } else if after.level.works()
        && let Some(from) = was.filter(|was| *was > after.level)
    {
        changes.push(HealthChange::Recovered { from });
    }
    let is_entered = was != Some(after.level);
    match after.level {
        Level::AtRisk if was.is_none_or(|was| was < Level::AtRisk) || !was_live => {
            changes.extend(leading.map(of_finding));
        }
        Level::ActionNeeded | Level::Blocked if is_entered => changes.extend(leading.map(of_finding)),
        // a further finding of the same severity is a change as well
        Level::ActionNeeded | Level::Blocked => {
            let alike = after.findings.iter().filter(|finding| finding.severity == after.level);
            changes.extend(alike.filter(is_new).map(of_finding));
        }
        Level::Live | Level::AtRisk | Level::WaitingForMeta | Level::Unknown => {}
    }
    changes
}

fn of_finding(finding: &Finding) -> HealthChange {
    let code = finding.code.into_str();
    match finding.severity {
        Level::Blocked => HealthChange::Blocked { finding: code },
        Level::ActionNeeded => HealthChange::ActionNeeded { finding: code, responsible: finding.responsible },
        Level::Live | Level::AtRisk | Level::WaitingForMeta | Level::Unknown => HealthChange::AtRisk { finding: code },
    }
}

/// The code of a topic without a refusal, a hold or a silence.
const NONE: &str = "none";
const GOOD: &str = "good";
const DEAD: &str = "dead";
/// Not subscribed, and never was: no loss to report.
const NOT_YET: &str = "not_yet";
const YES: &str = "yes";
const NO: &str = "no";

/// The present value of a topic as a code; `None` when it is not known.
fn topic_code(topic: Topic, watched: &Watched) -> Option<String> {
    let name = |state: Option<NameState>| state.map(|state| state.into_str().to_owned());
    match topic {
        Topic::Refusal => {
            watched.refusal.as_ref().map(|refusal| refusal.as_ref().map_or(NONE.to_owned(), |it| it.code.clone()))
        }
        Topic::Hold => watched.hold.map(|hold| hold.map_or(NONE.to_owned(), |until| until.to_string())),
        Topic::Name => name(watched.name),
        Topic::NewName => name(watched.new_name),
        Topic::Limit => watched.limit.clone(),
        Topic::Quality => watched.quality.clone(),
        Topic::Token => watched.token.map(|token| match token {
            TokenStatus::Good => GOOD.to_owned(),
            TokenStatus::Expiring(at) => at.to_string(),
            TokenStatus::Dead => DEAD.to_owned(),
        }),
        Topic::Subscription => watched.subscribed.map(|is| if is { YES } else { NO }.to_owned()),
        Topic::Silence => watched.silence.map(|since| since.map_or(NONE.to_owned(), |at| at.to_string())),
    }
}

/// The code to store: the present one, except for a subscription that never existed.
fn stored_code(topic: Topic, was: Option<&str>, is: String) -> String {
    let never = topic == Topic::Subscription && is == NO && matches!(was, None | Some(NOT_YET));
    if never { NOT_YET.to_owned() } else { is }
}

/// The change of a topic whose code changed, if people are notified of it.
fn topic_change(topic: Topic, was: Option<&str>, is: &str, after: &HealthReport) -> Option<HealthChange> {
    let watched = &after.watched;
    match topic {
        Topic::Refusal => {
            let refusal = watched.refusal.clone().flatten()?;
            Some(HealthChange::RegistrationRefused { reason: refusal.code, meta_text: refusal.meta_text })
        }
        Topic::Hold => hold_change(was, watched.hold.flatten(), after),
        Topic::Name => name_change(was, watched.name?, watched.name_text.clone(), watched),
        Topic::NewName => name_change(was, watched.new_name?, watched.new_name_text.clone(), watched),
        Topic::Limit => Some(HealthChange::LimitChanged { from: was?.to_owned(), to: is.to_owned() }),
        Topic::Quality => Some(HealthChange::QualityChanged { from: was?.to_owned(), to: is.to_owned() }),
        Topic::Token => match watched.token? {
            TokenStatus::Expiring(expires_at) => Some(HealthChange::TokenExpiring { expires_at }),
            TokenStatus::Dead => Some(HealthChange::TokenDead),
            TokenStatus::Good => was.map(|_| HealthChange::TokenRenewed),
        },
        Topic::Subscription => match (was, is) {
            (Some(YES), NO) => Some(HealthChange::SubscriptionLost),
            (Some(NO), YES) => Some(HealthChange::SubscriptionRestored),
            _ => None,
        },
        Topic::Silence => {
            let last_seen_at = watched.silence.flatten()?;
            Some(HealthChange::WebhookSilence { last_seen_at })
        }
    }
}

/// A hold that only moved is the same hold, unless the one before had ended by then.
fn hold_change(was: Option<&str>, is: Option<Timestamp>, after: &HealthReport) -> Option<HealthChange> {
    let before: Option<Timestamp> = was.and_then(|was| was.parse().ok());
    match (before, is) {
        (None, Some(until)) => Some(HealthChange::HoldStarted { until }),
        (Some(before), Some(until)) if before <= after.at => Some(HealthChange::HoldStarted { until }),
        (Some(_), Some(_)) | (None, None) => None,
        (Some(_), None) => Some(HealthChange::HoldEnded),
    }
}

fn name_change(was: Option<&str>, is: NameState, name: Option<String>, watched: &Watched) -> Option<HealthChange> {
    // the first reading of a name is no decision of Meta's
    was?;
    match is {
        NameState::Good => Some(HealthChange::NameApproved { name }),
        NameState::Declined => {
            Some(HealthChange::NameDeclined { name, rejection_reason: watched.rejection_reason.clone() })
        }
        NameState::None | NameState::Undecided => None,
    }
}

fn text(value: Option<&String>) -> Arg {
    value.cloned().map_or(Arg::Absent, Arg::Text)
}
