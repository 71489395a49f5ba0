//! The form that a number's page offers: its button, what the button does and costs, the last attempt, and the reason to
//! wait. It shows decisions of the domain and makes none.

use domain::health::Action;
use domain::registration::ledger::{self, AttemptOutcome};
use domain::registration::{Decision, Reason, Remedy};
use jiff::Timestamp;

use crate::flows::number::record::RegistrationState;
use crate::flows::number::view::View;
use crate::messages::{self, time_element};
use crate::web::error::MetaView;

/// The form with its explanations.
pub(super) struct Panel {
    pub(super) form: Form,
    pub(super) label: &'static str,
    pub(super) does: &'static str,
    /// Why the button would not register the number now, and until when.
    pub(super) waits_html: Option<String>,
    /// The button is disabled, because Meta accepts no call now.
    pub(super) is_locked: bool,
    pub(super) last: Option<LastTry>,
    pub(super) budget: Budget,
}

/// The form that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Complete,
    ApplyNewName,
    /// Register a number that was disconnected from the phone app, with a confirmation: it leaves the app.
    LeaveApp,
    Pin,
    /// Two forms: request a code, enter the code.
    Code,
    Webhook,
    /// Takes over the callback of the Meta app; shown to operators of the installation only.
    AppCallback,
    /// No form: the number is connected again in the product that embeds the sign-up window.
    Reconnect,
}

impl Form {
    /// Whether the form leads to a register call; such a form is shown on the tab Registration too.
    pub(super) const fn is_of_registration(self) -> bool {
        matches!(self, Self::Complete | Self::ApplyNewName | Self::LeaveApp | Self::Pin | Self::Code)
    }
}

/// The newest register or deregister call.
pub(super) struct LastTry {
    pub(super) at_html: String,
    pub(super) said: String,
    pub(super) meta: Option<MetaView>,
}

/// The attempts used out of those Meta allows in 72 hours.
pub(super) struct Budget {
    pub(super) spent: usize,
    pub(super) limit: usize,
    /// One per attempt that Meta allows; `true` when it is used.
    pub(super) dots: Vec<bool>,
}

impl Budget {
    /// Counts the attempts of a registration state.
    pub(super) fn of(state: &RegistrationState) -> Self {
        let (spent, limit) = (state.spent.total, ledger::BUDGET);
        Self { spent, limit, dots: (0..limit).map(|dot| dot < spent).collect() }
    }
}

impl Panel {
    /// The form this number's page offers; `None` when no action is possible here. `is_operator`: the reader may change what
    /// belongs to the installation.
    pub(super) fn choose(
        view: &View,
        press: &RegistrationState,
        rename: &RegistrationState,
        is_operator: bool,
        now: Timestamp,
    ) -> Option<Self> {
        let form = if press.can_leave_app { Form::LeaveApp } else { form_of(view, rename, is_operator)? };
        let state = if form == Form::ApplyNewName { rename } else { press };
        let button = match form {
            Form::Complete => messages::button(Action::CompleteRegistration),
            Form::ApplyNewName => messages::button(Action::ApplyNewName),
            Form::LeaveApp => messages::LEAVE_APP,
            Form::Pin => messages::button(Action::EnterPin),
            Form::Code => messages::button(Action::VerifyByCode),
            Form::Webhook => messages::button(Action::Resubscribe),
            Form::AppCallback => messages::button(Action::TakeOverCallback),
            Form::Reconnect => messages::button(Action::Reconnect),
        };
        let registers = matches!(form, Form::Complete | Form::ApplyNewName);
        Some(Self {
            form,
            label: button.label,
            does: button.does,
            waits_html: registers.then(|| waits(&state.decision, now)).flatten(),
            is_locked: registers && is_locked(&state.decision),
            last: last_try(&view.registration),
            budget: Budget::of(&view.registration),
        })
    }
}

