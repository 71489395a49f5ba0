//! What `domain::health::assess` is given about one number, put together from its record. Assesses nothing.

use domain::callbacks::{Problem, Repairs};
use domain::health::{
    HealthContext, HealthSnapshot, LinkIds, OverrideRefusal, ReadFailure, Reconciliation, RegistrationFacts,
    TokenFacts, TokenState, WebhookFacts, usual_gap,
};
use domain::meta::failure::{Failure, FailureKind};
use domain::registration::{Caller, decide};
use jiff::Timestamp;

use super::callbacks;
use super::record::NumberRecord;
use crate::App;

/// The inputs of an assessment.
pub(crate) struct AssessmentInput {
    pub(crate) snapshot: HealthSnapshot,
    pub(crate) context: HealthContext,
}

impl AssessmentInput {
    /// Puts a record into the words of `assess`.
    pub(crate) fn new(app: &App, record: &NumberRecord, now: Timestamp) -> Self {
        let NumberRecord { channel, facts, snapshot, .. } = record;
        let history = record.history();
        let decision = decide(Caller::Planner, &record.stored_reads(), &history, now);
        let registration = RegistrationFacts::of(decision, &history, now);
        let context = HealthContext {
            ids: LinkIds {
                app_id: Some(app.app_id()),
                business_id: channel.business_id.clone(),
                waba_id: Some(channel.waba_id.clone()),
            },
            webhooks: webhook_facts(app, record, now),
            token: token_facts(app.config.meta.system_user_token.is_some() && record.owner().is_some(), record),
            account: facts.account_standing(),
            sending: facts.sending(),
            new_name_approved_at: facts.new_name_approved_at,
            before: record.last_assessment.clone(),
            ..HealthContext::new(channel.onboarding, channel.created_at, registration)
        };
        let read_failure = snapshot.error.as_ref().zip(snapshot.error_at).map(|(failure, at)| ReadFailure {
            kind: failure.kind,
            at,
            in_a_row: facts.failed_reads,
        });
        let snapshot = HealthSnapshot {
            reading: snapshot.reading.clone(),
            checked_at: snapshot.checked_at,
            waba_checked_at: snapshot.waba.as_ref().and(snapshot.checked_at),
            waba: snapshot.waba.clone().unwrap_or_default(),
            read_failure,
        };
        Self { snapshot, context }
    }
}

fn webhook_facts(app: &App, record: &NumberRecord, now: Timestamp) -> WebhookFacts {
    let NumberRecord { webhook, app_callback, .. } = record;
    let callbacks = callbacks::stored(app, record);
    let problem = callbacks::problem(record, &callbacks);
    let is_left_alone = app_callback.problem().is_none() || !app.config.meta.manage_app_callback;
    WebhookFacts {
        callbacks,
        refusal: webhook.override_error.clone().map(|text| OverrideRefusal { code: None, text }),
        repair: reconciliation(&webhook.repairs, problem, now),
        app_repair: if is_left_alone {
            Reconciliation::GivenUp
        } else {
            reconciliation(&app_callback.repairs, app_callback.problem(), now)
        },
        last_seen_at: webhook.last_seen_at,
        usual_gap: usual_gap(webhook.first_seen_at, webhook.last_seen_at, webhook.longest_gap),
    }
}

fn reconciliation(repairs: &Repairs, problem: Option<Problem>, now: Timestamp) -> Reconciliation {
    match problem.map(|problem| repairs.decide(problem, now)) {
        Some(decision) if decision.asks_person => Reconciliation::GivenUp,
        Some(_) | None => Reconciliation::InProgress,
    }
}

fn token_facts(can_refetch: bool, record: &NumberRecord) -> TokenFacts {
    let NumberRecord { snapshot, token, .. } = record;
    let is_access_lost = |failure: &Failure| failure.kind == FailureKind::AccessLost;
    let lost_at = snapshot.error_at.filter(|_| snapshot.error.as_ref().is_some_and(is_access_lost));
    let state = match (token.dead_since, lost_at) {
        (Some(since), _) => TokenState::Dead { since },
        (None, Some(since)) => TokenState::AccessLost { since },
        (None, None) => TokenState::Good { expires_at: token.expires_at },
    };
    let refetch = if token.dead_since.is_some() { Reconciliation::GivenUp } else { Reconciliation::InProgress };
    TokenFacts { state, refetch: can_refetch.then_some(refetch) }
}
