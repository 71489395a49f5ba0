//! The app's own callback, where account, name, quality and security events go, and messages that follow no override
//! (facts §1.11, §1.12). An installation has one.

use super::address::{OwnAddresses, Target};
use super::fields::missing_fields;
use super::repairs::{Problem, Repairs};

/// The app's own callback as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AppCallback {
    #[default]
    Unread,
    /// Ours, with every wanted field.
    Ours,
    /// Ours, without these wanted fields.
    LacksFields(Vec<String>),
    Missing,
    /// It leads to another system; the callback that is set.
    Foreign(String),
}

impl AppCallback {
    /// Reads what Meta reports: the address and the subscribed fields, or `None` where nothing is set.
    pub fn read(own: &OwnAddresses<'_>, found: Option<(&str, &[String])>, wanted: &[String]) -> Self {
        let Some((url, fields)) = found else { return Self::Missing };
        match own.target(Some(url)) {
            Target::Unread | Target::Empty => Self::Missing,
            Target::Outdated(url) | Target::Foreign(url) => Self::Foreign(url),
            Target::Ours(_) => match missing_fields(wanted, fields) {
                missing if missing.is_empty() => Self::Ours,
                missing => Self::LacksFields(missing),
            },
        }
    }

    /// Whether it leads here; `None` while it was not read.
    pub const fn is_ours(&self) -> Option<bool> {
        match self {
            Self::Unread => None,
            Self::Ours | Self::LacksFields(_) => Some(true),
            Self::Missing | Self::Foreign(_) => Some(false),
        }
    }
}

/// What is stored about the app's own callback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AppRecord {
    pub callback: AppCallback,
    /// The address of this installation that was set last; `None` where the callback was never ours.
    pub last_set: Option<String>,
    pub repairs: Repairs,
}

impl AppRecord {
    /// What is wrong and repaired without a person. A callback of another system that was never ours is left alone until
    /// somebody asks for it.
    pub fn problem(&self) -> Option<Problem> {
        match &self.callback {
            AppCallback::Unread | AppCallback::Ours => None,
            AppCallback::Missing => Some(Problem::AppMissing),
            AppCallback::LacksFields(_) => Some(Problem::AppFields),
            AppCallback::Foreign(url) => match self.last_set.as_deref()? {
                last_set if super::address::is_same(last_set, url) => Some(Problem::AppOutdated),
                _ => Some(Problem::AppForeign),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://lines.example/webhooks/whatsapp";

    fn record(callback: AppCallback, last_set: Option<&str>) -> AppRecord {
        AppRecord { callback, last_set: last_set.map(str::to_owned), repairs: Repairs::default() }
    }

    #[test]
    fn a_foreign_callback_is_repaired_only_where_it_was_ours_before() {
        let foreign = || AppCallback::Foreign("https://x.example/hook".to_owned());
        assert_eq!(record(foreign(), None).problem(), None);
        assert_eq!(record(foreign(), Some(OURS)).problem(), Some(Problem::AppForeign));
        let outdated = AppCallback::Foreign("https://old.example/webhooks/whatsapp/".to_owned());
        let moved = record(outdated, Some("https://old.example/webhooks/whatsapp"));
        assert_eq!(moved.problem(), Some(Problem::AppOutdated));
        assert_eq!(record(AppCallback::Missing, None).problem(), Some(Problem::AppMissing));
        assert_eq!(record(AppCallback::Unread, Some(OURS)).problem(), None);
    }

    #[test]
    fn a_callback_without_a_wanted_field_lacks_it() {
        let own = OwnAddresses { expected: OURS, last_set: None };
        let (wanted, few) = (["calls".to_owned(), "security".to_owned()], ["security".to_owned(), "flows".to_owned()]);
        assert_eq!(
            AppCallback::read(&own, Some((OURS, &few)), &wanted),
            AppCallback::LacksFields(vec!["calls".to_owned()])
        );
        assert_eq!(AppCallback::read(&own, Some((OURS, &wanted)), &wanted), AppCallback::Ours);
        assert_eq!(AppCallback::read(&own, Some(("", &wanted)), &wanted), AppCallback::Missing);
        assert_eq!(AppCallback::read(&own, None, &wanted), AppCallback::Missing);
    }
}
