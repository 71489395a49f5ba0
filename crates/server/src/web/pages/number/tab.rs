//! The tabs of a number's page and their addresses. A new tab is a variant here, its `Content`, what `load` reads for it,
//! and a branch of the template `number_live.html`; routes and navigation follow from the variants.

use std::fmt;

/// A tab; each has an address of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(super) enum Tab {
    Health,
    Registration,
    Forwarding,
    Timeline,
}

impl Tab {
    /// All tabs in the order of the page.
    pub(super) const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The label of the tab.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Health => "Account Health",
            Self::Registration => "Registration",
            Self::Forwarding => "Webhooks and forwarding",
            Self::Timeline => "Timeline",
        }
    }

    /// The stable name that forms carry, so that an action returns to the tab it was started from.
    pub(super) fn name(self) -> &'static str {
        self.into()
    }

    /// The tab a form was sent from; Account Health when it names none.
    pub(super) fn of_form(name: Option<&str>) -> Self {
        name.and_then(|name| name.parse().ok()).unwrap_or(Self::Health)
    }

    /// The route of the tab.
    pub(super) fn route(self) -> String {
        self.path("{id}")
    }

    /// The address of the tab for one number.
    pub(super) fn path(self, number: impl fmt::Display) -> String {
        match self {
            Self::Health => format!("/numbers/{number}"),
            tab @ (Self::Registration | Self::Forwarding | Self::Timeline) => {
                format!("/numbers/{number}/{}", tab.name())
            }
        }
    }

    /// The path of the same data in the API, below the account.
    pub(super) fn api_path(self, number: impl fmt::Display) -> String {
        match self {
            Self::Health => format!("inboxes/{number}/health"),
            Self::Registration => format!("inboxes/{number}/registration"),
            Self::Forwarding => format!("endpoints?inbox_id={number}"),
            Self::Timeline => format!("announcements?inbox_id={number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tab_has_an_address_and_is_found_by_its_name() {
        let paths: Vec<String> = Tab::ALL.iter().map(|tab| tab.path(7)).collect();
        assert_eq!(paths, ["/numbers/7", "/numbers/7/registration", "/numbers/7/forwarding", "/numbers/7/timeline"]);
        for tab in Tab::ALL {
            assert_eq!(Tab::of_form(Some(tab.name())), *tab);
        }
        assert_eq!(Tab::of_form(Some("//evil.example")), Tab::Health);
    }
}
