//! Where webhooks of a number go: four separate facts (subscribed, overridden, verified, last heard
//! from) and the app's own callback. Facts §1.11 and §1.12. Nothing here judges.

use jiff::{SignedDuration, Timestamp};

use crate::meta::reading::WebhookConfiguration;

/// An attempt at putting something right by ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Healing {
    /// Nothing tried yet, or a try is under way.
    #[default]
    UnderWay,
    /// The next try comes at this instant.
    Next(Timestamp),
    /// It failed, or somebody undid it again: a person has to look.
    GivenUp,
}

impl Healing {
    /// The instant of the next try.
    pub const fn next_at(self) -> Option<Timestamp> {
        match self {
            Self::Next(at) => Some(at),
            Self::UnderWay | Self::GivenUp => None,
        }
    }
}

/// Whether our app is subscribed to the account's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subscription {
    /// Not read.
    #[default]
    Unread,
    /// Yes, matching our app id.
    Yes,
    /// No.
    No,
}

impl Subscription {
    /// Whether the app is subscribed; `None` while that was not read.
    pub const fn is_subscribed(self) -> Option<bool> {
        match self {
            Self::Unread => None,
            Self::Yes => Some(true),
            Self::No => Some(false),
        }
    }
}

/// Where messages of the number are sent, as set by override.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Override {
    /// Not read.
    #[default]
    Unread,
    /// Ours is set, on the number or on the account.
    Ours,
    /// None is set.
    Missing,
    /// Meta refused ours (#200, say): success with a finding.
    Refused {
        /// Meta's code.
        code: Option<i64>,
        /// Meta's text.
        text: String,
    },
    /// Somebody else's is set.
    Foreign(String),
}

/// The app's own callback, where account, name, quality and security events go (facts §1.11).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AppCallback {
    /// Not read.
    #[default]
    Unread,
    /// Ours, with every field we need.
    Ours,
    /// Ours, lacking fields.
    LacksFields(Vec<String>),
    /// None.
    Missing,
    /// Somebody else's.
    Foreign(String),
}

/// Subscribed, overridden, verified and last heard from: four separate facts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookFacts {
    /// Our app on the account.
    pub subscription: Subscription,
    /// How putting the subscription back goes.
    pub subscription_healing: Healing,
    /// The callback we want set for this number.
    pub expected_callback: Option<String>,
    /// The override.
    pub callback_override: Override,
    /// How putting the override back goes: once, then it is told, not fought.
    pub override_healing: Healing,
    /// Meta's handshake with our callback: `Some(false)` when it failed.
    pub verified: Option<bool>,
    /// The app's own callback.
    pub app_callback: AppCallback,
    /// How putting it right goes; a foreign one is left alone until somebody asks.
    pub app_healing: Healing,
    /// When a webhook for this number came last.
    pub last_heard_at: Option<Timestamp>,
    /// The longest gap between webhooks that is usual for this number, once enough were seen: [`usual_gap`].
    pub usual_gap: Option<SignedDuration>,
}

/// A number must have been heard of for a whole week before anything of it is usual: nights and the weekend
/// are in it then.
const HEARD_ENOUGH: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What gap is usual, by the longest so far; `None` while too little was heard to tell.
pub fn usual_gap(
    heard_from: Option<Timestamp>,
    last_heard_at: Option<Timestamp>,
    longest: Option<SignedDuration>,
) -> Option<SignedDuration> {
    let heard_for = last_heard_at?.duration_since(heard_from?);
    longest.filter(|_| heard_for >= HEARD_ENOUGH)
}

impl Override {
    /// Whether a callback of this installation is set by override; `None` while that was not read.
    pub const fn is_set(&self) -> Option<bool> {
        match self {
            Self::Unread => None,
            Self::Ours => Some(true),
            Self::Missing | Self::Refused { .. } | Self::Foreign(_) => Some(false),
        }
    }

    /// What is set for a number, given the callback we want. Any callback of this installation
    /// counts as ours: a sibling's override on the account, or the shared path, reach us as well.
    pub fn read(expected: &str, configuration: Option<&WebhookConfiguration>) -> Self {
        let Some(configuration) = configuration else { return Self::Unread };
        let set = [&configuration.phone_number, &configuration.whatsapp_business_account]
            .into_iter()
            .flatten()
            .find(|url| !url.is_empty());
        match set {
            None => Self::Missing,
            Some(url) if is_of_this_installation(expected, url) => Self::Ours,
            Some(url) => Self::Foreign(url.clone()),
        }
    }
}

/// Where every callback of an installation begins.
const CALLBACK_PATH: &str = "/webhooks/whatsapp";

/// Whether `url` leads to the installation that `expected` belongs to. Spelling does not matter: case
/// of the host, an encoded plus sign, a slash at the end.
pub fn is_of_this_installation(expected: &str, url: &str) -> bool {
    let (expected, url) = (normal(expected), normal(url));
    let base = expected.find(CALLBACK_PATH).map_or(expected.as_str(), |at| &expected[..at + CALLBACK_PATH.len()]);
    url.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn normal(url: &str) -> String {
    let url = url.trim().trim_end_matches('/').replace("%2B", "+").replace("%2b", "+");
    let host_end = url.find("://").map_or(0, |at| at + 3);
    let path = url[host_end..].find('/').map_or(url.len(), |at| host_end + at);
    let (host, rest) = url.split_at(path);
    format!("{}{rest}", host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: &str = "https://lines.example/webhooks/whatsapp/+15550100001";

    #[test]
    fn spelling_does_not_make_a_callback_foreign() {
        for url in [
            EXPECTED,
            "https://LINES.example/webhooks/whatsapp/%2B15550100001/",
            "https://lines.example/webhooks/whatsapp",
            "https://lines.example/webhooks/whatsapp/+15550100002",
        ] {
            assert!(is_of_this_installation(EXPECTED, url), "{url}");
        }
        for url in [
            "https://evil-lines.example/webhooks/whatsapp",
            "https://lines.example.evil/webhooks/whatsapp",
            "https://lines.example/webhooks/whatsappx",
            "http://lines.example/webhooks/whatsapp",
            "",
        ] {
            assert!(!is_of_this_installation(EXPECTED, url), "{url}");
        }
    }

    #[test]
    fn a_week_is_heard_before_anything_is_usual() {
        let at = |hour: i64| Some(Timestamp::from_second(1_790_000_000 + hour * 3600).unwrap());
        let longest = Some(SignedDuration::from_hours(9));
        assert_eq!(usual_gap(at(0), at(7 * 24 - 1), longest), None);
        assert_eq!(usual_gap(at(0), at(7 * 24), longest), longest);
        assert_eq!(usual_gap(None, at(7 * 24), longest), None);
        assert_eq!(usual_gap(at(0), None, longest), None);
        assert_eq!(usual_gap(at(0), at(7 * 24), None), None);
    }

    #[test]
    fn the_number_level_is_looked_at_before_the_account_level() {
        let configuration = |number: &str, account: &str| WebhookConfiguration {
            application: Some("https://elsewhere.example".to_owned()),
            whatsapp_business_account: Some(account.to_owned()),
            phone_number: Some(number.to_owned()),
        };
        let read = |number, account| Override::read(EXPECTED, Some(&configuration(number, account)));
        assert_eq!(read("", ""), Override::Missing);
        assert_eq!(read(EXPECTED, "https://x.example"), Override::Ours);
        assert_eq!(read("https://x.example", EXPECTED), Override::Foreign("https://x.example".to_owned()));
        assert_eq!(Override::read(EXPECTED, None), Override::Unread);
    }
}
