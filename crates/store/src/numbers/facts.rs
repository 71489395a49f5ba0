//! What was learnt of a number beside its readings, kept as one JSON document. Unknown members of
//! another version are dropped; missing ones read as "not learnt".

use domain::health::{AccountState, SendingFacts};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::account_state::{StoredAccountState, StoredSending};

/// What was learnt of a number.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NumberFacts {
    /// The last `last_onboarded_time` that was read.
    pub last_onboarded_time: Option<Timestamp>,
    /// It was once known registered: a provisioned reading, DISCONNECTED, or 133010.
    pub was_registered: bool,
    /// When it was last read as provisioned.
    pub provisioned_at: Option<Timestamp>,
    /// When it was last read as not provisioned; a reading that lacks a field says neither.
    pub not_provisioned_at: Option<Timestamp>,
    /// When it was first seen to have dropped out since it was last well.
    pub dropped_seen_at: Option<Timestamp>,
    /// Readings of `NOT_APPLICABLE` in a row on a coexistence number.
    pub coexistence_misses: u32,
    /// Reads in a row that failed or lacked a needed field.
    pub failed_reads: u32,
    /// When it was imported from elsewhere.
    pub imported_at: Option<Timestamp>,
    /// When a new display name was first read as approved.
    pub new_name_approved_at: Option<Timestamp>,
    /// What account webhooks said.
    pub account: StoredAccountState,
    /// What is known of sending.
    pub sending: StoredSending,
}

impl NumberFacts {
    /// What account webhooks said, to be judged.
    pub fn account_standing(&self) -> AccountState {
        AccountState::from(&self.account)
    }

    /// What is known of sending, to be judged.
    pub fn sending(&self) -> SendingFacts {
        SendingFacts::from(&self.sending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_an_older_and_of_a_newer_version_are_read() {
        let facts: NumberFacts = serde_json::from_str(r#"{"was_registered":true,"of_tomorrow":1}"#).unwrap();
        assert!(facts.was_registered);
        assert_eq!(facts.failed_reads, 0);
    }
}
