//! One embedded signup: what the browser handed over, checked before Meta is asked.
//! What happens afterwards is the signup flow's.

use crate::ids::{BusinessId, ChannelId, PhoneNumberId, WabaId};

/// What a signup is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A new channel for the account (E5).
    New,
    /// An existing inbox gets a new token (E6).
    Reauthorize(ChannelId),
}

/// What the browser handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handover {
    /// The account at Meta the browser named; a claim until Meta confirms it.
    pub waba_id: Option<WabaId>,
    /// The number it named.
    pub phone_number_id: Option<PhoneNumberId>,
    /// The portfolio it named.
    pub business_id: Option<BusinessId>,
    /// The number stays in the WhatsApp Business app.
    pub is_coexistence: bool,
}

/// E1: names every missing parameter, in the origin's order and words.
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

/// W9: what set-up needs before any call, in the origin's order and words.
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
