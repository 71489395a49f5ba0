//! `register` and `deregister`: the call budget, the PIN and every refusal of facts §2.2. Must not schedule name reviews.
//! A new refusal is a field of `Number`, an action (`action`, `apply_action`) and a check in `World::try_register`. A
//! failure for one test alone needs none of this: `fault`.

use jiff::{SignedDuration, Timestamp};

use super::number::{GuessLock, Number, RegisterCall, RegisterKind};
use crate::world::accounts::account::WabaState;
use crate::world::graph::context::{CallResult, Context, success};
use crate::world::graph::error::{GraphError, NAME_NOT_PROCESSED, certificate, invalid_parameter, numbered};
use crate::world::graph::routes::Op;
use crate::world::meta_enums::{DroppedStatus, TerminalStatus};
use crate::world::schedule::EventKind;
use crate::world::settings::Settings;
use crate::world::state::World;
use crate::world::webhooks::publish::WebhookUpdate;

/// Register and deregister calls of one number that are allowed in [`WINDOW`] (facts §1.7).
const CALL_BUDGET: usize = 10;
const WINDOW: SignedDuration = SignedDuration::from_hours(72);

/// The kind of call that an operation is recorded as; `None` if it is not recorded.
pub(crate) fn kind_of(op: Option<Op>) -> Option<RegisterKind> {
    match op {
        Some(Op::Register) => Some(RegisterKind::Register),
        Some(Op::Deregister) => Some(RegisterKind::Deregister),
        _ => None,
    }
}

impl World {
    pub(crate) fn register(&mut self, c: &Context<'_>) -> CallResult {
        self.visible_number(c)?;
        let pin = c.request.text("pin").unwrap_or_default();
        check_body(c, &pin)?;
        let result = self.try_register(&c.route.id, &pin, c.now);
        self.record_call(&c.route.id, RegisterKind::Register, Some(pin), result.as_ref().err(), c.now);
        result.map(|()| success())
    }

    fn try_register(&mut self, id: &str, pin: &str, now: Timestamp) -> Result<(), GraphError> {
        let waba_state = self.numbers.get(id).and_then(|n| self.wabas.get(&n.waba_id)).map(|w| w.state);
        let settings = self.settings.clone();
        let Some(n) = self.numbers.get_mut(id) else { return Ok(()) };
        check_budget(n, now)?;
        if n.is_coexistence() {
            // The text for register is not documented; it follows the one for deregister (facts §1.8).
            return Err(numbered(400, 100, "Register endpoint is not available for API solution for SMB businesses."));
        }
        if n.account_locked
            || n.terminal_status == Some(TerminalStatus::Banned)
            || waba_state == Some(WabaState::Disabled)
        {
            return Err(numbered(403, 131_031, "Account has been locked").details("Business Account has been locked"));
        }
        if n.half_deregistered {
            return Err(numbered(500, 133_000, "Incomplete Deregistration")
                .details("A previous deregistration attempt failed. Please deregister again."));
        }
        if n.recently_deleted_until.is_some_and(|until| until > now) {
            return Err(numbered(
                400,
                133_015,
                "Please wait a few minutes before attempting to register this phone number",
            ));
        }
        if n.registered {
            return reregister(n, pin, &settings, now);
        }
        if let Some(obstacle) = n.obstacle {
            return Err(certificate(obstacle.user_msg()));
        }
        if !n.code_is_good(now) {
            return Err(numbered(400, 133_006, "Phone number re-verification needed")
                .details("Phone number needs to be verified before registering."));
        }
        if !n.is_provisioned(now) {
            return Err(certificate(NAME_NOT_PROCESSED));
        }
        check_pin(n, pin, &settings, now)?;
        self.complete_registration(id, pin, now);
        Ok(())
    }

    fn complete_registration(&mut self, id: &str, pin: &str, now: Timestamp) {
        let Some(n) = self.numbers.get_mut(id) else { return };
        n.pin = Some(pin.to_owned());
        adopt_new_name(n);
        n.registered = true;
        n.dropped = None;
        let first = !std::mem::replace(&mut n.ever_registered, true);
        if n.activation_delay.is_positive() {
            let at = now + n.activation_delay;
            n.connects_at = Some(at);
            self.schedule.add(at, id, EventKind::Connect);
        }
        if first {
            self.emit_onboarding(id, now);
        }
    }

    /// Queues `ONBOARDING`, which Meta sends while it registers a number (facts §3.3).
    fn emit_onboarding(&mut self, id: &str, now: Timestamp) {
        let Some(n) = self.numbers.get(id) else { return };
        let (waba_id, digits) = (n.waba_id.clone(), n.digits.clone());
        let value = serde_json::json!({"display_phone_number": digits, "event": "ONBOARDING",
            "max_daily_conversations_per_business": "TIER_NOT_SET"});
        let update =
            WebhookUpdate { field: "phone_number_quality_update", waba_id: &waba_id, number_id: Some(id), value };
        self.emit(&update, now);
    }

    pub(crate) fn deregister(&mut self, c: &Context<'_>) -> CallResult {
        self.visible_number(c)?;
        let result = self.try_deregister(&c.route.id, c.now);
        self.record_call(&c.route.id, RegisterKind::Deregister, None, result.as_ref().err(), c.now);
        result.map(|()| success())
    }

