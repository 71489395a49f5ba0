//! What a test or a person can do to a WABA, its portfolio and its sharing. Each sends the webhook Meta would.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::action::ActionError;
use super::delivery::Update;
use super::number::Override;
use super::token::TokenDeath;
use super::waba::WabaState;
use super::words::{BusinessVerification, ReviewStatus};

/// A move of a WABA.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum WabaAction {
    /// The WABA's review ends: `account_review_update`.
    Review {
        /// With.
        decision: ReviewStatus,
    },
    /// Banned: `DISABLED_UPDATE`.
    Ban,
    /// Banned in a week: `DISABLED_UPDATE` with `SCHEDULE_FOR_DISABLE`.
    ScheduleBan,
    /// Unbanned.
    Reinstate,
    /// `ACCOUNT_RESTRICTION` for a week.
    Restrict {
        /// `RESTRICTED_BIZ_INITIATED_MESSAGING` and others.
        restriction_type: String,
    },
    /// Lifts it, silently.
    Unrestrict,
    /// `ACCOUNT_VIOLATION`.
    Violation {
        /// `SPAM` and others.
        violation_type: String,
    },
    /// The WABA is gone.
    Delete,
    /// The customer unshared the WABA: `PARTNER_REMOVED`; it reads 100/33 from now on.
    Unshare,
    /// Shared again: `PARTNER_ADDED`.
    Share,
    /// The customer removed the app: `PARTNER_APP_UNINSTALLED`, and its tokens die.
    UninstallApp,
    /// Kills the portfolio's business tokens.
    KillTokens {
        /// How.
        death: TokenDeath,
    },
    /// Payment method missing or there.
    Payment {
        /// Whether it is missing.
        missing: bool,
    },
    /// The portfolio's verification, silently.
    BusinessVerification {
        /// To.
        status: BusinessVerification,
    },
    /// Coexistence device change began.
    Offboarded,
    /// And ended.
    Reconnected,
    /// Somebody else replaced or dropped our override, silently.
    SetOverride {
        /// The new one.
        #[serde(default, rename = "override")]
        over: Option<Override>,
    },
    /// Our subscription is gone, silently.
    Unsubscribe,
    /// Calls of this hour already spent.
    SpendCalls {
        /// How many.
        calls: u64,
    },
    /// Any webhook, as it is.
    Webhook {
        /// Field.
        field: String,
        /// Value.
        value: Value,
        /// Whether the entry id is the partner portfolio's.
        #[serde(default)]
        to_partner: bool,
    },
}

impl World {
    /// Moves a WABA and queues the webhooks of the move.
    pub fn act_on_waba(&mut self, waba_id: &str, action: &WabaAction, now: Timestamp) -> Result<(), ActionError> {
        self.catch_up(now);
        let business_id = self.wabas.get(waba_id).map(|w| w.business_id.clone()).ok_or(ActionError::NoSuchWaba)?;
        if !self.act_on_waba_aloud(waba_id, &business_id, action, now) {
            self.act_on_waba_silently(waba_id, &business_id, action, now);
        }
        Ok(())
    }

