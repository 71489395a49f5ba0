//! The Account Health cards of a number, from what a health view holds.

use domain::health::{
    self, Card, HealthContext, HealthSnapshot, LinkIds, Override, RegistrationStanding, Subscription, WebhookFacts,
};
use domain::ids::AppId;
use domain::meta::reading::Provisioned;
use domain::registration::ledger::Outcome;

use crate::flows::health::View;

/// Every card, in the page's order.
pub(super) fn of(view: &View) -> Vec<Card> {
    let snapshot = HealthSnapshot {
        reading: view.reading.clone(),
        checked_at: view.checked_at,
        waba: view.waba.clone(),
        waba_checked_at: view.checked_at,
        read_failure: None,
    };
    let mut context = HealthContext::new(view.channel.onboarding, view.channel.created_at, standing(view));
    context.ids = LinkIds {
        app_id: None::<AppId>,
        business_id: view.channel.business_id.clone(),
        waba_id: Some(view.channel.waba_id.clone()),
    };
    context.webhooks = callbacks(view);
    health::cards(&snapshot, &context, view.report.at)
}

fn standing(view: &View) -> RegistrationStanding {
    let succeeded =
        view.registration.attempts.iter().any(|recorded| recorded.attempt.outcome == Some(Outcome::Success));
    RegistrationStanding {
        decision: view.registration.decision.clone(),
        spent: view.registration.spent,
        hold: None,
        last_refusal: None,
        last_call_at: view.registration.attempts.first().map(|recorded| recorded.attempt.started_at),
        was_registered: succeeded || view.reading.provisioned() == Provisioned::Yes,
        last_onboarded_time: view.reading.last_onboarded_time,
    }
}

fn callbacks(view: &View) -> WebhookFacts {
    let webhook = &view.webhook;
    let callback_override = match &webhook.override_error {
        Some(text) => Override::Refused { code: None, text: text.clone() },
        None => Override::read(&view.expected_webhook_url, view.reading.webhook_configuration.as_ref()),
    };
    WebhookFacts {
        subscription: match (&webhook.error, webhook.subscribed_at) {
            (Some(_), _) => Subscription::No,
            (None, Some(_)) => Subscription::Yes,
            (None, None) => Subscription::Unread,
        },
        expected_callback: Some(view.expected_webhook_url.clone()),
        callback_override,
        last_heard_at: webhook.last_heard_at,
        ..WebhookFacts::default()
    }
}
