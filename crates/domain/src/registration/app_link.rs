//! How a number is linked with the WhatsApp Business app (coexistence), from what is on record. Must not decide.

use jiff::Timestamp;

use crate::channel::Onboarding;
use crate::registration::changes::ChangeKind;
use crate::registration::history::History;

/// The link of a number with the WhatsApp Business app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppLink {
    /// The number was never in the app, or its owner registered it here and so left the app.
    #[default]
    None,
    /// The number is in the app and on the Cloud API.
    Linked,
    /// Meta reported that the link ended (`PARTNER_REMOVED`), and nothing shows that it was made again.
    Disconnected { at: Timestamp },
}

impl History {
    /// The link on record. The latest of three events wins: onboarding or a reading that shows the link, Meta's report of
    /// its end, and the owner's decision to leave the app. The report that follows that decision changes nothing.
    pub fn app_link(&self) -> AppLink {
        let at = |kind| self.changes.get(kind).map(|change| change.at);
        let onboarded = (self.onboarding == Onboarding::Coexistence).then(|| self.onboarded_at());
        let linked = at(ChangeKind::AppLinked).max(onboarded);
        if at(ChangeKind::AppLeft).is_some_and(|left| Some(left) > linked) {
            return AppLink::None;
        }
        match at(ChangeKind::CoexistenceEnded) {
            // the report may be of the whole account: it concerns only the numbers that were in the app
            Some(ended) if linked.is_some_and(|linked| ended > linked) => AppLink::Disconnected { at: ended },
            _ if linked.is_some() => AppLink::Linked,
            _ => AppLink::None,
        }
    }

    /// The end of the last Embedded Signup: the last `last_onboarded_time` that was read, else the channel's creation.
    pub fn onboarded_at(&self) -> Timestamp {
        self.last_onboarded_time.unwrap_or(self.channel_created_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registration::{Source, note_changes};

    fn hour(n: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + n * 3_600).unwrap()
    }

    /// The link after these changes, of a number onboarded in hour 0.
    fn link(onboarding: Onboarding, changes: &[(ChangeKind, i64)]) -> AppLink {
        let mut history = History::new(onboarding, hour(0));
        for (kind, at) in changes {
            note_changes(&mut history.changes, &[*kind], hour(*at), Source::Webhook);
        }
        history.app_link()
    }

    #[test]
    fn the_latest_event_decides_about_the_link() {
        use ChangeKind::{AppLeft, AppLinked, CoexistenceEnded as Ended};
        let ended = |n| AppLink::Disconnected { at: hour(n) };
        for (changes, expected) in [
            (&[][..], AppLink::Linked),
            (&[(Ended, 5)], ended(5)),
            (&[(Ended, 5), (AppLinked, 6)], AppLink::Linked),
            (&[(AppLinked, 6), (Ended, 7)], ended(7)),
            (&[(Ended, 5), (AppLeft, 6)], AppLink::None),
            // Meta reports the end that the owner's decision brought about
            (&[(AppLeft, 6), (Ended, 7)], AppLink::None),
            (&[(AppLeft, 6), (AppLinked, 9)], AppLink::Linked),
        ] {
            assert_eq!(link(Onboarding::Coexistence, changes), expected, "{changes:?}");
        }
        assert_eq!(link(Onboarding::Standard, &[]), AppLink::None);
        assert_eq!(link(Onboarding::Standard, &[(Ended, 2)]), AppLink::None);
        assert_eq!(link(Onboarding::Standard, &[(AppLinked, 1), (Ended, 2)]), ended(2));
    }

    #[test]
    fn a_new_onboarding_makes_the_link_anew() {
        let mut history = History::new(Onboarding::Coexistence, hour(0));
        note_changes(&mut history.changes, &[ChangeKind::CoexistenceEnded], hour(5), Source::Webhook);
        history.last_onboarded_time = Some(hour(9));
        assert_eq!(history.app_link(), AppLink::Linked);
    }
}
