//! `request_code` and `verify_code` (facts §1.10). Must not register.

use jiff::SignedDuration;
use serde_json::json;

use super::number::SentCode;
use crate::world::graph::context::{CallResult, Context, Response, success};
use crate::world::graph::error::{invalid_parameter, missing, numbered};
use crate::world::meta_enums::{CodeStatus, Obstacle};
use crate::world::state::World;

/// Lifetime of a code, about ten minutes (facts §1.10).
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Wrong attempts after which a code is no longer accepted.
const MAX_WRONG_CODES: u32 = 5;

impl World {
    pub(crate) fn request_code(&mut self, c: &Context<'_>) -> CallResult {
        let method = c.request.text("code_method").ok_or_else(|| missing("code_method"))?;
        if !["SMS", "VOICE"].contains(&method.as_str()) {
            return Err(invalid_parameter("Param code_method must be one of {SMS, VOICE}."));
        }
        c.request.text("language").ok_or_else(|| missing("language"))?;
        let code = self.ids.digits(6);
        let number = self.visible_number_mut(c)?;
        let window_over = number.window_is_over(c.now);
        if number.code == CodeStatus::Verified && !window_over && number.obstacle != Some(Obstacle::ConfirmOwnership) {
            return Err(
                numbered(400, 136_024, "Verification code not needed").details("Phone number is already verified.")
            );
        }
        number.sent_code = Some(SentCode { code, until: c.now + CODE_LIFE, wrong: 0 });
        Ok(success())
    }

    pub(crate) fn verify_code(&mut self, c: &Context<'_>) -> CallResult {
        let code: String =
            c.request.text("code").ok_or_else(|| missing("code"))?.chars().filter(char::is_ascii_digit).collect();
        let number = self.visible_number_mut(c)?;
        // That a wrong code gets 136025 is an assumption of low confidence (facts §1.10).
        let refused = || {
            numbered(400, 136_025, "Verification code problem")
                .details("The code is wrong or expired. Please request a new one.")
        };
        let sent =
            number.sent_code.as_mut().filter(|s| s.until > c.now && s.wrong < MAX_WRONG_CODES).ok_or_else(refused)?;
        if sent.code != code {
            sent.wrong += 1;
            return Err(refused());
        }
        number.sent_code = None;
        number.prove_ownership();
        Ok(Response::Body(json!({"success": true, "id": c.route.id})))
    }
}
