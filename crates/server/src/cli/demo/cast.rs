//! The sample numbers of the demo: how each comes through the signup popup, and what Meta or its owner
//! does to it afterwards.

use graph_emulator::world::{
    BusinessVerification, NameDecision, NumberAction, Obstacle, Popup, Quality, Review, TokenDeath, WabaAction,
};
use jiff::SignedDuration;

/// One sample number.
#[derive(Debug)]
pub(super) struct Part {
    /// The business, and the name its customers see.
    pub(super) name: &'static str,
    /// What the number shows.
    pub(super) story: &'static str,
    /// How it comes in.
    pub(super) popup: Popup,
    /// What happens to it later, and how long after its signup.
    pub(super) later: Vec<(SignedDuration, Turn)>,
}

/// A turn in a number's life that is not ours.
#[derive(Debug, Clone)]
pub(super) enum Turn {
    /// Of the number.
    Number(NumberAction),
    /// Of its account.
    Account(WabaAction),
}

/// The place of the stuck number in [`cast`].
pub(super) const STUCK: usize = 1;

/// The PIN that the owner of the number with a PIN knows.
pub(super) const FOREIGN_PIN: &str = "482913";

/// Every sample number; the stuck one's name is approved after so long.
pub(super) fn cast(approve_after: SignedDuration) -> Vec<Part> {
    vec![
        part("Sunrise Bakery", "live from the first minute", |_| {}),
        part("Harbour Bikes", "name in review: goes live by itself when Meta approves it", |popup| {
            popup.review = Some(Review { lasts: Some(approve_after), outcome: NameDecision::Approved });
        }),
        part("Old Town Florist", "still in the WhatsApp app of a phone", |popup| {
            popup.obstacle = Some(Obstacle::StillInPhoneApp);
        }),
        part("Lakeside Dental", "has a PIN that only its owner knows (it is 482913)", |popup| {
            popup.existing_pin = Some(FOREIGN_PIN.to_owned());
        }),
        part("Corner Books", "no payment method", |popup| popup.payment_missing = true),
        part("Green Taxi", "stays in the WhatsApp Business app as well", |popup| popup.coexistence = true),
        part("Quick Parcel", "its quality falls while you watch", |_| {})
            .then(20, Turn::Number(NumberAction::Quality { quality: Quality::Yellow }))
            .then(40, Turn::Number(NumberAction::Quality { quality: Quality::Red })),
        part("Hill Yoga", "its owner revoked our access token", |_| {})
            .then(1, Turn::Account(WabaAction::KillTokens { death: TokenDeath::Revoked })),
        part("Best Deals 4U", "Meta declines its display name", |popup| {
            let lasts = Some(SignedDuration::from_secs(2));
            popup.review = Some(Review { lasts, outcome: NameDecision::Declined });
        }),
        part("Night Pharmacy", "nobody typed the code yet", |popup| popup.verified = false),
        part("Lucky Casino", "banned by Meta", |_| {}).then(1, Turn::Number(NumberAction::Ban)),
    ]
    .into_iter()
    .enumerate()
    .map(|(index, mut part)| {
        part.popup.phone_number = Some(format!("1555010{:04}", index + 1));
        part
    })
    .collect()
}

/// A verified business with a good name; `change` makes it what it is.
fn part(name: &'static str, story: &'static str, change: impl FnOnce(&mut Popup)) -> Part {
    let mut popup = Popup {
        business_name: format!("{name} Ltd"),
        display_name: name.to_owned(),
        business_verification: BusinessVerification::Verified,
        quality: Quality::Green,
        ..Popup::default()
    };
    change(&mut popup);
    Part { name, story, popup, later: Vec::new() }
}

impl Part {
    fn then(mut self, seconds: i64, turn: Turn) -> Self {
        self.later.push((SignedDuration::from_secs(seconds), turn));
        self
    }
}
