//! Changes of a number's facts: the evidence that justifies another register call, and how it is recorded.
//!
//! Must not decide whether a call is made.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::meta::failure::FailureKind;
use crate::meta::reading::{CodeVerification, EntityType, NameStatus, NumberReading};
use crate::time::shift;

/// A fact that changed, kept with its date and at most once per change. Most kinds are evidence for another call.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::IntoStaticStr,
    strum::EnumString,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ChangeKind {
    /// The display name became good: by status, by certificate, or by an APPROVED name webhook.
    NameGood,
    /// The display name was declined.
    NameDeclined,
    /// Two-step verification was turned off (`PIN_REQUEST_SUCCESS`, or read as off after on).
    TwoStepOff,
    /// The two-step PIN was changed (`PIN_CHANGED`), by this installation or by somebody else.
    PinChanged,
    /// The number's ownership was newly verified by code.
    CodeVerified,
    /// A person entered the number's PIN.
    PinEntered,
    /// A new access token was stored.
    NewToken,
    /// A read works again after a dead token or lost access.
    AccessRestored,
    /// An account event: shared again, reinstated, installed.
    AccountEvent,
    /// Meta approved the account.
    AccountApproved,
    /// `health_status` no longer lists a lock.
    Unlocked,
    /// The number is read as being in the WhatsApp Business app, and was not before.
    AppLinked,
    /// Coexistence ended (`PARTNER_REMOVED` for the number).
    CoexistenceEnded,
    /// The owner decided to register the number here, which takes it out of the WhatsApp Business app.
    AppLeft,
    /// Any field of the number changed between two readings, callbacks excepted.
    AnyField,
}

/// How a change became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Source {
    /// Meta sent a webhook.
    Webhook,
    /// A reading differs from the one before.
    Reading,
    /// A person did it in this installation.
    Person,
}

/// The time at which a change became known, and by which source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// The webhook's own time, or the reading's.
    pub at: Timestamp,
    pub source: Source,
}

/// The newest change of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes(pub BTreeMap<ChangeKind, Dated>);

impl Changes {
    /// The newest change of a kind.
    pub fn get(&self, kind: ChangeKind) -> Option<Dated> {
        self.0.get(&kind).copied()
    }

    /// Whether a change of this kind is newer than `since`.
    pub fn is_newer(&self, kind: ChangeKind, since: Timestamp) -> bool {
        self.get(kind).is_some_and(|change| change.at > since)
    }

    /// Whether the name was found good and nothing newer says that it was declined.
    pub fn name_is_good(&self) -> bool {
        self.get(ChangeKind::NameGood)
            .is_some_and(|good| self.get(ChangeKind::NameDeclined).is_none_or(|declined| declined.at < good.at))
    }
}

/// Meta's code for a locked account, on a call and in `health_status`.
const ACCOUNT_LOCKED: i64 = 131_031;

/// The changes that a reading proves beside the one before it. `before` is `None` for a first reading: a name that is good
/// then counts as a change, once.
pub fn changes_between(before: Option<&NumberReading>, after: &NumberReading) -> Vec<ChangeKind> {
    let mut kinds = Vec::new();
    let declined = |r: &NumberReading| r.name_status == Some(NameStatus::Declined);
    if after.name_is_good() && !before.is_some_and(NumberReading::name_is_good) {
        kinds.push(ChangeKind::NameGood);
    }
    if declined(after) && !before.is_some_and(declined) {
        kinds.push(ChangeKind::NameDeclined);
    }
    if after.reads_as_coexistence() && !before.is_some_and(NumberReading::reads_as_coexistence) {
        kinds.push(ChangeKind::AppLinked);
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
            kinds.push(ChangeKind::AnyField);
        }
    }
    kinds
}

/// Records changes and returns those that are new: a newer one replaces the one on record, a repeated or older one is
/// dropped.
///
/// A change that a webhook reported is not dated anew by the reading that follows it: `NameGood` on record, with no decline
/// since, stays as it is.
pub fn note_changes(changes: &mut Changes, kinds: &[ChangeKind], at: Timestamp, source: Source) -> Vec<ChangeKind> {
    let mut noted = Vec::new();
    for kind in kinds {
        let known_good = *kind == ChangeKind::NameGood && changes.name_is_good();
        let is_repeat = match changes.get(*kind) {
            _ if known_good => true,
            Some(old) if old.source == source => at <= old.at,
            // the same change, reported by the other source
            Some(old) => *kind != ChangeKind::AnyField && at <= shift(old.at, SAME_CHANGE),
            None => false,
        };
        if !is_repeat {
            changes.0.insert(*kind, Dated { at, source });
            noted.push(*kind);
        }
    }
    noted
}

/// A webhook and a reading within this time report the same change.
const SAME_CHANGE: SignedDuration = SignedDuration::from_mins(30);

/// Whether a read that works proves restored access: the one before it failed with a dead token or lost access.
pub fn proves_access(last_failure: Option<FailureKind>) -> bool {
    matches!(last_failure, Some(FailureKind::TokenDead | FailureKind::AccessLost))
}

fn differs(before: &NumberReading, after: &NumberReading) -> bool {
    // a field counts only if it was read both times; callbacks are changed by this installation
    let (mut old, mut new) = (before.clone(), before.merged_with(after));
    old.webhook_configuration = None;
    new.webhook_configuration = None;
    old != new
}
