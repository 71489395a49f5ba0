//! What `domain::health::assess` is given about one number, put together from its record. Assesses nothing.

use domain::channel::callback_url;
use domain::health::{
    HealthContext, HealthSnapshot, LinkIds, Override, ReadFailure, Reconciliation, RegistrationFacts, Subscription,
    TokenFacts, TokenState, WebhookFacts, usual_gap,
};
use domain::meta::failure::{Failure, FailureKind};
use domain::registration::{Caller, decide};
use jiff::Timestamp;

use super::record::NumberRecord;
use crate::App;

/// The inputs of an assessment.
pub(crate) struct AssessmentInput {
    pub(crate) snapshot: HealthSnapshot,
    pub(crate) context: HealthContext,
}

impl AssessmentInput {
    /// Puts a record into the words of `assess`. The only place where it is derived whether the app is
    /// subscribed and which callback is in force.
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
            webhooks: webhook_facts(app, record),
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

fn webhook_facts(app: &App, record: &NumberRecord) -> WebhookFacts {
    let NumberRecord { channel, snapshot, webhook, .. } = record;
    let expected = callback_url(&app.config.public_url, &channel.phone_number);
    let apps = snapshot.waba.as_ref().and_then(|waba| waba.subscribed_apps.as_ref());
    // a reading from before our own last change says nothing about it
    let read_since = snapshot.checked_at >= webhook.checked_at;
    let subscription = match apps.filter(|_| read_since) {
        Some(apps) if apps.iter().any(|a| a.app_id == app.app_id()) => Subscription::Yes,
        Some(_) => Subscription::No,
        None if webhook.subscribed_at.is_some() => Subscription::Yes,
        None if webhook.error.is_some() => Subscription::No,
        None => Subscription::Unread,
    };
    let configuration = snapshot.reading.webhook_configuration.as_ref();
    let callback_override = match &webhook.override_error {
        Some(text) => Override::Refused { code: None, text: text.clone() },
        None if !read_since && webhook.override_url.is_some() => Override::Ours,
        None => Override::from_configuration(&expected, configuration),
    };
    let given_up = webhook.reconciled_at.is_some() && matches!(callback_override, Override::Foreign(_));
    WebhookFacts {
        subscription,
        subscription_reconciliation: Reconciliation::InProgress,
        expected_callback: Some(expected),
        callback_override,
        override_reconciliation: if given_up { Reconciliation::GivenUp } else { Reconciliation::InProgress },
        app_callback: record.app_callback.clone(),
        app_callback_reconciliation: Reconciliation::InProgress,
        last_seen_at: webhook.last_seen_at,
        usual_gap: usual_gap(webhook.first_seen_at, webhook.last_seen_at, webhook.longest_gap),
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
