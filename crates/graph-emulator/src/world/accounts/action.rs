//! The actions that a test or a person can apply to a WABA, its portfolio and its sharing, with the webhooks that Meta
//! would send. Must not answer calls.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::account::{Waba, WabaState};
use crate::world::meta_enums::{BusinessVerification, ReviewStatus};
use crate::world::numbers::action::ActionError;
use crate::world::numbers::number::Override;
use crate::world::oauth::token::TokenDeath;
use crate::world::state::World;
use crate::world::webhooks::publish::WebhookUpdate;

/// One change that a test, a scenario or a person makes to a WABA or its portfolio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum WabaAction {
    /// Ends the review of the WABA: `account_review_update`.
    Review { decision: ReviewStatus },
    /// Bans the WABA: `DISABLED_UPDATE`.
    Ban,
    /// Announces a ban in a week: `DISABLED_UPDATE` with `SCHEDULE_FOR_DISABLE`.
    ScheduleBan,
    /// Lifts a ban: `DISABLED_UPDATE` with `REINSTATE`.
    Reinstate,
    /// Restricts the WABA for a week: `ACCOUNT_RESTRICTION`.
    Restrict {
        /// Meta's word, for example `RESTRICTED_BIZ_INITIATED_MESSAGING`.
        restriction_type: String,
    },
    /// Lifts a restriction, without a webhook.
    Unrestrict,
    /// Reports a violation of policy: `ACCOUNT_VIOLATION`.
    Violation {
        /// Meta's word, for example `SPAM`.
        violation_type: String,
    },
    /// Deletes the WABA: `ACCOUNT_DELETED`.
    Delete,
    /// The customer stops sharing the WABA: `PARTNER_REMOVED`; reads get 100/33 from then on.
    Unshare,
    /// The customer shares the WABA again: `PARTNER_ADDED`.
    Share,
    /// The customer uninstalls the app: `PARTNER_APP_UNINSTALLED`; its tokens become invalid.
    UninstallApp,
    /// Makes the business tokens of the portfolio invalid.
    KillTokens { death: TokenDeath },
    /// Removes or adds the payment method.
    Payment { missing: bool },
    /// Changes the verification of the portfolio, without a webhook.
    BusinessVerification { status: BusinessVerification },
    /// A change of the coexistence device begins.
    Offboarded,
    /// A change of the coexistence device ends.
    Reconnected,
    /// Another product replaces or removes the callback override, without a webhook.
    SetOverride {
        #[serde(default, rename = "override")]
        over: Option<Override>,
    },
    /// Another product removes the subscription, without a webhook.
    Unsubscribe,
    /// Sets the number of management calls already made in this hour.
    SpendCalls { calls: u64 },
    /// Sends any webhook with this field and value.
    Webhook {
        field: String,
        value: Value,
        /// Whether the entry id is that of the partner portfolio.
        #[serde(default)]
        to_partner: bool,
    },
}

impl World {
    /// Applies an action to a WABA and queues the webhooks that Meta would send.
    pub fn act_on_waba(&mut self, waba_id: &str, action: &WabaAction, now: Timestamp) -> Result<(), ActionError> {
        self.run_due_events(now);
        let business_id = self.wabas.get(waba_id).map(|w| w.business_id.clone()).ok_or(ActionError::NoSuchWaba)?;
        if !self.apply_to_waba_with_webhooks(waba_id, &business_id, action, now) {
            self.apply_to_waba_silently(waba_id, &business_id, action, now);
        }
        Ok(())
    }

