//! Which addresses are this installation's. Knows no levels.

/// The path at which every callback of an installation begins.
const CALLBACK_PATH: &str = "/webhooks/whatsapp";

/// What is set at Meta on one level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Target {
    #[default]
    Unread,
    /// No callback is set.
    Empty,
    /// An address of this installation: this number's, another number's, or the shared one.
    Ours(String),
    /// The address that this installation set last, which is no longer its own: its public address changed.
    Outdated(String),
    /// An address of another system.
    Foreign(String),
}

/// The addresses by which a callback at Meta is recognized as this installation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnAddresses<'a> {
    /// The callback that this installation wants, at its present public address.
    pub expected: &'a str,
    /// The callback that this installation set last; `None` where it never set one.
    pub last_set: Option<&'a str>,
}

impl OwnAddresses<'_> {
    /// Classifies what Meta reports for one level; an empty address means that none is set.
    pub fn target(&self, url: Option<&str>) -> Target {
        match url.filter(|url| !url.is_empty()) {
            None => Target::Empty,
            Some(url) if is_of_this_installation(self.expected, url) => Target::Ours(url.to_owned()),
            Some(url) if self.last_set.is_some_and(|last_set| is_same(last_set, url)) => {
                Target::Outdated(url.to_owned())
            }
            Some(url) => Target::Foreign(url.to_owned()),
        }
    }
}

/// Whether `url` leads to the installation that `expected` belongs to. The case of the host, an encoded plus sign and a
/// slash at the end make no difference.
pub fn is_of_this_installation(expected: &str, url: &str) -> bool {
    let (expected, url) = (normalized(expected), normalized(url));
    let base = expected.find(CALLBACK_PATH).map_or(expected.as_str(), |at| &expected[..at + CALLBACK_PATH.len()]);
    url.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether two addresses are the same but for their spelling.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    normalized(one) == normalized(other)
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
    fn an_address_set_before_the_public_address_changed_is_outdated_and_not_foreign() {
        let before = "https://old.example/webhooks/whatsapp/+15550100001";
        let own = OwnAddresses { expected: EXPECTED, last_set: Some(before) };
        assert_eq!(own.target(Some(before)), Target::Outdated(before.to_owned()));
        assert_eq!(own.target(Some(EXPECTED)), Target::Ours(EXPECTED.to_owned()));
        let another = "https://old.example/webhooks/whatsapp/+15550100002";
        assert_eq!(own.target(Some(another)), Target::Foreign(another.to_owned()));
        assert_eq!((own.target(Some("")), own.target(None)), (Target::Empty, Target::Empty));
    }
}