/// The form of the first finding that has one, or else of the registration decision.
fn form_of(view: &View, rename: &RegistrationState, is_operator: bool) -> Option<Form> {
    let mut forms = view.report.findings.iter().filter_map(|finding| finding.action).filter_map(form_of_action);
    let here = forms.find(|form| *form != Form::AppCallback || is_operator);
    let decision = &view.registration.decision;
    let asked = || if let Decision::Ask { remedy, .. } = decision { form_of_remedy(*remedy) } else { None };
    let is_open = matches!(decision, Decision::Wait { .. } | Decision::Register { .. });
    let stuck = || (is_open && !view.report.level.works()).then_some(Form::Complete);
    let renaming = || matches!(rename.decision, Decision::Register { .. }).then_some(Form::ApplyNewName);
    here.or_else(asked).or_else(stuck).or_else(renaming)
}

fn form_of_action(action: Action) -> Option<Form> {
    match action {
        Action::CompleteRegistration | Action::FreeNumber | Action::TurnOffTwoStep => Some(Form::Complete),
        Action::EnterPin => Some(Form::Pin),
        Action::VerifyByCode => Some(Form::Code),
        Action::ApplyNewName => Some(Form::ApplyNewName),
        Action::Resubscribe => Some(Form::Webhook),
        Action::TakeOverCallback => Some(Form::AppCallback),
        Action::Reconnect | Action::SignUpAgain => Some(Form::Reconnect),
        Action::Refresh
        | Action::ChooseNewName
        | Action::AddPayment
        | Action::VerifyBusiness
        | Action::Appeal
        | Action::ContactSupport
        | Action::ReconnectApp
        | Action::MigrateFromOnPremise
        | Action::RestoreAccess
        | Action::ImproveQuality
        | Action::CheckInstallation => None,
    }
}

fn form_of_remedy(remedy: Remedy) -> Option<Form> {
    match remedy {
        Remedy::EnterPin => Some(Form::Pin),
        Remedy::VerifyByCode => Some(Form::Code),
        Remedy::SignUpAgain | Remedy::Reauthorize => Some(Form::Reconnect),
        Remedy::FreeNumber
        | Remedy::TurnOffTwoStep
        | Remedy::ReadRefusal
        | Remedy::ContactSupport
        | Remedy::ClaimAgain => Some(Form::Complete),
        Remedy::ChooseNewName | Remedy::ReconnectApp | Remedy::MigrateFromOnPremise | Remedy::RestoreAccess => None,
    }
}

/// Why the button would not register the number now, and until when.
fn waits(decision: &Decision, now: Timestamp) -> Option<String> {
    let why = messages::why(&decision.reason());
    let until = match decision {
        Decision::Register { .. } | Decision::Deregister { .. } | Decision::Settle { .. } => return None,
        Decision::Wait { register_at, next_check_at, .. } => register_at.or(Some(*next_check_at)),
        Decision::Ask { .. } | Decision::Stop { .. } | Decision::Done { .. } => None,
    };
    let until = until.filter(|at| *at > now).map(|at| format!(" Until {}.", time_element(at, "at")));
    Some(format!("{}. {}{}", messages::escape(&why.title), why.text.to_html(), until.unwrap_or_default()))
}

fn is_locked(decision: &Decision) -> bool {
    matches!(decision.reason(), Reason::Held | Reason::CallInProgress | Reason::CallUnanswered)
}

fn last_try(state: &RegistrationState) -> Option<LastTry> {
    let newest = &state.attempts.first()?.attempt;
    let (said, meta) = match &newest.outcome {
        None => ("No answer yet.".to_owned(), None),
        Some(AttemptOutcome::Success) => ("Meta accepted it.".to_owned(), None),
        Some(AttemptOutcome::Failed(failure)) => (
            format!("{}.", messages::capitalize(messages::failure(failure.kind))),
            failure.meta.as_ref().map(MetaView::from),
        ),
    };
    Some(LastTry { at_html: time_element(newest.started_at, "ago"), said, meta })
}
