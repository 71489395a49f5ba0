//! Gathers what `domain::health::assess` judges from: the stored facts of one number. Judges nothing.

use domain::channel::{Channel, callback_url};
use domain::health::{
    AppCallback, Healing, HealthContext, HealthSnapshot, LinkIds, Override, ReadFailure, RegistrationStanding,
    Subscription, TokenFacts, TokenState, WebhookFacts, usual_gap,
};
use domain::meta::failure::{Failure, FailureKind};
use domain::registration::{Caller, decide};
use jiff::Timestamp;

use super::{last_assessment, load_app_callback, owner, reading};
use crate::App;
use crate::store::channels::{self, Webhook};
use crate::store::snapshots::StoredSnapshot;
use crate::store::{self, Tx, numbers, snapshots};

/// Everything a judgement needs, and what a view shows beside it.
pub(super) struct Known {
    pub(super) snapshot: HealthSnapshot,
    pub(super) context: HealthContext,
    pub(super) webhook: Webhook,
    pub(super) error: Option<Failure>,
    pub(super) error_at: Option<Timestamp>,
    pub(super) token_dead: bool,
}

pub(super) async fn load(app: &App, tx: &mut Tx, channel: &Channel, now: Timestamp) -> Result<Known, store::Error> {
    let stored = snapshots::latest(tx, channel.id).await?.unwrap_or_default();
    let history = numbers::history(tx, channel).await?;
    let facts = numbers::facts(tx, &channel.phone_number_id).await?;
    let webhook = channels::webhook(tx, channel.id).await?;
    let token = channels::token_state(tx, channel.id).await?;
    let judgement = channels::judgement(tx, channel.id).await?;
    let app_callback = load_app_callback(tx).await?;

    let reads = reading::stored_reads(Some(&stored));
    let decision = decide(Caller::Planner, &reads, &history, now);
    let mut context =
        HealthContext::new(channel.onboarding, channel.created_at, RegistrationStanding::of(decision, &history, now));
    context.ids = LinkIds {
        app_id: Some(app.app_id()),
        business_id: channel.business_id.clone(),
        waba_id: Some(channel.waba_id.clone()),
    };
    context.webhooks = webhook_facts(app, channel, &stored, &webhook, app_callback);
    let token_dead = token.as_ref().is_some_and(|t| t.dead_since.is_some());
    let named = owner::named_by_meta(tx, &channel.waba_id).await?;
    let portfolio = owner::of_channel(channel, stored.waba.as_ref(), named.as_ref());
    let can_refetch = app.config.meta.system_token.is_some() && portfolio.is_some();
    context.token = token_facts(can_refetch, &stored, token.as_ref());
    context.account = facts.account_standing();
    context.sending = facts.sending();
    context.new_name_approved_at = facts.new_name_approved_at;
    context.before = judgement.and_then(|j| last_assessment::from_json(&j.remembered));
    let read_failure = stored.error.as_ref().zip(stored.error_at).map(|(failure, at)| ReadFailure {
        kind: failure.kind,
        at,
        in_a_row: facts.failed_reads,
    });
    let snapshot = HealthSnapshot {
        reading: stored.reading,
        checked_at: stored.checked_at,
        waba_checked_at: stored.waba.as_ref().and(stored.checked_at),
        waba: stored.waba.unwrap_or_default(),
        read_failure,
    };
    Ok(Known { snapshot, context, webhook, error: stored.error, error_at: stored.error_at, token_dead })
}

fn webhook_facts(
    app: &App,
    channel: &Channel,
    stored: &StoredSnapshot,
    webhook: &Webhook,
    app_callback: AppCallback,
) -> WebhookFacts {
    let expected = callback_url(&app.config.public_url, &channel.phone_number);
    let apps = stored.waba.as_ref().and_then(|waba| waba.subscribed_apps.as_ref());
    // a reading from before our own last change says nothing about it
    let read_since = stored.checked_at >= webhook.checked_at;
    let subscription = match apps.filter(|_| read_since) {
        Some(apps) if apps.iter().any(|a| a.app_id == app.app_id()) => Subscription::Yes,
        Some(_) => Subscription::No,
        None if webhook.subscribed_at.is_some() => Subscription::Yes,
        None if webhook.error.is_some() => Subscription::No,
        None => Subscription::Unread,
    };
    let configuration = stored.reading.webhook_configuration.as_ref();
    let callback_override = match &webhook.override_error {
        Some(text) => Override::Refused { code: None, text: text.clone() },
        None if !read_since && webhook.override_url.is_some() => Override::Ours,
        None => Override::read(&expected, configuration),
    };
    let given_up = webhook.healed_at.is_some() && matches!(callback_override, Override::Foreign(_));
    WebhookFacts {
        subscription,
        subscription_healing: Healing::UnderWay,
        expected_callback: Some(expected),
        callback_override,
        override_healing: if given_up { Healing::GivenUp } else { Healing::UnderWay },
        verified: webhook.verified_at.map(|_| true),
        app_callback,
        app_healing: Healing::UnderWay,
        last_heard_at: webhook.last_heard_at,
        usual_gap: usual_gap(webhook.heard_from, webhook.last_heard_at, webhook.longest_gap),
    }
}

fn token_facts(can_refetch: bool, stored: &StoredSnapshot, token: Option<&channels::TokenState>) -> TokenFacts {
    let lost = stored.error.as_ref().is_some_and(|e| e.kind == FailureKind::AccessLost);
    let state = match (token, stored.error_at) {
        (Some(channels::TokenState { dead_since: Some(since), .. }), _) => TokenState::Dead { since: *since },
        (_, Some(since)) if lost => TokenState::AccessLost { since },
        (Some(token), _) => TokenState::Good { expires_at: token.expires_at },
        (None, _) => TokenState::Unchecked,
    };
    let refetch = can_refetch.then_some(if token.is_some_and(|t| t.dead_since.is_some()) {
        Healing::GivenUp
    } else {
        Healing::UnderWay
    });
    TokenFacts { state, refetch }
}
