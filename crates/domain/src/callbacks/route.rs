//! Which of the callbacks at Meta is in force for a number, and what follows from it: where its messages go, what is wrong,
//! what to set, what to clear. Everything that sets, repairs, assesses, reports or clears a callback asks here.

use super::address::{OwnAddresses, Target, is_same};
use super::app::AppCallback;
use super::repairs::Problem;
use crate::ids::AppId;
use crate::meta::reading::{SubscribedApp, WebhookConfiguration};

/// A level on which Meta keeps a callback, the strongest first: the number's outranks the account's, which outranks the
/// app's (facts §1.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum CallbackLevel {
    Number,
    Account,
    App,
}

/// Whether the installation's app is subscribed to the account's webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subscription {
    #[default]
    Unread,
    /// The list of subscribed apps names our app id.
    Yes,
    No,
}

impl Subscription {
    /// Whether the app is subscribed; `None` while that was not read.
    pub const fn is_subscribed(self) -> Option<bool> {
        match self {
            Self::Unread => None,
            Self::Yes => Some(true),
            Self::No => Some(false),
        }
    }
}

/// The callbacks that concern one number, on every level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Callbacks {
    pub subscription: Subscription,
    /// The override of the number itself.
    pub number: Target,
    /// The override of its account.
    pub account: Target,
    /// The app's own callback.
    pub app: AppCallback,
}

/// What became of this installation's own override.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnOverride {
    /// None was ever set. One is missed only where messages do not arrive by the app's callback either.
    NeverSet,
    /// It was set, or its setting failed and is tried again.
    Wanted,
    /// Meta refused it. A person may try again.
    Refused,
}

/// Where Meta sends the messages of a number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Route {
    /// The level that decides was not read.
    #[default]
    Unread,
    /// Nowhere: the app is not subscribed to the account.
    NotSubscribed,
    /// Here, by the callback of this level.
    Here(CallbackLevel),
    /// To another address, by the callback of this level.
    Elsewhere { level: CallbackLevel, url: String },
    /// Nowhere: no level has a callback.
    Nowhere,
}

impl Route {
    /// Whether messages arrive here; `None` while that is not known.
    pub const fn is_here(&self) -> Option<bool> {
        match self {
            Self::Unread => None,
            Self::Here(_) => Some(true),
            Self::NotSubscribed | Self::Elsewhere { .. } | Self::Nowhere => Some(false),
        }
    }

    /// The level whose callback is in force.
    pub const fn level(&self) -> Option<CallbackLevel> {
        match self {
            Self::Here(level) | Self::Elsewhere { level, .. } => Some(*level),
            Self::Unread | Self::NotSubscribed | Self::Nowhere => None,
        }
    }
}

/// The calls that bring the messages of a number here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Subscribe the app first. The call erases an override of the account, so it is made only where it is needed.
    pub subscribes: bool,
    /// The level on which the override is set.
    pub level: CallbackLevel,
}

/// What is removed at Meta when a number is deleted here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clearing {
    /// The number's own override.
    pub number: bool,
    /// The app's subscription to the account, and with it the account's override.
    pub subscription: bool,
}

impl Callbacks {
    /// Reads the callbacks. `configuration` is the number's reading, `apps` the account's subscribed apps, `app` the app's
    /// own callback; each is `None` (or unread) where it was not read.
    pub fn read(
        own: &OwnAddresses<'_>,
        app_id: &AppId,
        configuration: Option<&WebhookConfiguration>,
        apps: Option<&[SubscribedApp]>,
        app: &AppCallback,
    ) -> Self {
        let target = |url: Option<&String>| own.target(url.map(String::as_str));
        let ours = apps.map(|apps| apps.iter().find(|subscribed| subscribed.app_id == *app_id));
        Self {
            subscription: match ours {
                None => Subscription::Unread,
                Some(None) => Subscription::No,
                Some(Some(_)) => Subscription::Yes,
            },
            number: configuration.map_or(Target::Unread, |set| target(set.phone_number.as_ref())),
            account: match (configuration, ours) {
                (Some(set), _) => target(set.whatsapp_business_account.as_ref()),
                (None, Some(ours)) => target(ours.and_then(|app| app.override_callback_uri.as_ref())),
                (None, None) => Target::Unread,
            },
            app: match (app, configuration.and_then(|set| set.application.as_ref())) {
                (AppCallback::Unread, Some(url)) => match own.target(Some(url.as_str())) {
                    Target::Ours(_) => AppCallback::Ours,
                    Target::Outdated(url) | Target::Foreign(url) => AppCallback::Foreign(url),
                    Target::Empty | Target::Unread => AppCallback::Unread,
                },
                (known, _) => known.clone(),
            },
        }
    }

    /// Where messages go: nowhere while the app is not subscribed.
    pub fn route(&self) -> Route {
        if self.subscription == Subscription::No { Route::NotSubscribed } else { self.route_once_subscribed() }
    }

