//! The sample numbers of the demo: what each enters in the signup popup, and how Meta or its owner changes it
//! afterwards.

use graph_emulator::world::{
    BusinessVerification, NameDecision, NumberAction, Obstacle, Popup, Quality, Review, TokenDeath, WabaAction,
};
use jiff::SignedDuration;

#[derive(Debug)]
pub(super) struct Sample {
    /// Name of the business, also its display name.
    pub(super) name: &'static str,
    /// State that the number demonstrates, for the banner.
    pub(super) story: &'static str,
    pub(super) popup: Popup,
    /// Later changes at Meta, each with its delay after the signup.
    pub(super) changes: Vec<(SignedDuration, Change)>,
}

/// A change that Meta or the owner makes.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Number(NumberAction),
    Account(WabaAction),
}

/// Index in [`all`] of the number that waits for its display name.
pub(super) const WAITING: usize = 1;

/// PIN of the number that came with one.
const FOREIGN_PIN: &str = "482913";

/// All samples. Meta approves the display name of the waiting one after `approve_after`.
pub(super) fn all(approve_after: SignedDuration) -> Vec<Sample> {
    vec![
        sample("Sunrise Bakery", "live from the start", |_| {}),
        sample("Harbour Bikes", "name in review: goes live by itself when Meta approves it", |popup| {
            popup.review = Some(Review { lasts: Some(approve_after), outcome: NameDecision::Approved });
        }),
        sample("Old Town Florist", "still used in the WhatsApp app on a phone", |popup| {
            popup.obstacle = Some(Obstacle::StillInPhoneApp);
        }),
        sample("Lakeside Dental", "has a PIN that only its owner knows (482913)", |popup| {
            popup.existing_pin = Some(FOREIGN_PIN.to_owned());
        }),
        sample("Corner Books", "no payment method", |popup| popup.payment_missing = true),
        sample("Green Taxi", "also used in the WhatsApp Business app (coexistence)", |popup| popup.coexistence = true),
        sample("Quick Parcel", "its quality rating falls during the demo", |_| {})
            .then(20, Change::Number(NumberAction::Quality { quality: Quality::Yellow }))
            .then(40, Change::Number(NumberAction::Quality { quality: Quality::Red })),
        sample("Hill Yoga", "its owner revoked our access token", |_| {})
            .then(1, Change::Account(WabaAction::KillTokens { death: TokenDeath::Revoked })),
        sample("Best Deals 4U", "Meta declines its display name", |popup| {
            let lasts = Some(SignedDuration::from_secs(2));
            popup.review = Some(Review { lasts, outcome: NameDecision::Declined });
        }),
        sample("Night Pharmacy", "the verification code was not entered yet", |popup| popup.verified = false),
        sample("Lucky Casino", "banned by Meta", |_| {}).then(1, Change::Number(NumberAction::Ban)),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, mut sample)| {
        sample.popup.phone_number = Some(format!("1555010{:04}", index + 1));
        sample
    })
    .collect()
}

/// A number of a verified business with an approved name, changed by `change`.
fn sample(name: &'static str, story: &'static str, change: impl FnOnce(&mut Popup)) -> Sample {
    let mut popup = Popup {
        business_name: format!("{name} Ltd"),
        display_name: name.to_owned(),
        business_verification: BusinessVerification::Verified,
        quality: Quality::Green,
        ..Popup::default()
    };
    change(&mut popup);
    Sample { name, story, popup, changes: Vec::new() }
}

impl Sample {
    fn then(mut self, seconds: i64, change: Change) -> Self {
        self.changes.push((SignedDuration::from_secs(seconds), change));
        self
    }
}