    /// The moves the apps hear of; false if this is none of them.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are `act_on_waba_silently`'s")]
    fn act_on_waba_aloud(&mut self, waba_id: &str, business_id: &str, action: &WabaAction, now: Timestamp) -> bool {
        match action {
            WabaAction::Review { decision } => {
                self.set_waba(waba_id, |w| w.review = *decision);
                let value = json!({ "decision": decision });
                self.tell_waba(waba_id, "account_review_update", value, now);
            }
            WabaAction::Ban => self.ban(waba_id, WabaState::Disabled, "DISABLE", now),
            WabaAction::ScheduleBan => {
                let at = now + SignedDuration::from_hours(168);
                self.tell_ban(waba_id, "SCHEDULE_FOR_DISABLE", at, now);
            }
            WabaAction::Reinstate => self.ban(waba_id, WabaState::Active, "REINSTATE", now),
            WabaAction::Restrict { restriction_type } => {
                self.restrict(waba_id, restriction_type, now);
            }
            WabaAction::Violation { violation_type } => {
                let info = json!({ "violation_type": violation_type });
                let value = json!({"event": "ACCOUNT_VIOLATION", "violation_info": info});
                self.tell_waba(waba_id, "account_update", value, now);
            }
            WabaAction::Delete => {
                self.account_event(waba_id, "ACCOUNT_DELETED", now);
                self.set_waba(waba_id, |w| w.deleted = true);
            }
            WabaAction::Unshare => self.unshare(waba_id, now),
            WabaAction::Share => {
                let app = self.default_app().to_owned();
                self.share(&app, business_id, waba_id);
                self.tell_partner(waba_id, "PARTNER_ADDED", &json!({}), now);
            }
            WabaAction::UninstallApp => self.uninstall(waba_id, business_id, now),
            WabaAction::Offboarded => self.account_event(waba_id, "ACCOUNT_OFFBOARDED", now),
            WabaAction::Reconnected => self.account_event(waba_id, "ACCOUNT_RECONNECTED", now),
            WabaAction::Webhook { field, value, to_partner } => {
                let update = Update { field, waba_id, number_id: None, value: value.clone() };
                if *to_partner {
                    let app = self.default_app().to_owned();
                    self.emit_to_partner(&app, &update, now);
                } else {
                    self.emit(&update, now);
                }
            }
            _ => return false,
        }
        true
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are `act_on_waba_aloud`'s")]
    fn act_on_waba_silently(&mut self, waba_id: &str, business_id: &str, action: &WabaAction, now: Timestamp) {
        match action {
            WabaAction::Unrestrict => self.set_waba(waba_id, |w| w.state = WabaState::Active),
            WabaAction::KillTokens { death } => self.kill_tokens_of(business_id, *death),
            WabaAction::Payment { missing } => {
                self.set_waba(waba_id, |w| w.payment_missing = *missing);
            }
            WabaAction::BusinessVerification { status } => {
                if let Some(business) = self.businesses.get_mut(business_id) {
                    business.verification = *status;
                }
            }
            WabaAction::SetOverride { over } => self.subscribe_waba(waba_id, over.clone()),
            WabaAction::Unsubscribe => self.unsubscribe_waba(waba_id),
            WabaAction::SpendCalls { calls } => self.set_usage(waba_id, *calls, now),
            _ => {}
        }
    }

    /// An `account_update` that is its event's name and nothing else.
    fn account_event(&mut self, waba_id: &str, event: &str, now: Timestamp) {
        self.tell_waba(waba_id, "account_update", json!({ "event": event }), now);
    }

    fn set_waba(&mut self, id: &str, change: impl FnOnce(&mut super::waba::Waba)) {
        if let Some(waba) = self.wabas.get_mut(id) {
            change(waba);
        }
    }

    fn tell_waba(&mut self, waba_id: &str, field: &str, value: Value, now: Timestamp) {
        self.emit(&Update { field, waba_id, number_id: None, value }, now);
    }

    /// The `PARTNER_*` events: the customer's ids stand in `waba_info` (facts §3.2).
    pub(crate) fn tell_partner(&mut self, waba_id: &str, event: &str, extra: &Value, now: Timestamp) {
        let owner = self.wabas.get(waba_id).map(|w| w.business_id.clone());
        let mut value = json!({"event": event, "waba_info": {"waba_id": waba_id, "owner_business_id": owner}});
        if let (Some(value), Some(extra)) = (value.as_object_mut(), extra.as_object()) {
            value.extend(extra.clone());
        }
        let app = self.default_app().to_owned();
        self.emit_to_partner(&app, &Update { field: "account_update", waba_id, number_id: None, value }, now);
    }

    fn ban(&mut self, waba_id: &str, state: WabaState, word: &str, now: Timestamp) {
        self.set_waba(waba_id, |w| w.state = state);
        self.tell_ban(waba_id, word, now, now);
    }

    fn tell_ban(&mut self, waba_id: &str, word: &str, at: Timestamp, now: Timestamp) {
        let date = at.strftime("%B %-d, %Y").to_string();
        let value = json!({"event": "DISABLED_UPDATE",
            "ban_info": {"waba_ban_state": word, "waba_ban_date": date}});
        self.tell_waba(waba_id, "account_update", value, now);
    }

    fn restrict(&mut self, waba_id: &str, restriction_type: &str, now: Timestamp) {
        self.set_waba(waba_id, |w| w.state = WabaState::Restricted);
        let expiration = (now + SignedDuration::from_hours(168)).as_second();
        let value = json!({"event": "ACCOUNT_RESTRICTION",
            "restriction_info": [{"restriction_type": restriction_type, "expiration": expiration}]});
        self.tell_waba(waba_id, "account_update", value, now);
    }

    /// Access ends with the share, and so does the subscription (facts §2.3).
    fn unshare(&mut self, waba_id: &str, now: Timestamp) {
        let app = self.default_app().to_owned();
        for install in self.installs.iter_mut().filter(|i| i.app_id == app) {
            install.wabas.retain(|w| w != waba_id);
        }
        self.unsubscribe_waba(waba_id);
        self.tell_partner(waba_id, "PARTNER_REMOVED", &json!({}), now);
    }

    fn uninstall(&mut self, waba_id: &str, business_id: &str, now: Timestamp) {
        let app = self.default_app().to_owned();
        let wabas = self.install(&app, business_id).map(|i| i.wabas.clone()).unwrap_or_default();
        self.installs.retain(|i| !(i.app_id == app && i.business_id == business_id));
        for waba in &wabas {
            self.unsubscribe_waba(waba);
        }
        self.kill_tokens_of(business_id, TokenDeath::SessionInvalidated);
        let info = json!({"waba_info": {"waba_id": waba_id, "owner_business_id": business_id, "partner_app_id": app}});
        self.tell_partner(waba_id, "PARTNER_APP_UNINSTALLED", &info, now);
    }
}
