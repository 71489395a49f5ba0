//! Numbers at Meta. A channel ties a number to an account; what is keyed by `phone_number_id` (PIN, hold,
//! facts, ledger, evidence) outlives the channel.

mod account_state;
pub(crate) mod attempts;
pub(crate) mod changes;
pub mod channels;
mod facts;
mod failure_json;
pub(crate) mod number;
mod reading_json;
pub mod record;
mod repairs_json;
pub mod signups;
pub mod snapshots;

pub use account_state::{StoredAccountState, StoredSending};
pub use attempts::{RecordedAttempt, assume_attempt, open_attempt, settle_attempt, unsettled};
#[cfg(feature = "testing")]
pub use attempts::{attempt, attempts};
pub use changes::{changes, note_changes, store_changes};
pub use facts::NumberFacts;
pub use failure_json::{failure_from_json, failure_to_json};
pub use number::{facts, facts_for_update, lock, pin, save, set_hold, set_pin};
pub use record::NumberRow;
pub use repairs_json::{repairs_from_json, repairs_to_json};

/// A JSON list of texts, for statements that take many ids.
pub(crate) fn json_list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    serde_json::Value::from_iter(texts).to_string()
}
