//! The registration of a number as the API shows it: the decision and its reason, the budget, and the calls.

use domain::registration::ledger::{self, AttemptOutcome, CallKind};
use domain::registration::{self, Caller, Decision};
use serde::Serialize;

use super::rfc3339;
use crate::flows::number::record::RegistrationState;
use crate::messages;
use crate::store::numbers::RecordedAttempt;
use crate::web::error::MetaView;

/// The state of a number's registration.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct RegistrationView {
    /// `done`, `ready`, `waiting`, `action_needed`, `stopped`, or `in_progress` while a call is in progress.
    #[schema(example = "waiting")]
    pub(crate) state: &'static str,
    /// The automatic decision: `register`, `deregister`, `settle`, `wait`, `ask`, `stop`, `done`.
    pub(crate) decision: &'static str,
    pub(crate) why: Reason,
    /// The action a person has to take, if any.
    pub(crate) remedy: Option<RemedyView>,
    /// The time of the next check of the number.
    pub(crate) next_check_at: Option<String>,
    /// The time of the next register call if nothing changes.
    pub(crate) register_at: Option<String>,
    pub(crate) budget: Budget,
    /// Whether `leave_app` would register the number: it was disconnected from the WhatsApp Business app (coexistence).
    pub(crate) can_leave_app: bool,
    /// Whether a PIN is stored; the PIN itself is never shown.
    pub(crate) has_pin: bool,
    /// The time when the facts of the decision were read.
    pub(crate) checked_at: Option<String>,
    /// The register and deregister calls, newest first, at most 100.
    pub(crate) attempts: Vec<AttemptView>,
    /// The decision for each caller, from the stored facts; Meta is not called.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) dry_run: Vec<DryRun>,
}

/// The reason of a decision: its code, a title and a sentence.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Reason {
    #[schema(example = "name_in_review")]
    pub(crate) code: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    /// The kind of Meta's refusal, if that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<&'static str>,
}

impl From<&registration::Reason> for Reason {
    fn from(why: &registration::Reason) -> Self {
        let message = messages::why(why);
        let refused = if let registration::Reason::ReadsRefused(kind) | registration::Reason::Refused(kind) = why {
            Some(*kind)
        } else {
            None
        };
        let failure = refused.map(|kind| kind.into_str());
        Self { code: why.into_str(), title: message.title, text: message.text.to_string(), failure }
    }
}

/// The action a person has to take.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct RemedyView {
    #[schema(example = "enter_pin")]
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
}

/// The budget of register calls: Meta accepts ten in any 72 hours.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct Budget {
    /// The maximum number of calls in the window.
    #[schema(example = 10)]
    pub(crate) limit: usize,
    /// The length of the window in hours.
    #[schema(example = 72)]
    pub(crate) window_hours: i64,
    /// The number of calls in the current window.
    pub(crate) spent: usize,
    /// The number of automatic calls among them.
    pub(crate) automatic: usize,
    /// The number of calls that people can still start.
    pub(crate) left_for_people: usize,
    /// The end of Meta's lock; no call is accepted before.
    pub(crate) held_until: Option<String>,
}

/// One register or deregister call; it is stored before Meta is called.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct AttemptView {
    pub(crate) id: String,
    /// The kind: `register` or `deregister`.
    pub(crate) kind: &'static str,
    /// `blind`, `probe`, `evidence`, `reconcile` or `person`.
    pub(crate) basis: &'static str,
    /// The code of the reason for the call.
    pub(crate) why: String,
    pub(crate) started_at: String,
    pub(crate) settled_at: Option<String>,
    /// The outcome: `open`, `success` or `failed`.
    pub(crate) outcome: &'static str,
    /// Whether the outcome was concluded from the number's status because the call was not answered.
    pub(crate) is_assumed: bool,
    /// The kind of failure as a code.
    pub(crate) failure: Option<&'static str>,
    /// The failure as text.
    pub(crate) error: Option<String>,
    /// Meta's error, if Meta answered with one.
    pub(crate) meta: Option<MetaView>,
}

/// The decision for one caller, from the stored facts.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(crate) struct DryRun {
    /// The caller: `set_up`, `press`, `apply_new_name` or `planner`.
    pub(crate) caller: &'static str,
    pub(crate) would_register: bool,
    pub(crate) decision: &'static str,
    pub(crate) why: Reason,
    /// The time of the register call, if it is known.
    pub(crate) at: Option<String>,
}