    /// Where messages go while the app is subscribed: by the first level that has a callback.
    pub fn route_once_subscribed(&self) -> Route {
        for (level, target) in self.overrides() {
            match target {
                Target::Unread => return Route::Unread,
                Target::Empty => {}
                Target::Ours(_) => return Route::Here(level),
                Target::Outdated(url) | Target::Foreign(url) => return Route::Elsewhere { level, url: url.clone() },
            }
        }
        match &self.app {
            AppCallback::Unread => Route::Unread,
            AppCallback::Ours | AppCallback::LacksFields(_) => Route::Here(CallbackLevel::App),
            AppCallback::Missing => Route::Nowhere,
            AppCallback::Foreign(url) => Route::Elsewhere { level: CallbackLevel::App, url: url.clone() },
        }
    }

    /// Whether neither the number nor its account has a callback; `None` while that was not read.
    pub fn has_no_override(&self) -> Option<bool> {
        match (&self.number, &self.account) {
            (Target::Unread, _) | (Target::Empty, Target::Unread) => None,
            (number, account) => Some(*number == Target::Empty && *account == Target::Empty),
        }
    }

    /// What is wrong on the number and its account and is repaired without a person; `None` as well where the level that
    /// decides was not read.
    pub fn problem(&self, own: OwnOverride) -> Option<Problem> {
        if self.subscription == Subscription::No {
            return Some(Problem::Unsubscribed);
        }
        for (_, target) in self.overrides() {
            match target {
                Target::Unread | Target::Ours(_) => return None,
                Target::Empty => {}
                Target::Outdated(_) => return Some(Problem::OverrideOutdated),
                Target::Foreign(_) => return Some(Problem::OverrideForeign),
            }
        }
        let is_repaired = match own {
            OwnOverride::NeverSet => self.route_once_subscribed().is_here() == Some(false),
            OwnOverride::Wanted => true,
            OwnOverride::Refused => false,
        };
        is_repaired.then_some(Problem::OverrideMissing)
    }

    /// What to set. The account's override serves its first number. The number's own is set where one stands already, since
    /// it outranks the account's, and where the account's leads to a sibling here, who would be silenced otherwise.
    pub fn plan(&self, expected: &str) -> Plan {
        let subscribes = self.subscription != Subscription::Yes;
        let is_a_siblings = matches!(&self.account, Target::Ours(url) if !is_same(url, expected)) && !subscribes;
        let stands = matches!(self.number, Target::Ours(_) | Target::Outdated(_) | Target::Foreign(_));
        let level = if stands || is_a_siblings { CallbackLevel::Number } else { CallbackLevel::Account };
        Plan { subscribes, level }
    }

    /// What to remove at Meta once the number is deleted here: what this installation set. An override of another system
    /// stays. `is_last` tells that no sibling needs the account's subscription.
    pub fn clearing(&self, is_last: bool) -> Clearing {
        Clearing { number: matches!(self.number, Target::Ours(_) | Target::Outdated(_)), subscription: is_last }
    }

