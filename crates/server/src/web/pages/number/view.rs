//! What a number's page shows, worked out: no decision is made here, only put into words and marks.

use domain::health::{self, Badge, Card, CardValue, Fact, Finding, Level, LinkTemplates, Move};
use domain::registration::ledger::CallKind;
use domain::registration::{Decision, Why};
use jiff::{SignedDuration, Timestamp};

use super::next_action::{self, Budget, Panel};
use crate::flows::number::record::RegistrationState;
use crate::flows::number::view::View;
use crate::messages::{self, time_element};
use crate::store::announcements::Announcement;
use crate::store::channels::Webhook;
use crate::store::numbers::RecordedAttempt;
use crate::web::error::MetaView;
use crate::web::pages::badge::{self, Mark};
use crate::web::pages::forwarding::rows::Forwarding;

/// The page.
pub(super) struct NumberView {
    pub(super) id: i64,
    pub(super) account_id: i64,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) mark: Mark,
    pub(super) title: String,
    pub(super) text_html: String,
    pub(super) whose: &'static str,
    pub(super) since_html: String,
    pub(super) next: Option<NextStep>,
    pub(super) link: Option<Link>,
    pub(super) panel: Option<Panel>,
    /// The move is the reader's, so the button is the page's main one.
    pub(super) is_yours: bool,
    pub(super) others: Vec<FindingRow>,
    pub(super) cards: Vec<CardRow>,
    pub(super) manager: String,
    pub(super) checked_html: Option<String>,
    pub(super) error: Option<ReadError>,
    pub(super) webhook: WebhookCard,
    pub(super) registration: RegistrationCard,
    pub(super) forwarding: Forwarding,
    pub(super) timeline: Vec<TimelineRow>,
    /// Seconds until the script looks again.
    pub(super) every: u32,
}

/// The next thing that happens by itself.
pub(super) struct NextStep {
    pub(super) what: &'static str,
    pub(super) at_html: String,
}

/// A page at Meta.
pub(super) struct Link {
    pub(super) label: &'static str,
    pub(super) does: &'static str,
    pub(super) href: String,
}

/// A further finding.
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
    /// Words of Meta's get a badge; names, numbers and times stand plain.
    pub(super) mark: Option<Mark>,
    pub(super) meaning: &'static str,
    pub(super) href: Option<String>,
}

/// Why the newest look failed.
pub(super) struct ReadError {
    pub(super) text: String,
    pub(super) at_html: String,
    pub(super) meta: Option<MetaView>,
}

/// Four separate facts.
pub(super) struct WebhookCard {
    pub(super) subscribed: Mark,
    pub(super) subscribed_at: Option<String>,
    pub(super) overridden: Mark,
    pub(super) override_text: String,
    pub(super) verified: Mark,
    pub(super) verified_at: Option<String>,
    pub(super) heard: Mark,
    pub(super) heard_at: Option<String>,
    pub(super) expected: String,
    pub(super) actual: Option<String>,
    pub(super) error: Option<String>,
}

/// The ledger.
pub(super) struct RegistrationCard {
    pub(super) why_title: String,
    pub(super) why_html: String,
    pub(super) next_html: Option<String>,
    pub(super) look_html: Option<String>,
    pub(super) held_html: Option<String>,
    pub(super) budget: Budget,
    pub(super) has_pin: bool,
    pub(super) attempts: Vec<AttemptRow>,
}

/// One call.
pub(super) struct AttemptRow {
    pub(super) at_html: String,
    pub(super) kind: &'static str,
    pub(super) basis: &'static str,
    pub(super) mark: Mark,
    pub(super) said: String,
    pub(super) is_assumed: bool,
    pub(super) meta: Option<MetaView>,
}

/// One announcement.
pub(super) struct TimelineRow {
    pub(super) title: String,
    pub(super) text_html: String,
    pub(super) at_html: String,
}

impl NumberView {
    /// Everything of a number, as its page shows it.
    pub(super) fn new(
        view: &View,
        press: &RegistrationState,
        rename: &RegistrationState,
        told: &[Announcement],
        forwarding: Forwarding,
        now: Timestamp,
    ) -> Self {
        let report = &view.report;
        let summary = messages::summary(report);
        let leading = report.leading();
        Self {
            id: view.channel.id.0,
            account_id: view.channel.account_id.0,
            name: view.reading.verified_name.clone().unwrap_or_else(|| view.channel.name.clone()),
            phone: view.reading.display_phone_number.clone().unwrap_or_else(|| view.channel.phone_number.to_string()),
            mark: badge::level(report.level),
            title: summary.title,
            text_html: summary.text.to_html(),
            whose: messages::whose(report.whose),
            since_html: time_element(report.since, "ago"),
            next: next_step(view, now),
            link: leading.and_then(link_of),
            panel: Panel::choose(view, press, rename, now),
            is_yours: !matches!(report.whose, Move::Meta | Move::Nobody),
            others: report.findings.iter().filter(|f| leading != Some(f)).map(FindingRow::from).collect(),
            cards: view.cards.iter().map(CardRow::from).collect(),
            manager: manager(view),
            checked_html: view.checked_at.map(|at| time_element(at, "ago")),
            error: ReadError::of(view),
            webhook: WebhookCard::new(&view.webhook, view),
            registration: RegistrationCard::new(&view.registration, now),
            forwarding,
            timeline: told.iter().map(TimelineRow::from).collect(),
            every: if is_under_way(view, now) { 3 } else { 20 },
        }
    }
}