    /// Applies an action that Meta sends webhooks for; returns false for any other action.
    #[expect(clippy::wildcard_enum_match_arm, reason = "`apply_to_waba_silently` applies all others")]
    fn apply_to_waba_with_webhooks(
        &mut self,
        waba_id: &str,
        business_id: &str,
        action: &WabaAction,
        now: Timestamp,
    ) -> bool {
        match action {
            WabaAction::Review { decision } => {
                self.set_waba(waba_id, |w| w.review = *decision);
                let value = json!({ "decision": decision });
                self.emit_waba_update(waba_id, "account_review_update", value, now);
            }
            WabaAction::Ban => self.ban(waba_id, WabaState::Disabled, "DISABLE", now),
            WabaAction::ScheduleBan => {
                let at = now + SignedDuration::from_hours(168);
                self.emit_ban(waba_id, "SCHEDULE_FOR_DISABLE", at, now);
            }
            WabaAction::Reinstate => self.ban(waba_id, WabaState::Active, "REINSTATE", now),
            WabaAction::Restrict { restriction_type } => {
                self.restrict(waba_id, restriction_type, now);
            }
            WabaAction::Violation { violation_type } => {
                let info = json!({ "violation_type": violation_type });
                let value = json!({"event": "ACCOUNT_VIOLATION", "violation_info": info});
                self.emit_waba_update(waba_id, "account_update", value, now);
            }
            WabaAction::Delete => {
                self.emit_account_event(waba_id, "ACCOUNT_DELETED", now);
                self.set_waba(waba_id, |w| w.deleted = true);
            }
            WabaAction::Unshare => self.unshare(waba_id, now),
            WabaAction::Share => {
                let app = self.default_app().to_owned();
                self.share(&app, business_id, waba_id);
                self.emit_partner_event(waba_id, "PARTNER_ADDED", &json!({}), now);
            }
            WabaAction::UninstallApp => self.uninstall(waba_id, business_id, now),
            WabaAction::Offboarded => self.emit_account_event(waba_id, "ACCOUNT_OFFBOARDED", now),
            WabaAction::Reconnected => self.emit_account_event(waba_id, "ACCOUNT_RECONNECTED", now),
            WabaAction::Webhook { field, value, to_partner } => {
                let update = WebhookUpdate { field, waba_id, number_id: None, value: value.clone() };
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

    #[expect(clippy::wildcard_enum_match_arm, reason = "`apply_to_waba_with_webhooks` applied all others")]
    fn apply_to_waba_silently(&mut self, waba_id: &str, business_id: &str, action: &WabaAction, now: Timestamp) {
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

    /// Queues an `account_update` whose value is only the name of its event.
    fn emit_account_event(&mut self, waba_id: &str, event: &str, now: Timestamp) {
        self.emit_waba_update(waba_id, "account_update", json!({ "event": event }), now);
    }

    fn set_waba(&mut self, id: &str, change: impl FnOnce(&mut Waba)) {
        if let Some(waba) = self.wabas.get_mut(id) {
            change(waba);
        }
    }

    fn emit_waba_update(&mut self, waba_id: &str, field: &str, value: Value, now: Timestamp) {
        self.emit(&WebhookUpdate { field, waba_id, number_id: None, value }, now);
    }

    /// Queues a `PARTNER_*` event, which holds the customer's ids in `waba_info` (facts §3.2).
    pub(crate) fn emit_partner_event(&mut self, waba_id: &str, event: &str, extra: &Value, now: Timestamp) {
        let owner = self.wabas.get(waba_id).map(|w| w.business_id.clone());
        let mut value = json!({"event": event, "waba_info": {"waba_id": waba_id, "owner_business_id": owner}});
        if let (Some(value), Some(extra)) = (value.as_object_mut(), extra.as_object()) {
            value.extend(extra.clone());
        }
        let app = self.default_app().to_owned();
        self.emit_to_partner(&app, &WebhookUpdate { field: "account_update", waba_id, number_id: None, value }, now);
    }

    fn ban(&mut self, waba_id: &str, state: WabaState, word: &str, now: Timestamp) {
        self.set_waba(waba_id, |w| w.state = state);
        self.emit_ban(waba_id, word, now, now);
    }

    fn emit_ban(&mut self, waba_id: &str, word: &str, at: Timestamp, now: Timestamp) {
        let date = at.strftime("%B %-d, %Y").to_string();
        let value = json!({"event": "DISABLED_UPDATE",
            "ban_info": {"waba_ban_state": word, "waba_ban_date": date}});
        self.emit_waba_update(waba_id, "account_update", value, now);
    }

    fn restrict(&mut self, waba_id: &str, restriction_type: &str, now: Timestamp) {
        self.set_waba(waba_id, |w| w.state = WabaState::Restricted);
        let expiration = (now + SignedDuration::from_hours(168)).as_second();
        let value = json!({"event": "ACCOUNT_RESTRICTION",
            "restriction_info": [{"restriction_type": restriction_type, "expiration": expiration}]});
        self.emit_waba_update(waba_id, "account_update", value, now);
    }

    /// Ends sharing, which also ends access and subscription (facts §2.3).
    fn unshare(&mut self, waba_id: &str, now: Timestamp) {
        let app = self.default_app().to_owned();
        for install in self.installs.iter_mut().filter(|i| i.app_id == app) {
            install.wabas.retain(|w| w != waba_id);
        }
        self.unsubscribe_waba(waba_id);
        self.emit_partner_event(waba_id, "PARTNER_REMOVED", &json!({}), now);
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
        self.emit_partner_event(waba_id, "PARTNER_APP_UNINSTALLED", &info, now);
    }
}
