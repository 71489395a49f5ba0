//! `request_code` and `verify_code` (facts §1.10). Must not register.

use jiff::SignedDuration;
use serde_json::json;

use super::error::{invalid_parameter, missing, numbered};
use super::number::SentCode;
use super::words::{CodeStatus, Obstacle};
use super::{Context, Done, Outcome, World, success};

/// A code lives about ten minutes (facts §1.10).
const CODE_LIFE: SignedDuration = SignedDuration::from_mins(10);
const WRONG_CODES: u32 = 5;

impl World {
    pub(crate) fn request_code(&mut self, c: &Context<'_>) -> Outcome {
        let method = c.request.text("code_method").ok_or_else(|| missing("code_method"))?;
        if !["SMS", "VOICE"].contains(&method.as_str()) {
            return Err(invalid_parameter("Param code_method must be one of {SMS, VOICE}."));
        }
        c.request.text("language").ok_or_else(|| missing("language"))?;
        let code = self.ids.digits(6);
        let number = self.number_mut(c)?;
        let window_over = number.window_is_over(c.now);
        if number.code == CodeStatus::Verified && !window_over && number.obstacle != Some(Obstacle::ConfirmOwnership) {
            return Err(
                numbered(400, 136_024, "Verification code not needed").details("Phone number is already verified.")
            );
        }
        number.sent_code = Some(SentCode { code, until: c.now + CODE_LIFE, wrong: 0 });
        Ok(success())
    }

    pub(crate) fn verify_code(&mut self, c: &Context<'_>) -> Outcome {
        let code: String =
            c.request.text("code").ok_or_else(|| missing("code"))?.chars().filter(char::is_ascii_digit).collect();
        let number = self.number_mut(c)?;
        // 136025 is low in confidence (facts §1.10), but something must answer a wrong code.
        let refused = || {
            numbered(400, 136_025, "Verification code problem")
                .details("The code is wrong or expired. Please request a new one.")
        };
        let sent =
            number.sent_code.as_mut().filter(|s| s.until > c.now && s.wrong < WRONG_CODES).ok_or_else(refused)?;
        if sent.code != code {
            sent.wrong += 1;
            return Err(refused());
        }
        number.sent_code = None;
        number.prove_ownership();
        Ok(Done::Body(json!({"success": true, "id": c.route.id})))
    }
}

impl super::number::Number {
    /// What a right code changes.
    pub(crate) fn prove_ownership(&mut self) {
        self.code = CodeStatus::Verified;
        if self.obstacle == Some(Obstacle::ConfirmOwnership) {
            self.obstacle = None;
        }
    }
}