/// Something may change within moments.
fn is_under_way(view: &View, now: Timestamp) -> bool {
    let open = view.registration.attempts.iter().any(|recorded| recorded.attempt.settled_at.is_none());
    let moving = matches!(
        view.registration.decision.why(),
        Why::CallUnderWay
            | Why::CallUnanswered
            | Why::AcceptedNotShown
            | Why::Activating
            | Why::Ready
            | Why::NewEvidence
    );
    let soon = view.registration.decision.look_at().is_some_and(|at| at <= now + SignedDuration::from_mins(2));
    open || moving || soon || view.checked_at.is_none()
}

fn next_step(view: &View, now: Timestamp) -> Option<NextStep> {
    let planned = view.report.leading().and_then(|finding| finding.next_step_at).filter(|at| *at > now);
    let step = |what, at| NextStep { what, at_html: time_element(at, "until") };
    if let Decision::Wait { register_at: Some(at), .. } = &view.registration.decision
        && *at > now
    {
        return Some(step("Next try", *at));
    }
    let look = view.registration.decision.look_at().filter(|at| *at > now && view.report.level != Level::Live);
    // the planner's next look is no step of its own
    let is_look = |at: Timestamp| look.is_some_and(|look| at.duration_since(look).abs() < SignedDuration::from_mins(1));
    if let Some(at) = planned.filter(|at| !is_look(*at)) {
        return Some(step("Next step", at));
    }
    let look = look?;
    Some(step("Next look", look))
}

fn link_of(finding: &Finding) -> Option<Link> {
    let href = health::url(finding.link.as_ref()?, &LinkTemplates::default());
    let button = finding.action.filter(|action| !action.is_here()).map(messages::button);
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
        let mark = if finding.severity == Level::Live { badge::NEWS } else { badge::level(finding.severity) };
        Self {
            mark,
            title: message.title,
            text_html: message.text.to_html(),
            whose: if finding.whose == Move::Nobody { "" } else { messages::your_move(finding.whose) },
            link: link_of(finding),
        }
    }
}

impl From<&Card> for CardRow {
    fn from(card: &Card) -> Self {
        Self {
            label: messages::fact(card.fact),
            value_html: messages::value(card.fact, card.value.as_ref()).to_html(),
            mark: is_judged(card).then(|| badge::card(card.badge)),
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
            text: format!("The last look failed: {}.", messages::failure(failure.kind)),
            at_html: view.error_at.map(|at| time_element(at, "ago")).unwrap_or_default(),
            meta: failure.meta.as_ref().map(MetaView::from),
        })
    }
}

impl WebhookCard {
    fn new(webhook: &Webhook, view: &View) -> Self {
        let configured = view.reading.webhook_configuration.as_ref().and_then(|c| c.effective()).map(str::to_owned);
        let actual = configured.or_else(|| webhook.override_url.clone());
        let is_ours = actual.as_ref().map(|url| health::is_of_this_installation(&view.expected_webhook_url, url));
        Self {
            subscribed: badge::fact(view.webhook_facts.subscription.is_subscribed(), "Subscribed", "Not subscribed"),
            subscribed_at: webhook.subscribed_at.map(|at| time_element(at, "ago")),
            overridden: badge::fact(view.webhook_facts.callback_override.is_set(), "Set", "Not set"),
            override_text: webhook.override_error.clone().unwrap_or_default(),
            verified: badge::fact(webhook.verified_at.map(|_| true), "Verified", "Not verified"),
            verified_at: webhook.verified_at.map(|at| time_element(at, "ago")),
            heard: match webhook.last_seen_at {
                Some(_) => badge::fact(Some(true), "Heard from", ""),
                None => Mark { label: "Nothing yet", ..badge::NEWS },
            },
            heard_at: webhook.last_seen_at.map(|at| time_element(at, "ago")),
            expected: view.expected_webhook_url.clone(),
            actual: actual.filter(|_| is_ours == Some(false)),
            error: webhook.error.clone(),
        }
    }
}

impl RegistrationCard {
    fn new(state: &RegistrationState, now: Timestamp) -> Self {
        let why = messages::why(&state.decision.why());
        let next = if let Decision::Wait { register_at, .. } = &state.decision { *register_at } else { None };
        let ahead = |at: Option<Timestamp>| at.filter(|at| *at > now).map(|at| time_element(at, "until"));
        Self {
            why_title: why.title,
            why_html: why.text.to_html(),
            next_html: ahead(next),
            look_html: ahead(state.decision.look_at()),
            held_html: ahead(state.held_until),
            budget: Budget::of(state),
            has_pin: state.has_pin,
            attempts: state.attempts.iter().map(AttemptRow::from).collect(),
        }
    }
}

impl From<&RecordedAttempt> for AttemptRow {
    fn from(recorded: &RecordedAttempt) -> Self {
        use domain::registration::ledger::Outcome;
        let attempt = &recorded.attempt;
        let failure = match &attempt.outcome {
            Some(Outcome::Failed(failure)) => Some(failure),
            Some(Outcome::Success) | None => None,
        };
        let said = failure.map(|failure| next_action::sentence(messages::failure(failure.kind)));
        Self {
            at_html: time_element(attempt.started_at, "at"),
            kind: match attempt.kind {
                CallKind::Register => "Register",
                CallKind::Deregister => "Deregister",
            },
            basis: messages::basis(attempt.basis),
            mark: badge::outcome(attempt.outcome.as_ref()),
            said: said.unwrap_or_default(),
            is_assumed: recorded.is_assumed,
            meta: failure.and_then(|failure| failure.meta.as_ref()).map(MetaView::from),
        }
    }
}

impl From<&Announcement> for TimelineRow {
    fn from(told: &Announcement) -> Self {
        let message = messages::announcement(&told.kind, &told.args);
        Self { title: message.title, text_html: message.text.to_html(), at_html: time_element(told.at, "at") }
    }
}
