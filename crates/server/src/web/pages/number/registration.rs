//! The tab Registration: the decision and the ledger of calls, prepared for the template. No decision is made here.

use domain::health::Party;
use domain::registration::Decision;
use domain::registration::ledger::{AttemptOutcome, CallKind};
use jiff::Timestamp;

use super::next_action::{Budget, Panel};
use crate::flows::number::record::RegistrationState;
use crate::flows::number::view::View;
use crate::messages::{self, time_element};
use crate::store::numbers::RecordedAttempt;
use crate::web::error::MetaView;
use crate::web::pages::badge::{self, Mark};

/// The content of the tab.
pub(super) struct Registration {
    pub(super) why_title: String,
    pub(super) why_html: String,
    pub(super) next_html: Option<String>,
    pub(super) check_html: Option<String>,
    pub(super) held_html: Option<String>,
    /// The form that continues the registration, where one is offered.
    pub(super) panel: Option<Panel>,
    /// The reader has to act, so the panel's button is the main button of the page.
    pub(super) is_yours: bool,
    pub(super) budget: Budget,
    pub(super) has_pin: bool,
    pub(super) attempts: Vec<AttemptRow>,
}

/// One register or deregister call.
pub(super) struct AttemptRow {
    pub(super) at_html: String,
    pub(super) kind: &'static str,
    pub(super) basis: &'static str,
    pub(super) mark: Mark,
    pub(super) said: String,
    pub(super) is_assumed: bool,
    pub(super) meta: Option<MetaView>,
}

impl Registration {
    /// Prepares the tab; `press` and `rename` are the decisions for the buttons Complete registration and Apply new name.
    pub(super) fn new(view: &View, press: &RegistrationState, rename: &RegistrationState, now: Timestamp) -> Self {
        let state = &view.registration;
        let why = messages::why(&state.decision.reason());
        let next = if let Decision::Wait { register_at, .. } = &state.decision { *register_at } else { None };
        let ahead = |at: Option<Timestamp>| at.filter(|at| *at > now).map(|at| time_element(at, "until"));
        Self {
            why_title: why.title,
            why_html: why.text.to_html(),
            next_html: ahead(next),
            check_html: ahead(state.decision.next_check_at()),
            held_html: ahead(state.held_until),
            panel: Panel::choose(view, press, rename, false, now).filter(|panel| panel.form.is_of_registration()),
            is_yours: !matches!(view.report.responsible, Party::Meta | Party::Nobody),
            budget: Budget::of(state),
            has_pin: state.has_pin,
            attempts: state.attempts.iter().map(AttemptRow::from).collect(),
        }
    }
}

impl From<&RecordedAttempt> for AttemptRow {
    fn from(recorded: &RecordedAttempt) -> Self {
        let attempt = &recorded.attempt;
        let failure = match &attempt.outcome {
            Some(AttemptOutcome::Failed(failure)) => Some(failure),
            Some(AttemptOutcome::Success) | None => None,
        };
        let said = failure.map(|failure| format!("{}.", messages::capitalize(messages::failure(failure.kind))));
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
