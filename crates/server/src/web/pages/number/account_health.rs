//! The tab Account Health: status, next action, findings and cards, prepared for the template. No decision is made here.

use domain::health::{self, Badge, Card, CardValue, Fact, Finding, Level, LinkTemplates, Party};
use domain::registration::Decision;
use jiff::{SignedDuration, Timestamp};

use super::next_action::Panel;
use crate::flows::number::record::RegistrationState;
use crate::flows::number::view::View;
use crate::messages::{self, time_element};
use crate::web::error::MetaView;
use crate::web::pages::badge::{self, Mark};

/// The content of the tab.
pub(super) struct AccountHealth {
    pub(super) text_html: String,
    pub(super) whose: &'static str,
    pub(super) since_html: String,
    pub(super) next: Option<NextStep>,
    pub(super) link: Option<Link>,
    pub(super) panel: Option<Panel>,
    /// The reader has to act, so the panel's button is the main button of the page.
    pub(super) is_yours: bool,
    pub(super) others: Vec<FindingRow>,
    pub(super) cards: Vec<CardRow>,
    pub(super) manager: String,
    pub(super) checked_html: Option<String>,
    pub(super) error: Option<ReadError>,
}

/// The next automatic step.
pub(super) struct NextStep {
    pub(super) what: &'static str,
    pub(super) at_html: String,
}

/// A link to a page at Meta.
pub(super) struct Link {
    pub(super) label: &'static str,
    pub(super) does: &'static str,
    pub(super) href: String,
}

/// A finding other than the leading one.
pub(super) struct FindingRow {
    pub(super) mark: Mark,
    pub(super) title: String,
    pub(super) text_html: String,
    pub(super) whose: &'static str,
    pub(super) link: Option<Link>,
}

/// A card of Account Health.
pub(super) struct CardRow {
    pub(super) label: &'static str,
    pub(super) value_html: String,
    /// A badge for values that are rated; `None` for names, numbers and times.
    pub(super) mark: Option<Mark>,
    pub(super) meaning: &'static str,
    /// When the value was read; set only where it may be out of date.
    pub(super) as_of_html: Option<String>,
    pub(super) href: Option<String>,
}

/// The failure of the last check.
pub(super) struct ReadError {
    pub(super) text: String,
    pub(super) at_html: String,
    pub(super) meta: Option<MetaView>,
}

impl AccountHealth {
    /// Prepares the tab; `press` and `rename` are the decisions for the buttons Complete registration and Apply new name;
    /// `is_operator` tells that the reader may change what belongs to the installation.
    pub(super) fn new(
        view: &View,
        press: &RegistrationState,
        rename: &RegistrationState,
        is_operator: bool,
        now: Timestamp,
    ) -> Self {
        let report = &view.report;
        let leading = report.leading();
        let read_at = view.checked_at.filter(|_| !is_current(view));
        Self {
            text_html: messages::summary(report).text.to_html(),
            whose: messages::whose(report.responsible),
            since_html: time_element(report.since, "ago"),
            next: next_step(view, now),
            link: leading.and_then(link_of),
            panel: Panel::choose(view, press, rename, is_operator, now),
            is_yours: !matches!(report.responsible, Party::Meta | Party::Nobody),
            others: report.findings.iter().filter(|f| leading != Some(f)).map(FindingRow::from).collect(),
            cards: view.cards.iter().map(|card| CardRow::new(card, read_at)).collect(),
            manager: manager(view),
            checked_html: view.checked_at.map(|at| time_element(at, "ago")),
            error: ReadError::of(view),
        }
    }
}

/// Whether the stored values can be shown as the current ones: the last read succeeded and is recent.
fn is_current(view: &View) -> bool {
    let is_stale = |finding: &Finding| matches!(finding.code, health::FindingCode::ReadingStale { .. });
    view.error.is_none() && !view.report.findings.iter().any(is_stale)
}

fn next_step(view: &View, now: Timestamp) -> Option<NextStep> {
    let planned = view.report.leading().and_then(|finding| finding.next_step_at).filter(|at| *at > now);
    let step = |what, at| NextStep { what, at_html: time_element(at, "until") };
    if let Decision::Wait { register_at: Some(at), .. } = &view.registration.decision
        && *at > now
    {
        return Some(step("Next attempt", *at));
    }
    let check = view.registration.decision.next_check_at().filter(|at| *at > now && view.report.level != Level::Live);
    // a step at the time of the next check is that check
    let is_check =
        |at: Timestamp| check.is_some_and(|check| at.duration_since(check).abs() < SignedDuration::from_mins(1));
    if let Some(at) = planned.filter(|at| !is_check(*at)) {
        return Some(step("Next step", at));
    }
    check.map(|at| step("Next check", at))
}

fn link_of(finding: &Finding) -> Option<Link> {
    let href = health::url(finding.link.as_ref()?, &LinkTemplates::default());
    let button = finding.action.filter(|action| !action.is_local()).map(messages::button);
    let (label, does) = button.map_or(("Open WhatsApp Manager", ""), |button| (button.label, button.does));
    Some(Link { label, does, href })
}

fn manager(view: &View) -> String {
    let link = health::DeepLink {
        target: health::LinkTarget::PhoneNumbers,
        business_id: view.waba.owner_business_id.clone().or_else(|| view.channel.business_id.clone()),
        waba_id: Some(view.channel.waba_id.clone()),
        app_id: None,
    };
    health::url(&link, &LinkTemplates::default())
}

impl From<&Finding> for FindingRow {
    fn from(finding: &Finding) -> Self {
        let message = messages::finding(&finding.code);
        let mark = if finding.severity == Level::Live { badge::INFORMATION } else { badge::level(finding.severity) };
        Self {
            mark,
            title: message.title,
            text_html: message.text.to_html(),
            whose: if finding.responsible == Party::Nobody { "" } else { messages::your_move(finding.responsible) },
            link: link_of(finding),
        }
    }
}

impl CardRow {
    /// A value that may be out of date (`read_at` is set) is never shown as good.
    fn new(card: &Card, read_at: Option<Timestamp>) -> Self {
        let badge = if read_at.is_some() && card.badge == Badge::Good { Badge::Neutral } else { card.badge };
        Self {
            as_of_html: read_at.map(|at| time_element(at, "at")),
            label: messages::fact(card.fact),
            value_html: messages::value(card.fact, card.value.as_ref()).to_html(),
            mark: is_judged(card).then(|| badge::card(badge)),
            meaning: messages::meaning(card.meaning),
            href: card.link.as_ref().map(|link| health::url(link, &LinkTemplates::default())),
        }
    }
}

fn is_judged(card: &Card) -> bool {
    let is_plain = matches!(card.value, Some(CardValue::Text(_) | CardValue::Time(_)));
    !is_plain || matches!(card.badge, Badge::Caution | Badge::Bad) || card.fact == Fact::Webhook
}

impl ReadError {
    fn of(view: &View) -> Option<Self> {
        let failure = view.error.as_ref()?;
        Some(Self {
            text: format!("The last check failed: {}.", messages::failure(failure.kind)),
            at_html: view.error_at.map(|at| time_element(at, "ago")).unwrap_or_default(),
            meta: failure.meta.as_ref().map(MetaView::from),
        })
    }
}
