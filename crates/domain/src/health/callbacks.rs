//! Where webhooks of a number go: subscribed, overridden, last seen, and the app's own callback (facts §1.11 and §1.12).
//! Nothing is assessed here.

use jiff::{SignedDuration, Timestamp};

use crate::meta::reading::WebhookConfiguration;

/// The progress of an automatic attempt to restore a wanted state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reconciliation {
    /// No attempt was made yet, or one is in progress.
    #[default]
    InProgress,
    /// It failed, or another party undid it again: a person has to look.
    GivenUp,
}

/// Whether the installation's app is subscribed to the account's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subscription {
    #[default]
    Unread,
    /// The list of subscribed apps names our app id.
    Yes,
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

/// The callback override of a number: where its messages are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Override {
    #[default]
    Unread,
    /// Ours is set, on the number or on the account.
    Ours,
    Missing,
    /// Meta refused it, with #200 for example: messages may still arrive by the app's own callback.
    Refused {
        code: Option<i64>,
        text: String,
    },
    /// It leads to another system; the callback that is set.
    Foreign(String),
}

/// The app's own callback, where account, name, quality and security events go (facts §1.11).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AppCallback {
    #[default]
    Unread,
    /// Ours, with every needed field.
    Ours,
    /// Ours, without these needed fields.
    LacksFields(Vec<String>),
    Missing,
    /// It leads to another system; the callback that is set.
    Foreign(String),
}

/// What is known of a number's webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookFacts {
    pub subscription: Subscription,
    pub subscription_reconciliation: Reconciliation,
    /// The callback that this installation wants set for the number.
    pub expected_callback: Option<String>,
    pub callback_override: Override,
    /// The override is set again once; if another party replaces it again, a person is told.
    pub override_reconciliation: Reconciliation,
    pub app_callback: AppCallback,
    /// A callback of another system is left alone until a person asks for it.
    pub app_callback_reconciliation: Reconciliation,
    /// When a webhook for this number came last.
    pub last_seen_at: Option<Timestamp>,
    /// The longest gap between webhooks that is usual for this number: see [`usual_gap`].
    pub usual_gap: Option<SignedDuration>,
}

/// Webhooks of a number must have been seen for a whole week before a gap counts as usual: nights and a weekend are in it
/// then.
const MIN_OBSERVED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The usual gap between webhooks, which is the longest so far; `None` while fewer than seven days were observed.
pub fn usual_gap(
    first_seen_at: Option<Timestamp>,
    last_seen_at: Option<Timestamp>,
    longest: Option<SignedDuration>,
) -> Option<SignedDuration> {
    let observed_for = last_seen_at?.duration_since(first_seen_at?);
    longest.filter(|_| observed_for >= MIN_OBSERVED)
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

    /// Reads the override that is set for a number. `expected` is the callback this installation wants; every callback of
    /// this installation counts as ours: another number's override on the account and the shared path lead here as well.
    pub fn from_configuration(expected: &str, configuration: Option<&WebhookConfiguration>) -> Self {
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

/// The path at which every callback of an installation begins.
const CALLBACK_PATH: &str = "/webhooks/whatsapp";

/// Whether `url` leads to the installation that `expected` belongs to. The case of the host, an encoded plus sign and a
/// slash at the end make no difference.
pub fn is_of_this_installation(expected: &str, url: &str) -> bool {
    let (expected, url) = (normalized(expected), normalized(url));
    let base = expected.find(CALLBACK_PATH).map_or(expected.as_str(), |at| &expected[..at + CALLBACK_PATH.len()]);
    url.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn normalized(url: &str) -> String {
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
    fn no_gap_is_usual_before_a_week_was_observed() {
        let at = |hour: i64| Some(Timestamp::from_second(1_790_000_000 + hour * 3600).unwrap());
        let longest = Some(SignedDuration::from_hours(9));
        assert_eq!(usual_gap(at(0), at(7 * 24 - 1), longest), None);
        assert_eq!(usual_gap(at(0), at(7 * 24), longest), longest);
        assert_eq!(usual_gap(None, at(7 * 24), longest), None);
        assert_eq!(usual_gap(at(0), None, longest), None);
        assert_eq!(usual_gap(at(0), at(7 * 24), None), None);
    }

    #[test]
    fn the_override_of_the_number_wins_over_that_of_the_account() {
        let configuration = |number: &str, account: &str| WebhookConfiguration {
            application: Some("https://elsewhere.example".to_owned()),
            whatsapp_business_account: Some(account.to_owned()),
            phone_number: Some(number.to_owned()),
        };
        let read = |number, account| Override::from_configuration(EXPECTED, Some(&configuration(number, account)));
        assert_eq!(read("", ""), Override::Missing);
        assert_eq!(read(EXPECTED, "https://x.example"), Override::Ours);
        assert_eq!(read("https://x.example", EXPECTED), Override::Foreign("https://x.example".to_owned()));
        assert_eq!(Override::from_configuration(EXPECTED, None), Override::Unread);
    }
}
