//! What webhooks told about an account and about sending, folded note by note. Webhooks come twice
//! and out of order (facts §3.1): a note older than what it would replace changes nothing.

use jiff::Timestamp;

use crate::interpretation::Note;
use crate::meta::event::Restriction;

/// A ban of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ban {
    /// It will be banned.
    Scheduled {
        /// When, where the date could be read.
        at: Option<Timestamp>,
    },
    /// It is banned.
    Banned,
    /// The account was deleted.
    Deleted,
}

/// A value and when it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<T> {
    /// When.
    pub at: Timestamp,
    /// What.
    pub value: T,
}

/// What account webhooks said last; `None` where they said nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountStanding {
    /// The restrictions in force; each webhook carries the whole list, an empty one lifts them.
    pub restrictions: Option<Told<Vec<Restriction>>>,
    /// The ban, or `None` inside once lifted.
    pub ban: Option<Told<Option<Ban>>>,
    /// The last policy violation.
    pub violation: Option<Told<String>>,
    /// Coexistence: the phone changed device (`true`), or is back.
    pub paused: Option<Told<bool>>,
    /// The account was taken from us (`true`), or shared again.
    pub unshared: Option<Told<bool>>,
    /// Meta warned that the portfolio may be in foreign hands.
    pub compromised: Option<Told<()>>,
}

impl AccountStanding {
    /// Takes a note in; one that is not about the account, or is older, changes nothing.
    pub fn take(&mut self, note: &Note, at: Timestamp) {
        match note {
            Note::Restrictions(list) => tell(&mut self.restrictions, list.clone(), at),
            Note::BanScheduled { on } => tell(&mut self.ban, Some(Ban::Scheduled { at: *on }), at),
            Note::Banned => tell(&mut self.ban, Some(Ban::Banned), at),
            Note::Deleted => tell(&mut self.ban, Some(Ban::Deleted), at),
            Note::Reinstated => tell(&mut self.ban, None, at),
            Note::Violation(kind) => tell(&mut self.violation, kind.clone(), at),
            Note::Paused => tell(&mut self.paused, true, at),
            Note::Resumed => tell(&mut self.paused, false, at),
            Note::Unshared => tell(&mut self.unshared, true, at),
            Note::Shared => tell(&mut self.unshared, false, at),
            Note::Compromised => tell(&mut self.compromised, (), at),
            Note::SendRefused(_) | Note::Sending => {}
        }
    }
}

fn tell<T>(slot: &mut Option<Told<T>>, value: T, at: Timestamp) {
    if slot.as_ref().is_none_or(|told| told.at <= at) {
        *slot = Some(Told { at, value });
    }
}

/// A code Meta refused sends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedSend {
    /// Meta's code.
    pub code: i64,
    /// When last.
    pub at: Timestamp,
}

/// What is known of sending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendingFacts {
    /// Refusals, the newest of each code.
    pub refused: Vec<RefusedSend>,
    /// When a message was last seen to go out (`sent`, `delivered` or `read`).
    pub proved_at: Option<Timestamp>,
    /// When a message was last handed to Meta, where we know: through us, or by analytics.
    pub last_send_at: Option<Timestamp>,
    /// People written to first in the last 24 h, where known.
    pub started_in_24h: Option<i64>,
}

impl SendingFacts {
    /// Takes a note in; one that is not about sending, or is older, changes nothing.
    pub fn take(&mut self, note: &Note, at: Timestamp) {
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
        let mut standing = AccountStanding::default();
        standing.take(&Note::Reinstated, at(10));
        standing.take(&Note::Banned, at(5));
        assert_eq!(standing.ban.unwrap().value, None);
    }

    #[test]
    fn the_newest_refusal_of_each_code_is_kept() {
        let mut sending = SendingFacts::default();
        for (code, second) in [(131_042, 5), (133_010, 6), (131_042, 3), (131_042, 9)] {
            sending.take(&Note::SendRefused(code), at(second));
        }
        assert_eq!(sending.refused.len(), 2);
        assert_eq!(sending.refused[0], RefusedSend { code: 131_042, at: at(9) });
    }
}