    fn try_deregister(&mut self, id: &str, now: Timestamp) -> Result<(), GraphError> {
        let Some(n) = self.numbers.get_mut(id) else { return Ok(()) };
        check_budget(n, now)?;
        if n.is_coexistence() {
            return Err(numbered(
                400,
                100,
                "Deregister endpoint is not available for API solution for SMB businesses.",
            ));
        }
        if n.half_deregistered {
            n.half_deregistered = false;
        } else if !n.registered {
            return Err(numbered(400, 100, "Phone number is not registered.").subcode(2_207_051));
        }
        n.registered = false;
        n.connects_at = None;
        n.dropped = Some(DroppedStatus::Disconnected);
        if std::mem::take(&mut n.fail_next_deregister) {
            n.half_deregistered = true;
            return Err(numbered(500, 133_000, "Incomplete Deregistration")
                .details("A previous deregistration attempt failed. Please deregister again."));
        }
        Ok(())
    }

    /// Records a call; one refused with 133016 does not count.
    pub(crate) fn record_call(
        &mut self,
        id: &str,
        kind: RegisterKind,
        pin: Option<String>,
        error: Option<&GraphError>,
        now: Timestamp,
    ) {
        let Some(n) = self.numbers.get_mut(id) else { return };
        let code = error.map_or(0, GraphError::code);
        let subcode = error.and_then(GraphError::error_subcode);
        n.calls.push(RegisterCall { at: now, kind, pin, code, subcode, counted: code != 133_016 });
    }
}

fn check_body(c: &Context<'_>, pin: &str) -> Result<(), GraphError> {
    if c.request.text("messaging_product").as_deref() != Some("whatsapp") {
        return Err(numbered(400, 100, "The parameter messaging_product is required."));
    }
    if pin.len() != 6 || !pin.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid_parameter("Param pin must be 6 digits."));
    }
    Ok(())
}

/// Refuses calls above the budget: the eleventh call in 72 h locks the number for 72 h (facts §1.7).
fn check_budget(n: &mut Number, now: Timestamp) -> Result<(), GraphError> {
    let exceeded = || {
        numbered(400, 133_016, "Account register deregister rate limit exceeded").details(
            "There have been too many attempts to register or deregister this phone number. Please try again later.",
        )
    };
    if n.locked_until.is_some_and(|until| until > now) {
        return Err(exceeded());
    }
    if n.calls_in_window(now) >= CALL_BUDGET {
        n.locked_until = Some(now + WINDOW);
        return Err(exceeded());
    }
    Ok(())
}

/// Registers a registered number again: its own PIN succeeds, another gets 133005; in phase 1 any PIN succeeds and the old
/// one is kept (facts D4). An approved new name takes effect with it (facts §1.7).
fn reregister(n: &mut Number, pin: &str, settings: &Settings, now: Timestamp) -> Result<(), GraphError> {
    if !settings.reregister_keeps_pin {
        check_pin(n, pin, settings, now)?;
        n.pin = Some(pin.to_owned());
    }
    adopt_new_name(n);
    Ok(())
}

fn adopt_new_name(n: &mut Number) {
    if let Some(new) = n.new_name.take_if(|new| new.status.is_good()) {
        n.name = new.name;
        n.name_status = new.status;
    }
}

/// Checks the two-step PIN, which must equal the one that is set (facts §1.7); wrong guesses are limited (D15).
fn check_pin(n: &mut Number, pin: &str, settings: &Settings, now: Timestamp) -> Result<(), GraphError> {
    let Some(held) = &n.pin else { return Ok(()) };
    if let Some(lock) = n.guesses.locked.filter(|lock| lock.until > now) {
        return Err(guess_error(lock, now));
    }
    if held == pin {
        n.guesses.wrong.clear();
        return Ok(());
    }
    let lasts = SignedDuration::from_hours(settings.pin_lock_hours);
    n.guesses.wrong.retain(|at| now.duration_since(*at) < lasts);
    let fast = SignedDuration::from_secs(settings.pin_fast_seconds);
    let too_fast = n.guesses.wrong.last().is_some_and(|last| now.duration_since(*last) < fast);
    n.guesses.wrong.push(now);
    if n.guesses.wrong.len() > settings.pin_guesses {
        n.guesses.wrong.clear();
        return Err(guess_error(lock(n, 133_008, now + lasts), now));
    }
    if too_fast {
        let until = now + SignedDuration::from_mins(settings.pin_fast_lock_minutes);
        return Err(guess_error(lock(n, 133_009, until), now));
    }
    Err(numbered(400, 133_005, "Two step verification PIN Mismatch").details("Two-step verification PIN is incorrect."))
}

fn lock(n: &mut Number, code: i64, until: Timestamp) -> GuessLock {
    let lock = GuessLock { code, until };
    n.guesses.locked = Some(lock);
    lock
}

/// The error of a locked PIN. Its details contain the time to wait, in a format that is not documented (facts D15).
fn guess_error(lock: GuessLock, now: Timestamp) -> GraphError {
    let minutes = (lock.until.duration_since(now).as_secs() + 59) / 60;
    let wait = if minutes % 60 == 0 { format!("{} hours", minutes / 60) } else { format!("{minutes} minutes") };
    let title = if lock.code == 133_008 {
        "Too Many two step verification PIN Guesses"
    } else {
        "Two step verification PIN Guessed Too Fast"
    };
    numbered(400, lock.code, title).details(format!("Please try again in {wait}."))
}
