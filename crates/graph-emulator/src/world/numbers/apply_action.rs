//! Applies actions to a number and queues the webhooks that Meta would send. Must not answer calls.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::action::{ActionError, NumberAction};
use super::number::{GuessLock, Guesses, Number};
use crate::world::meta_enums::{
    CodeStatus, DroppedStatus, NameDecision, NameStatus, Obstacle, Quality, TerminalStatus, Throughput, Tier,
};
use crate::world::state::World;
use crate::world::webhooks::publish::WebhookUpdate;

impl World {
    /// Applies an action to a number and queues the webhooks that Meta would send.
    pub fn act(&mut self, number_id: &str, action: &NumberAction, now: Timestamp) -> Result<(), ActionError> {
        self.run_due_events(now);
        if !self.numbers.contains_key(number_id) {
            return Err(ActionError::NoSuchNumber);
        }
        if let NumberAction::SetOverride { over } = action {
            self.override_number(number_id, over.clone());
            return Ok(());
        }
        if self.apply_with_webhooks(number_id, action, now)? {
            return Ok(());
        }
        if let Some(number) = self.numbers.get_mut(number_id) {
            apply_silently(number, action, now);
        }
        Ok(())
    }

    /// Applies an action that Meta sends webhooks for; returns false for any other action.
    #[expect(clippy::wildcard_enum_match_arm, reason = "`apply_silently` names all others")]
    fn apply_with_webhooks(&mut self, id: &str, action: &NumberAction, now: Timestamp) -> Result<bool, ActionError> {
        match action {
            NumberAction::ApproveName => {
                self.decide_pending_name(id, NameDecision::Approved, None, now)?;
            }
            NumberAction::DeclineName { reason } => {
                self.decide_pending_name(id, NameDecision::Declined, reason.as_deref(), now)?;
            }
            NumberAction::DeferName => {
                self.decide_pending_name(id, NameDecision::Deferred, None, now)?;
            }
            NumberAction::ReviewName { lasts, outcome } => {
                if let Some(number) = self.numbers.get_mut(id) {
                    number.name_status = NameStatus::PendingReview;
                    number.provisioned_at = None;
                }
                self.schedule_review(id, *lasts, *outcome, now);
            }
            NumberAction::SubmitName { name, lasts, outcome } => {
                let outcome = outcome.unwrap_or(NameDecision::Approved);
                self.submit_name(id, name, lasts.map(|lasts| (lasts, outcome)), now);
            }
            NumberAction::SetPin { pin } => {
                self.with_number(id, |n| n.pin = Some(pin.clone()));
                self.emit_security_update(id, json!({"event": "PIN_CHANGED"}), now);
            }
            NumberAction::RequestPinReset => {
                self.emit_security_update(
                    id,
                    json!({"event": "PIN_RESET_REQUEST", "requester": "61550000000001"}),
                    now,
                );
            }
            NumberAction::TurnOffTwoStep => {
                self.with_number(id, |n| {
                    n.pin = None;
                    n.guesses = Guesses::default();
                    n.obstacle = n.obstacle.filter(|o| *o != Obstacle::TwoStepAtOldOwner);
                });
                self.emit_security_update(id, json!({"event": "PIN_REQUEST_SUCCESS"}), now);
            }
            NumberAction::Quality { quality } => self.change_quality(id, *quality, now),
            NumberAction::Limit { tier } => self.change_limit(id, *tier, now),
            NumberAction::Throughput { level } => self.change_throughput(id, *level, now),
            NumberAction::CoexistenceEnded { reason } => self.end_coexistence(id, reason, now),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn with_number(&mut self, id: &str, change: impl FnOnce(&mut Number)) {
        if let Some(number) = self.numbers.get_mut(id) {
            change(number);
        }
    }

    /// Queues an update about a number; besides its value it has only the digits of the number (facts §3.2).
    fn emit_number_update(&mut self, id: &str, field: &str, mut value: Value, now: Timestamp) {
        let Some(n) = self.numbers.get(id) else { return };
        value["display_phone_number"] = json!(n.digits);
        let waba_id = n.waba_id.clone();
        self.emit(&WebhookUpdate { field, waba_id: &waba_id, number_id: Some(id), value }, now);
    }

    fn emit_security_update(&mut self, id: &str, value: Value, now: Timestamp) {
        self.emit_number_update(id, "security", value, now);
    }

    /// Meta removed the quality events from its documentation in 2025, but may still send them (facts D19).
    fn change_quality(&mut self, id: &str, quality: Quality, now: Timestamp) {
        let Some(n) = self.numbers.get_mut(id) else { return };
        let before = std::mem::replace(&mut n.quality, quality);
        let event = match (before, quality) {
            (Quality::Red, Quality::Red) => return,
            (_, Quality::Red) => "FLAGGED",
            (Quality::Red, _) => "UNFLAGGED",
            _ => return,
        };
        let limit = self.portfolio_limit_of_number(id);
        self.emit_number_update(
            id,
            "phone_number_quality_update",
            json!({"event": event, "current_limit": limit}),
            now,
        );
    }

    fn change_throughput(&mut self, id: &str, level: Throughput, now: Timestamp) {
        self.with_number(id, |n| n.throughput = level);
        if level == Throughput::High {
            let value = json!({"event": "THROUGHPUT_UPGRADE", "max_daily_conversations_per_business": self.portfolio_limit_of_number(id)});
            self.emit_number_update(id, "phone_number_quality_update", value, now);
        }
    }

    fn portfolio_limit_of_number(&self, id: &str) -> Option<Tier> {
        let waba = self.wabas.get(&self.numbers.get(id)?.waba_id)?;
        Some(self.businesses.get(&waba.business_id)?.limit)
    }

    /// Changes the messaging limit. It belongs to the portfolio, so every WABA of it gets the webhook (facts §3.3).
    fn change_limit(&mut self, id: &str, tier: Tier, now: Timestamp) {
        let Some(waba_id) = self.numbers.get(id).map(|n| n.waba_id.clone()) else { return };
        let Some(business_id) = self.wabas.get(&waba_id).map(|w| w.business_id.clone()) else {
            return;
        };
        if let Some(business) = self.businesses.get_mut(&business_id) {
            business.limit = tier;
        }
        let shown = if self.settings.numeric_limit_webhooks { numeric(tier) } else { json!(tier) };
        let value = json!({"max_daily_conversations_per_business": shown, "max_phone_numbers_per_waba": 25});
        let wabas: Vec<String> =
            self.wabas.values().filter(|w| w.business_id == business_id).map(|w| w.id.clone()).collect();
        for waba in wabas {
            let value = value.clone();
            let update = WebhookUpdate { field: "business_capability_update", waba_id: &waba, number_id: None, value };
            self.emit(&update, now);
        }
    }

    fn end_coexistence(&mut self, id: &str, reason: &str, now: Timestamp) {
        let Some(n) = self.numbers.get_mut(id) else { return };
        n.registered = false;
        n.on_biz_app = false;
        n.dropped = Some(DroppedStatus::Disconnected);
        let initiated_by = if reason.ends_with("INACTIVITY") { "SYSTEM" } else { "USER" };
        let extra = json!({"phone_number": n.digits,
            "disconnection_info": {"reason": reason, "initiated_by": initiated_by}});
        let waba_id = n.waba_id.clone();
        self.emit_partner_event(&waba_id, "PARTNER_REMOVED", &extra, now);
    }
}

fn numeric(tier: Tier) -> Value {
    json!(match tier {
        Tier::Tier50 => 50,
        Tier::Tier250 => 250,
        Tier::Tier1K => 1_000,
        Tier::Tier2K => 2_000,
        Tier::Tier10K => 10_000,
        Tier::Tier100K => 100_000,
        Tier::Unlimited | Tier::NotSet => -1,
    })
}

/// Applies an action that Meta sends no webhook for.
#[expect(clippy::too_many_lines, reason = "one short arm per action reads best in one table")]
fn apply_silently(n: &mut Number, action: &NumberAction, now: Timestamp) {
    match action {
        NumberAction::SetNameStatus { status } => n.name_status = *status,
        NumberAction::Provision => n.provisioned_at = Some(now),
        NumberAction::ProvisionAt { at } => n.provisioned_at = Some(*at),
        NumberAction::NeverProvision => n.provisioned_at = None,
        NumberAction::ShowCertificate { when } => n.certificate = *when,
        NumberAction::VerifyCode => {
            n.onboarded_at = if n.window_is_over(now) { now } else { n.onboarded_at };
            n.prove_ownership();
        }
        NumberAction::ExpireCode => n.code = CodeStatus::Expired,
        NumberAction::UnverifyCode => n.code = CodeStatus::NotVerified,
        NumberAction::LockPin { code, minutes } => {
            n.guesses.locked = Some(GuessLock { code: *code, until: now + SignedDuration::from_mins(*minutes) });
            n.pin.get_or_insert_with(|| "000000".to_owned());
        }
        NumberAction::Restrict { restriction } => n.restriction = Some(*restriction),
        NumberAction::Unrestrict => n.restriction = None,
        NumberAction::Ban => n.terminal_status = Some(TerminalStatus::Banned),
        NumberAction::Delete => n.terminal_status = Some(TerminalStatus::Deleted),
        NumberAction::Migrate => n.terminal_status = Some(TerminalStatus::Migrated),
        NumberAction::Restore => n.terminal_status = None,
        NumberAction::Disconnect { reads } => {
            n.registered = false;
            n.connects_at = None;
            n.dropped = Some(reads.unwrap_or(DroppedStatus::Disconnected));
        }
        NumberAction::Registered { pin } => {
            (n.registered, n.ever_registered, n.connects_at, n.dropped) = (true, true, None, None);
            n.pin = Some(pin.clone());
        }
        NumberAction::SetObstacle { obstacle } => n.obstacle = Some(*obstacle),
        NumberAction::ClearObstacle => n.obstacle = None,
        NumberAction::RecentlyDeleted { minutes } => {
            n.recently_deleted_until = Some(now + SignedDuration::from_mins(*minutes));
        }
        NumberAction::FailNextDeregister => n.fail_next_deregister = true,
        NumberAction::HalfDeregister => {
            n.half_deregistered = true;
            n.registered = false;
        }
        NumberAction::Coexistence { on } => {
            n.on_biz_app = *on;
            n.registered = n.registered || *on;
        }
        NumberAction::LockAccount => n.account_locked = true,
        NumberAction::UnlockAccount => n.account_locked = false,
        NumberAction::SipErrors { on } => n.sip_errors = *on,
        NumberAction::ActivationDelay { seconds } => {
            n.activation_delay = SignedDuration::from_secs(*seconds);
        }
        NumberAction::BackdateOnboarding { days } => n.onboarded_at = now - SignedDuration::from_hours(24 * days),
        NumberAction::OverrideField { field, value } => {
            n.field_overrides.insert(field.clone(), value.clone());
        }
        NumberAction::ClearFieldOverrides => n.field_overrides.clear(),
        NumberAction::ClearLedger => {
            n.calls.clear();
            n.locked_until = None;
        }
        // `act` and `apply_with_webhooks` applied these.
        NumberAction::SetOverride { .. }
        | NumberAction::ApproveName
        | NumberAction::DeclineName { .. }
        | NumberAction::DeferName
        | NumberAction::ReviewName { .. }
        | NumberAction::SubmitName { .. }
        | NumberAction::SetPin { .. }
        | NumberAction::RequestPinReset
        | NumberAction::TurnOffTwoStep
        | NumberAction::Quality { .. }
        | NumberAction::Limit { .. }
        | NumberAction::Throughput { .. }
        | NumberAction::CoexistenceEnded { .. } => {}
    }
}