impl RegistrationView {
    /// The state as the planner decides it.
    pub(crate) fn new(state: &RegistrationState, in_progress: bool) -> Self {
        let (next_check_at, register_at, remedy) = details(&state.decision);
        let under_way = in_progress || state.attempts.iter().any(|recorded| recorded.attempt.settled_at.is_none());
        Self {
            state: if under_way { "in_progress" } else { state_word(&state.decision) },
            decision: state.decision.into_str(),
            why: Reason::from(&state.decision.reason()),
            remedy,
            next_check_at,
            register_at,
            budget: Budget {
                limit: ledger::BUDGET,
                window_hours: ledger::WINDOW.as_hours(),
                spent: state.spent.total,
                automatic: state.spent.automatic,
                left_for_people: ledger::MAX_WITH_PEOPLE.saturating_sub(state.spent.total),
                held_until: state.held_until.map(rfc3339),
            },
            can_leave_app: state.can_leave_app,
            has_pin: state.has_pin,
            checked_at: state.reading_checked_at.map(rfc3339),
            attempts: state.attempts.iter().map(AttemptView::from).collect(),
            dry_run: Vec::new(),
        }
    }

    /// A signup that has not come as far as a number.
    pub(crate) fn begun() -> Self {
        Self {
            state: "in_progress",
            decision: "wait",
            why: Reason::from(&registration::Reason::FactsUnread),
            remedy: None,
            next_check_at: None,
            register_at: None,
            budget: Budget {
                limit: ledger::BUDGET,
                window_hours: ledger::WINDOW.as_hours(),
                spent: 0,
                automatic: 0,
                left_for_people: ledger::MAX_WITH_PEOPLE,
                held_until: None,
            },
            can_leave_app: false,
            has_pin: false,
            checked_at: None,
            attempts: Vec::new(),
            dry_run: Vec::new(),
        }
    }

    /// Adds what would be done for other callers.
    pub(crate) fn with_dry_runs(mut self, runs: &[(Caller, RegistrationState)]) -> Self {
        self.dry_run = runs.iter().map(|(caller, state)| DryRun::of(*caller, &state.decision)).collect();
        self
    }
}

impl DryRun {
    fn of(caller: Caller, decision: &Decision) -> Self {
        let (_, register_at, _) = details(decision);
        Self {
            caller: match caller {
                Caller::SetUp => "set_up",
                Caller::Press => "press",
                Caller::ApplyNewName => "apply_new_name",
                Caller::Planner => "planner",
            },
            would_register: matches!(decision, Decision::Register { .. }),
            decision: decision.into_str(),
            why: Reason::from(&decision.reason()),
            at: register_at,
        }
    }
}

fn details(decision: &Decision) -> (Option<String>, Option<String>, Option<RemedyView>) {
    let mut register_at = None;
    let mut wanted = None;
    if let Decision::Wait { register_at: planned, .. } = decision {
        register_at = planned.map(rfc3339);
    } else if let Decision::Ask { remedy, .. } = decision {
        wanted = Some(RemedyView { code: remedy.into_str(), text: messages::remedy(*remedy) });
    }
    (decision.next_check_at().map(rfc3339), register_at, wanted)
}

fn state_word(decision: &Decision) -> &'static str {
    match decision {
        Decision::Register { .. } | Decision::Deregister { .. } => "ready",
        Decision::Settle { .. } => "in_progress",
        Decision::Wait { .. } => "waiting",
        Decision::Ask { .. } => "action_needed",
        Decision::Stop { .. } => "stopped",
        Decision::Done { .. } => "done",
    }
}

impl From<&RecordedAttempt> for AttemptView {
    fn from(recorded: &RecordedAttempt) -> Self {
        let attempt = &recorded.attempt;
        let failure = match &attempt.outcome {
            Some(AttemptOutcome::Failed(failure)) => Some(failure),
            Some(AttemptOutcome::Success) | None => None,
        };
        Self {
            id: recorded.id.to_string(),
            kind: match attempt.kind {
                CallKind::Register => "register",
                CallKind::Deregister => "deregister",
            },
            basis: attempt.basis.into_str(),
            why: recorded.reason.clone(),
            started_at: rfc3339(attempt.started_at),
            settled_at: attempt.settled_at.map(rfc3339),
            outcome: match &attempt.outcome {
                None => "open",
                Some(AttemptOutcome::Success) => "success",
                Some(AttemptOutcome::Failed(_)) => "failed",
            },
            is_assumed: recorded.is_assumed,
            failure: failure.map(|failure| failure.kind.into_str()),
            error: failure.map(|failure| failure.message.clone()),
            meta: failure.and_then(|failure| failure.meta.as_ref()).map(MetaView::from),
        }
    }
}
