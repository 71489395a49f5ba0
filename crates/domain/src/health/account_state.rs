//! What webhooks reported about an account and about sending, folded note by note. Webhooks come twice and out of order
//! (facts §3.1): a note older than the one it would replace changes nothing.

use jiff::Timestamp;

use crate::interpretation::Note;
use crate::meta::event::{Disconnection, Restriction};

/// A ban of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ban {
    Scheduled {
        /// `None` where Meta's date could not be read.
        at: Option<Timestamp>,
    },
    Banned,
    /// The account was deleted.
    Deleted,
}

/// A value and the time of the webhook that reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported<T> {
    pub at: Timestamp,
    pub value: T,
}

/// The state of an account as its webhooks reported it last; `None` where they reported nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountState {
    /// The restrictions in force; each webhook carries the whole list, an empty one lifts them.
    pub restrictions: Option<Reported<Vec<Restriction>>>,
    /// The ban, or `None` inside once lifted.
    pub ban: Option<Reported<Option<Ban>>>,
    /// The last policy violation, in Meta's word.
    pub violation: Option<Reported<String>>,
    /// Coexistence: the phone changed device (`true`), or is back.
    pub paused: Option<Reported<bool>>,
    /// Why the last coexistence ended.
    pub disconnected: Option<Reported<Disconnection>>,
    /// Why Meta declined a display name; `None` inside after an approval, or where Meta gave no reason.
    pub name_rejection: Option<Reported<Option<String>>>,
    /// The account was unshared (`true`), or shared again.
    pub unshared: Option<Reported<bool>>,
    /// Meta warned that the portfolio may be compromised.
    pub compromised: Option<Reported<()>>,
}

impl AccountState {
    /// Applies a note; one that is not about the account, or is older than the one it would replace, changes nothing.
    pub fn apply(&mut self, note: &Note, at: Timestamp) {
        match note {
            Note::Restrictions(list) => set_newer(&mut self.restrictions, list.clone(), at),
            Note::BanScheduled { on } => set_newer(&mut self.ban, Some(Ban::Scheduled { at: *on }), at),
            Note::Banned => set_newer(&mut self.ban, Some(Ban::Banned), at),
            Note::Deleted => set_newer(&mut self.ban, Some(Ban::Deleted), at),
            Note::Reinstated => set_newer(&mut self.ban, None, at),
            Note::Violation(kind) => set_newer(&mut self.violation, kind.clone(), at),
            Note::Paused => set_newer(&mut self.paused, true, at),
            Note::Resumed => set_newer(&mut self.paused, false, at),
            Note::Disconnected(why) => set_newer(&mut self.disconnected, why.clone(), at),
            Note::NameDecided { rejection_reason } => {
                set_newer(&mut self.name_rejection, rejection_reason.clone(), at);
            }
            Note::Unshared => set_newer(&mut self.unshared, true, at),
            Note::Shared => set_newer(&mut self.unshared, false, at),
            Note::Compromised => set_newer(&mut self.compromised, (), at),
            Note::SendRefused(_) | Note::Sending => {}
        }
    }
}

fn set_newer<T>(slot: &mut Option<Reported<T>>, value: T, at: Timestamp) {
    if slot.as_ref().is_none_or(|known| known.at <= at) {
        *slot = Some(Reported { at, value });
    }
}

/// A code with which Meta refused sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedSend {
    pub code: i64,
    /// The time of the newest refusal.
    pub at: Timestamp,
}

/// What is known of the messages a number sends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendingFacts {
    /// Refusals, the newest of each code.
    pub refused: Vec<RefusedSend>,
    /// When a message was last seen to go out (`sent`, `delivered` or `read`).
    pub proved_at: Option<Timestamp>,
}

impl SendingFacts {
    /// Applies a note; one that is not about sending, or is older than what is known, changes nothing.
    pub fn apply(&mut self, note: &Note, at: Timestamp) {
        match note {
            Note::SendRefused(code) => match self.refused.iter_mut().find(|refused| refused.code == *code) {
                Some(refused) => refused.at = refused.at.max(at),
                None => self.refused.push(RefusedSend { code: *code, at }),
            },
            Note::Sending => self.proved_at = self.proved_at.max(Some(at)),
            Note::Restrictions(_)
            | Note::BanScheduled { .. }
            | Note::Banned
            | Note::Deleted
            | Note::Reinstated
            | Note::Violation(_)
            | Note::Paused
            | Note::Resumed
            | Note::Disconnected(_)
            | Note::NameDecided { .. }
            | Note::Unshared
            | Note::Shared
            | Note::Compromised => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    #[test]
    fn an_older_note_changes_nothing() {
        let mut state = AccountState::default();
        state.apply(&Note::Reinstated, at(10));
        state.apply(&Note::Banned, at(5));
        assert_eq!(state.ban.unwrap().value, None);
    }

    #[test]
    fn the_newest_refusal_of_each_code_is_kept() {
        let mut sending = SendingFacts::default();
        for (code, second) in [(131_042, 5), (133_010, 6), (131_042, 3), (131_042, 9)] {
            sending.apply(&Note::SendRefused(code), at(second));
        }
        assert_eq!(sending.refused.len(), 2);
        assert_eq!(sending.refused[0], RefusedSend { code: 131_042, at: at(9) });
    }
}
