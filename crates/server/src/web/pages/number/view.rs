//! What every tab of a number's page shares, and the content of the tab that is shown.

use domain::registration::Reason;
use jiff::{SignedDuration, Timestamp};

use super::account_health::AccountHealth;
use super::registration::Registration;
use super::tab::Tab;
use super::webhook::WebhookCard;
use crate::flows::number::view::View;
use crate::messages::{self, time_element};
use crate::store::announcements::Announcement;
use crate::web::pages::badge::{self, Mark};
use crate::web::pages::forwarding::rows::Forwarding;

/// One tab of a number's page.
pub(super) struct NumberView {
    pub(super) id: i64,
    pub(super) account_id: i64,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) mark: Mark,
    pub(super) title: String,
    pub(super) tab: Tab,
    pub(super) content: Content,
    /// Seconds until the script fetches the tab again.
    pub(super) every: u32,
}

/// The content of the tab that is shown.
pub(super) enum Content {
    Health(Box<AccountHealth>),
    Registration(Box<Registration>),
    Forwarding { webhook: Box<WebhookCard>, forwarding: Forwarding },
    Timeline(Vec<TimelineRow>),
}

/// One announcement of the timeline.
pub(super) struct TimelineRow {
    pub(super) title: String,
    pub(super) text_html: String,
    pub(super) at_html: String,
}

impl NumberView {
    /// Combines the head of the page with the content of a tab.
    pub(super) fn new(view: &View, tab: Tab, content: Content, now: Timestamp) -> Self {
        Self {
            id: view.channel.id.0,
            account_id: view.channel.account_id.0,
            name: view.reading.verified_name.clone().unwrap_or_else(|| view.channel.name.clone()),
            phone: view.reading.display_phone_number.clone().unwrap_or_else(|| view.channel.phone_number.to_string()),
            mark: badge::level(view.report.level),
            title: messages::summary(&view.report).title,
            tab,
            content,
            every: if may_change_soon(view, now) { 3 } else { 20 },
        }
    }
}

/// Whether a change is likely within two minutes, so that the page polls more often.
fn may_change_soon(view: &View, now: Timestamp) -> bool {
    let open = view.registration.attempts.iter().any(|recorded| recorded.attempt.settled_at.is_none());
    let moving = matches!(
        view.registration.decision.reason(),
        Reason::CallInProgress
            | Reason::CallUnanswered
            | Reason::AcceptedNotShown
            | Reason::Activating
            | Reason::Ready
            | Reason::NewEvidence
    );
    let soon = view.registration.decision.next_check_at().is_some_and(|at| at <= now + SignedDuration::from_mins(2));
    open || moving || soon || view.checked_at.is_none()
}

impl From<&Announcement> for TimelineRow {
    fn from(announcement: &Announcement) -> Self {
        let message = messages::announcement(&announcement.kind, &announcement.args);
        Self { title: message.title, text_html: message.text.to_html(), at_html: time_element(announcement.at, "at") }
    }
}
