//! The callbacks of one number by what is stored: the newest reading, or this installation's own last change where no
//! reading shows it yet. What they mean is `domain::callbacks`'.

use domain::callbacks::{Callbacks, OwnAddresses, OwnOverride, Problem, Subscription, Target};
use domain::channel::callback_url;
use domain::meta::reading::{SubscribedApp, WebhookConfiguration};

use super::record::NumberRecord;
use crate::App;
use crate::store::channels::OverrideLevel;

/// The callback that this installation wants set for the number.
pub(crate) fn expected(app: &App, record: &NumberRecord) -> String {
    callback_url(&app.config.public_url, &record.channel.phone_number)
}

/// The callbacks by a reading that was just made.
pub(crate) fn read(
    app: &App,
    record: &NumberRecord,
    configuration: Option<&WebhookConfiguration>,
    apps: Option<&[SubscribedApp]>,
) -> Callbacks {
    let expected = expected(app, record);
    let own = OwnAddresses { expected: &expected, last_set: record.webhook.override_url.as_deref() };
    Callbacks::read(&own, &app.app_id(), configuration, apps, &record.app_callback.callback)
}

/// The callbacks by what is stored. Everything that assesses, shows or clears them begins here.
pub(crate) fn stored(app: &App, record: &NumberRecord) -> Callbacks {
    let NumberRecord { snapshot, webhook, .. } = record;
    // a reading from before our own last change says nothing about it
    let is_newer = snapshot.checked_at >= webhook.checked_at;
    let configuration = snapshot.reading.webhook_configuration.as_ref().filter(|_| is_newer);
    let apps = snapshot.waba.as_ref().and_then(|waba| waba.subscribed_apps.as_deref()).filter(|_| is_newer);
    let mut callbacks = read(app, record, configuration, apps);
    if callbacks.subscription == Subscription::Unread {
        callbacks.subscription = match (webhook.subscribed_at, &webhook.error) {
            (Some(_), _) => Subscription::Yes,
            (None, Some(_)) => Subscription::No,
            (None, None) => Subscription::Unread,
        };
    }
    if configuration.is_none() && webhook.override_error.is_some() {
        (callbacks.number, callbacks.account) = (Target::Empty, Target::Empty);
    }
    if configuration.is_none() && webhook.override_url.is_some() {
        let expected = expected(app, record);
        let own = OwnAddresses { expected: &expected, last_set: webhook.override_url.as_deref() };
        let set = own.target(webhook.override_url.as_deref());
        match webhook.override_level {
            OverrideLevel::Number => callbacks.number = set,
            OverrideLevel::Waba => (callbacks.number, callbacks.account) = (Target::Empty, set),
            OverrideLevel::None => {}
        }
    }
    callbacks
}

/// What is wrong with the number's callbacks and is repaired without a person.
pub(crate) fn problem(record: &NumberRecord, callbacks: &Callbacks) -> Option<Problem> {
    let webhook = &record.webhook;
    let own = if webhook.override_error.is_some() {
        OwnOverride::Refused
    } else if webhook.override_url.is_some() || webhook.error.is_some() {
        OwnOverride::Wanted
    } else {
        OwnOverride::NeverSet
    };
    callbacks.problem(own)
}
