//! Which facts changed for the better between two readings: the evidence a reading can give.

use jiff::{SignedDuration, Timestamp};

use super::{ChangeKind, Changes, Dated, Source};
use crate::meta::failure::FailureKind;
use crate::meta::reading::{CodeVerification, EntityType, NameStatus, NumberReading};

/// Meta's code for a locked account, on a call and in `health_status`.
const ACCOUNT_LOCKED: i64 = 131_031;

/// What a reading proves beside the one before it. `before` is `None` for a first reading; what is
/// good already then counts as a change, once.
pub fn changes_between(before: Option<&NumberReading>, after: &NumberReading) -> Vec<ChangeKind> {
    let mut kinds = Vec::new();
    let declined = |r: &NumberReading| r.name_status == Some(NameStatus::Declined);
    if after.name_is_good() && !before.is_some_and(NumberReading::name_is_good) {
        kinds.push(ChangeKind::NameGood);
    }
    if declined(after) && !before.is_some_and(declined) {
        kinds.push(ChangeKind::NameBad);
    }
    if let Some(before) = before {
        if before.is_pin_enabled == Some(true) && after.is_pin_enabled == Some(false) {
            kinds.push(ChangeKind::TwoStepOff);
        }
        let unverified = before.code_verification.as_ref().is_some_and(|v| *v != CodeVerification::Verified);
        if unverified && after.code_verification == Some(CodeVerification::Verified) {
            kinds.push(ChangeKind::CodeVerified);
        }
        let locked = |r: &NumberReading| {
            r.has_entity_error(&EntityType::Waba, ACCOUNT_LOCKED)
                || r.has_entity_error(&EntityType::PhoneNumber, ACCOUNT_LOCKED)
                || r.has_entity_error(&EntityType::Business, ACCOUNT_LOCKED)
        };
        if locked(before) && after.health_status.is_some() && !locked(after) {
            kinds.push(ChangeKind::Unlocked);
        }
        if differs(before, after) {
            kinds.push(ChangeKind::Reading);
        }
    }
    kinds
}

/// Writes changes down: newer ones replace older ones, a repeated or older one is none.
///
/// A change that a webhook reported is not dated anew by the reading that follows it: `NameGood` on
/// record, with nothing saying otherwise since, stays as it is.
pub fn note_changes(changes: &mut Changes, kinds: &[ChangeKind], at: Timestamp, source: Source) -> Vec<ChangeKind> {
    let mut noted = Vec::new();
    for kind in kinds {
        let known_good = *kind == ChangeKind::NameGood && changes.name_is_good();
        let is_repeat = match changes.get(*kind) {
            _ if known_good => true,
            Some(old) if old.source == source => at <= old.at,
            // the other way of hearing of the same change
            Some(old) => *kind != ChangeKind::Reading && at <= old.at + SAME_CHANGE,
            None => false,
        };
        if !is_repeat {
            changes.0.insert(*kind, Dated { at, source });
            noted.push(*kind);
        }
    }
    noted
}

/// A webhook and a reading this close speak of the same change.
const SAME_CHANGE: SignedDuration = SignedDuration::from_mins(30);

/// A read that works again after one that failed for want of a token or of access.
pub fn proves_access(last_failure: Option<FailureKind>) -> bool {
    matches!(last_failure, Some(FailureKind::TokenDead | FailureKind::AccessLost))
}

fn differs(before: &NumberReading, after: &NumberReading) -> bool {
    // only what was read both times can be seen to differ; callbacks are ours to change
    let (mut old, mut new) = (before.clone(), before.merged_with(after));
    old.webhook_configuration = None;
    new.webhook_configuration = None;
    old != new
}
