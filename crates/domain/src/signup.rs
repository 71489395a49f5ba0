//! Embedded signup: its input, its states, which number it is about, and what an unfinished one waits for. Must not
//! know how the signup flow carries it out.

use crate::ids::{BusinessId, PhoneNumberId, WabaId};

mod choice;
mod next_step;

pub use choice::{NotChosen, SeenNumber, Wanted, choose};
pub use next_step::NextStep;

/// How far a signup is. The word is stored, and shown by the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SignupState {
    /// The request is stored, the code is not exchanged.
    New,
    /// The token is stored.
    Exchanged,
    /// The channel is stored; its set-up has not ended.
    Connected,
    /// The set-up of the channel ended.
    Done,
    /// The token is kept, and something is missing or wrong: [`NextStep`] says what.
    Unfinished,
    /// It ended without a channel, and its token is destroyed.
    Failed,
}

/// The way on which a signup came in; it decides about numbers that nobody named and numbers that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SignupRoute {
    /// The origin's route: takes an account's first number (E3), and refuses a known number (A2).
    Origin,
    /// Our own route: takes an account's only number, and re-authorises a known number of the same account.
    Own,
    /// No browser came: Meta's `PARTNER_ADDED` webhook began it.
    Recovered,
}

impl SignupState {
    /// Whether nothing happens to the signup any more.
    pub const fn is_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed)
    }
}

/// What the browser submitted after Meta's popup; claims until Meta confirms them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignupSubmission {
    pub waba_id: Option<WabaId>,
    pub phone_number_id: Option<PhoneNumberId>,
    pub business_id: Option<BusinessId>,
    /// The number stays in the WhatsApp Business app.
    pub is_coexistence: bool,
}

/// The message that names every missing parameter, in the origin's order and words (E1); `None` when all are there.
pub fn missing_parameters(code: &str, business_id: &str, waba_id: &str, is_coexistence: bool) -> Option<String> {
    let missing: Vec<&str> = [
        ("code", code.trim().is_empty()),
        ("business_id", business_id.trim().is_empty() && !is_coexistence),
        ("waba_id", waba_id.trim().is_empty()),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect();
    (!missing.is_empty()).then(|| format!("Required parameters are missing: {}", missing.join(", ")))
}

/// The message for the first thing that set-up lacks before any call, in the origin's order and words (W9).
pub fn missing_for_setup(has_channel: bool, waba_id: &str, access_token: &str) -> Option<&'static str> {
    if !has_channel {
        Some("Channel is required")
    } else if waba_id.trim().is_empty() {
        Some("WABA ID is required")
    } else if access_token.trim().is_empty() {
        Some("Access token is required")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_parameter_is_named() {
        let text = missing_parameters("", " ", "", false).unwrap();
        assert_eq!(text, "Required parameters are missing: code, business_id, waba_id");
        assert_eq!(missing_parameters("c", "", "w", false).unwrap(), "Required parameters are missing: business_id");
        assert_eq!(missing_parameters("c", "", "w", true), None);
    }
}