    fn overrides(&self) -> [(CallbackLevel, &Target); 2] {
        [(CallbackLevel::Number, &self.number), (CallbackLevel::Account, &self.account)]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXPECTED: &str = "https://lines.example/webhooks/whatsapp/+15550100001";
    const SIBLING: &str = "https://lines.example/webhooks/whatsapp/+15550100002";
    const BEFORE: &str = "https://old.example/webhooks/whatsapp/+15550100001";
    const OTHER: &str = "https://x.example/hook";

    fn read(number: &str, account: &str, app: &AppCallback) -> Callbacks {
        let configuration = WebhookConfiguration {
            application: None,
            whatsapp_business_account: Some(account.to_owned()),
            phone_number: Some(number.to_owned()),
        };
        let id = AppId("740".to_owned());
        let apps = [SubscribedApp { app_id: id.clone(), override_callback_uri: None }];
        let own = OwnAddresses { expected: EXPECTED, last_set: Some(BEFORE) };
        Callbacks::read(&own, &id, Some(&configuration), Some(&apps), app)
    }

    fn elsewhere(level: CallbackLevel, url: &str) -> Route {
        Route::Elsewhere { level, url: url.to_owned() }
    }

    #[test]
    fn the_number_outranks_the_account_and_the_account_outranks_the_app() {
        use CallbackLevel as L;
        let foreign = || AppCallback::Foreign(OTHER.to_owned());
        for (number, account, app, route, problem) in [
            (EXPECTED, OTHER, foreign(), Route::Here(L::Number), None),
            (OTHER, EXPECTED, AppCallback::Ours, elsewhere(L::Number, OTHER), Some(Problem::OverrideForeign)),
            (BEFORE, EXPECTED, AppCallback::Ours, elsewhere(L::Number, BEFORE), Some(Problem::OverrideOutdated)),
            ("", EXPECTED, foreign(), Route::Here(L::Account), None),
            ("", SIBLING, foreign(), Route::Here(L::Account), None),
            ("", OTHER, AppCallback::Ours, elsewhere(L::Account, OTHER), Some(Problem::OverrideForeign)),
            ("", BEFORE, AppCallback::Ours, elsewhere(L::Account, BEFORE), Some(Problem::OverrideOutdated)),
            ("", "", AppCallback::Ours, Route::Here(L::App), Some(Problem::OverrideMissing)),
            ("", "", foreign(), elsewhere(L::App, OTHER), Some(Problem::OverrideMissing)),
            ("", "", AppCallback::Missing, Route::Nowhere, Some(Problem::OverrideMissing)),
            ("", "", AppCallback::Unread, Route::Unread, Some(Problem::OverrideMissing)),
        ] {
            let callbacks = read(number, account, &app);
            let found = (callbacks.route(), callbacks.problem(OwnOverride::Wanted));
            assert_eq!(found, (route, problem), "{number} {account}");
        }
    }

    #[test]
    fn what_was_not_read_is_not_known() {
        let own = OwnAddresses { expected: EXPECTED, last_set: None };
        let id = AppId("740".to_owned());
        let nothing = Callbacks::read(&own, &id, None, None, &AppCallback::Ours);
        let found = (nothing.route(), nothing.problem(OwnOverride::Wanted), nothing.has_no_override());
        assert_eq!(found, (Route::Unread, None, None));
        // the account's subscriptions name its override too, and say nothing of the number's
        let apps = [SubscribedApp { app_id: id.clone(), override_callback_uri: Some(OTHER.to_owned()) }];
        let listed = Callbacks::read(&own, &id, None, Some(&apps), &AppCallback::Ours);
        assert_eq!((&listed.account, listed.route()), (&Target::Foreign(OTHER.to_owned()), Route::Unread));
        let unsubscribed = Callbacks::read(&own, &id, None, Some(&[]), &AppCallback::Ours);
        let found = (unsubscribed.route(), unsubscribed.problem(OwnOverride::Wanted));
        assert_eq!(found, (Route::NotSubscribed, Some(Problem::Unsubscribed)));
    }

    #[test]
    fn an_override_that_was_never_set_or_was_refused_is_not_missed_while_messages_arrive() {
        let foreign = AppCallback::Foreign(OTHER.to_owned());
        for (own, app, problem) in [
            (OwnOverride::NeverSet, AppCallback::Ours, None),
            (OwnOverride::NeverSet, AppCallback::Unread, None),
            (OwnOverride::NeverSet, foreign.clone(), Some(Problem::OverrideMissing)),
            (OwnOverride::Wanted, AppCallback::Ours, Some(Problem::OverrideMissing)),
            (OwnOverride::Refused, foreign, None),
        ] {
            assert_eq!(read("", "", &app).problem(own), problem, "{own:?} {app:?}");
        }
    }

    #[test]
    fn the_override_is_set_where_it_takes_effect() {
        use CallbackLevel::{Account, Number};
        for (number, account, level) in [
            ("", "", Account),
            ("", EXPECTED, Account),
            ("", OTHER, Account),
            ("", BEFORE, Account),
            ("", SIBLING, Number),
            (OTHER, "", Number),
            (OTHER, EXPECTED, Number),
            (BEFORE, OTHER, Number),
            (EXPECTED, SIBLING, Number),
        ] {
            let plan = read(number, account, &AppCallback::Ours).plan(EXPECTED);
            assert_eq!(plan, Plan { subscribes: false, level }, "{number} {account}");
        }
        let mut lost = read("", SIBLING, &AppCallback::Ours);
        lost.subscription = Subscription::No;
        assert_eq!(lost.plan(EXPECTED), Plan { subscribes: true, level: Account }, "the call erases the account's");
    }

    #[test]
    fn only_what_this_installation_set_is_cleared() {
        for (number, clears) in [("", false), (OTHER, false), (EXPECTED, true), (BEFORE, true)] {
            let callbacks = read(number, SIBLING, &AppCallback::Ours);
            assert_eq!(callbacks.clearing(true), Clearing { number: clears, subscription: true }, "{number}");
            assert_eq!(callbacks.clearing(false), Clearing { number: clears, subscription: false }, "{number}");
        }
    }

    fn any_url() -> impl Strategy<Value = &'static str> {
        prop_oneof![Just(""), Just(EXPECTED), Just(SIBLING), Just(BEFORE), Just(OTHER)]
    }

    proptest! {
        /// Whatever stands at Meta, the plan's calls bring the messages here.
        #[test]
        fn after_the_planned_calls_messages_arrive_here(
            number in any_url(), account in any_url(), subscribed in any::<bool>(), app_is_ours in any::<bool>()
        ) {
            let app = if app_is_ours { AppCallback::Ours } else { AppCallback::Foreign(OTHER.to_owned()) };
            let mut before = read(number, account, &app);
            before.subscription = if subscribed { Subscription::Yes } else { Subscription::No };
            let plan = before.plan(EXPECTED);
            prop_assert_eq!(plan.subscribes, !subscribed);
            let account = if plan.subscribes { "" } else { account };
            let on_number = plan.level == CallbackLevel::Number;
            let after = if on_number { read(EXPECTED, account, &app) } else { read(number, EXPECTED, &app) };
            prop_assert_eq!(after.route(), Route::Here(plan.level));
            prop_assert_eq!(after.problem(OwnOverride::Wanted), None);
        }
    }
}
