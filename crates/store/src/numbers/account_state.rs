//! What only webhooks tell of a number and its account, as JSON columns. Judged in `domain::health`.

use domain::health::{AccountState, Ban, RefusedSend, Reported, SendingFacts};
use domain::meta::event::{Disconnection, Restriction};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A value and when it was told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept<T> {
    at: Timestamp,
    value: T,
}

/// A restriction and when it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptRestriction {
    kind: String,
    until: Option<Timestamp>,
}

/// Why coexistence ended, in Meta's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KeptDisconnection {
    reason: Option<String>,
    initiated_by: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
enum KeptBan {
    Scheduled { at: Option<Timestamp> },
    Banned,
    Deleted,
}

/// [`AccountState`] as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredAccountState {
    restrictions: Option<Kept<Vec<KeptRestriction>>>,
    ban: Option<Kept<Option<KeptBan>>>,
    violation: Option<Kept<String>>,
    paused: Option<Kept<bool>>,
    disconnected: Option<Kept<KeptDisconnection>>,
    name_rejection: Option<Kept<Option<String>>>,
    unshared: Option<Kept<bool>>,
    compromised: Option<Kept<()>>,
}

/// [`SendingFacts`] as they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredSending {
    refused: Vec<(i64, Timestamp)>,
    proved_at: Option<Timestamp>,
}

fn keep<T, K>(told: Option<&Reported<T>>, as_kept: impl Fn(&T) -> K) -> Option<Kept<K>> {
    told.map(|told| Kept { at: told.at, value: as_kept(&told.value) })
}

fn tell<K, T>(kept: Option<&Kept<K>>, as_told: impl Fn(&K) -> T) -> Option<Reported<T>> {
    kept.map(|kept| Reported { at: kept.at, value: as_told(&kept.value) })
}

impl From<&AccountState> for StoredAccountState {
    fn from(standing: &AccountState) -> Self {
        let kept = |r: &Restriction| KeptRestriction { kind: r.kind.clone(), until: r.until };
        let ban = |ban: &Ban| match ban {
            Ban::Scheduled { at } => KeptBan::Scheduled { at: *at },
            Ban::Banned => KeptBan::Banned,
            Ban::Deleted => KeptBan::Deleted,
        };
        Self {
            restrictions: keep(standing.restrictions.as_ref(), |list| list.iter().map(kept).collect()),
            ban: keep(standing.ban.as_ref(), |inner| inner.as_ref().map(ban)),
            violation: keep(standing.violation.as_ref(), Clone::clone),
            paused: keep(standing.paused.as_ref(), |flag| *flag),
            disconnected: keep(standing.disconnected.as_ref(), |why| KeptDisconnection {
                reason: why.reason.clone(),
                initiated_by: why.initiated_by.clone(),
            }),
            name_rejection: keep(standing.name_rejection.as_ref(), Clone::clone),
            unshared: keep(standing.unshared.as_ref(), |flag| *flag),
            compromised: keep(standing.compromised.as_ref(), |()| ()),
        }
    }
}

impl From<&StoredAccountState> for AccountState {
    fn from(kept: &StoredAccountState) -> Self {
        let told = |r: &KeptRestriction| Restriction { kind: r.kind.clone(), until: r.until };
        let ban = |ban: &KeptBan| match ban {
            KeptBan::Scheduled { at } => Ban::Scheduled { at: *at },
            KeptBan::Banned => Ban::Banned,
            KeptBan::Deleted => Ban::Deleted,
        };
        Self {
            restrictions: tell(kept.restrictions.as_ref(), |list| list.iter().map(told).collect()),
            ban: tell(kept.ban.as_ref(), |inner| inner.as_ref().map(ban)),
            violation: tell(kept.violation.as_ref(), Clone::clone),
            paused: tell(kept.paused.as_ref(), |flag| *flag),
            disconnected: tell(kept.disconnected.as_ref(), |why| Disconnection {
                reason: why.reason.clone(),
                initiated_by: why.initiated_by.clone(),
            }),
            name_rejection: tell(kept.name_rejection.as_ref(), Clone::clone),
            unshared: tell(kept.unshared.as_ref(), |flag| *flag),
            compromised: tell(kept.compromised.as_ref(), |()| ()),
        }
    }
}

impl From<&SendingFacts> for StoredSending {
    fn from(facts: &SendingFacts) -> Self {
        Self {
            refused: facts.refused.iter().map(|refused| (refused.code, refused.at)).collect(),
            proved_at: facts.proved_at,
        }
    }
}

impl From<&StoredSending> for SendingFacts {
    fn from(kept: &StoredSending) -> Self {
        Self {
            refused: kept.refused.iter().map(|(code, at)| RefusedSend { code: *code, at: *at }).collect(),
            proved_at: kept.proved_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_comes_back_from_its_json() {
        let at = Timestamp::UNIX_EPOCH;
        let standing = AccountState {
            ban: Some(Reported { at, value: Some(Ban::Scheduled { at: Some(at) }) }),
            restrictions: Some(Reported { at, value: vec![Restriction { kind: "R".into(), until: None }] }),
            paused: Some(Reported { at, value: true }),
            disconnected: Some(Reported { at, value: Disconnection { reason: Some("R".into()), initiated_by: None } }),
            name_rejection: Some(Reported { at, value: Some("NAME_EMPLOYEE_COUNT".into()) }),
            ..AccountState::default()
        };
        let json = serde_json::to_string(&StoredAccountState::from(&standing)).unwrap();
        assert_eq!(AccountState::from(&serde_json::from_str::<StoredAccountState>(&json).unwrap()), standing);
    }
}
