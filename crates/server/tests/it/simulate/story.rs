//! What may happen to a number between its signup and its sixteenth day, generated from a seed. A story is a
//! list of moves at instants, so that it can be printed and played again.

use graph_emulator::world::{CertificateShown, DroppedStatus, NameDecision, Obstacle};
use graph_emulator::{Fault, NumberAction, Popup, Review, WebhookEffect};
use jiff::SignedDuration;

use crate::support::chance::Chance;

/// Names and numbers are decided by then, so that the policy's thirteenth day is never the reason.
const LATEST: SignedDuration = SignedDuration::from_hours(11 * 24);

/// The PIN somebody else set.
const FOREIGN_PIN: &str = "135790";

/// One thing that happens.
#[derive(Debug, Clone)]
pub(super) enum Move {
    /// At Meta, to this number.
    Meta(NumberAction),
    /// At Meta, to this number, if it is registered then.
    MetaIfLive(NumberAction),
    /// To coming calls about this number.
    Calls(Fault),
    /// To the account's next webhook of a field.
    Webhook(&'static str, WebhookEffect),
    /// Every token of the customer dies.
    TokensDie,
    /// The account's hourly limit is used up by somebody else.
    Throttle,
    /// A person presses Complete registration.
    Press,
    /// A person enters a PIN.
    EnterPin(&'static str),
    /// A person asks for a code and types it.
    VerifyByCode,
}

/// What happens to one number.
#[derive(Debug, Clone)]
pub(super) struct Story {
    /// When its owner goes through the popup.
    pub(super) signs_up: SignedDuration,
    /// What the popup says.
    pub(super) popup: Popup,
    /// The browser hands over the code and nothing else.
    pub(super) code_alone: bool,
    /// What happens, by time after signup; those at zero before the server hears of it.
    pub(super) plan: Vec<(SignedDuration, Move)>,
    /// When a webhook or reading may first say that the name is good; `None`: from the start.
    pub(super) name_good_after: Option<SignedDuration>,
    /// The webhook that says so is lost, late or out of order.
    pub(super) is_unheard: bool,
    /// Something beside its name stands in its way, or befalls its account.
    pub(super) is_troubled: bool,
}

/// What stands in a number's way beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    InPhoneApp,
    Ownership,
    TwoStepAtOldOwner,
    ForeignPin,
    Unverified,
    HalfDeregistered,
    RecentlyDeleted,
    Drops,
    DropsWithForeignPin,
}

const TROUBLES: &[(Trouble, u32)] = &[
    (Trouble::None, 52),
    (Trouble::InPhoneApp, 8),
    (Trouble::Ownership, 4),
    (Trouble::TwoStepAtOldOwner, 4),
    (Trouble::ForeignPin, 8),
    (Trouble::Unverified, 5),
    (Trouble::HalfDeregistered, 4),
    (Trouble::RecentlyDeleted, 3),
    (Trouble::Drops, 9),
    (Trouble::DropsWithForeignPin, 3),
];

fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

fn mins(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// Draws the numbers of one company; they share an account.
pub(super) fn company(seed: u64, place: u64) -> Vec<Story> {
    let mut chance = Chance::at(seed, place);
    let numbers = chance.pick(&[1, 1, 2, 2, 3, 4, 6]);
    let begins = chance.between(SignedDuration::ZERO, hours(24));
    let mut stories: Vec<Story> = (0..numbers).map(|n| story(&mut chance, begins + mins(37 * n))).collect();
    // tokens and the hourly limit are the account's: what befalls one number befalls its siblings
    let is_shared = |what: &Move| matches!(what, Move::TokensDie | Move::Throttle);
    if stories.iter().any(|story| story.plan.iter().any(|(_, what)| is_shared(what))) {
        for story in &mut stories {
            story.is_troubled = true;
        }
    }
    stories
}

fn story(chance: &mut Chance, signs_up: SignedDuration) -> Story {
    let total: u32 = TROUBLES.iter().map(|(_, weight)| weight).sum();
    let mut left = chance.below(usize::try_from(total).unwrap());
    let trouble = TROUBLES.iter().find(|(_, weight)| {
        let weight = usize::try_from(*weight).unwrap();
        let hit = left < weight;
        left = left.saturating_sub(weight);
        hit
    });
    let trouble = trouble.map_or(Trouble::None, |(trouble, _)| *trouble);
    let lag = if chance.happens(0.45) { chance.log_normal(hours(4), 1.2, hours(72)) } else { SignedDuration::ZERO };
    let activation =
        if chance.happens(0.25) { chance.log_normal(mins(10), 1.5, hours(48)) } else { SignedDuration::ZERO };
    let popup = Popup {
        provisioning_lag: lag,
        activation_delay: activation,
        certificate: chance.pick(&[
            CertificateShown::WhenRegistered,
            CertificateShown::WhenRegistered,
            CertificateShown::WhenProvisioned,
            CertificateShown::WithName,
        ]),
        ..Popup::default()
    };
    let mut it = Story {
        signs_up,
        popup,
        code_alone: chance.happens(0.3),
        plan: Vec::new(),
        name_good_after: None,
        is_unheard: false,
        is_troubled: trouble != Trouble::None,
    };
    it.review(chance);
    it.trouble(chance, trouble);
    if chance.happens(0.4) {
        it.disturb(chance);
    }
    it.people(chance);
    // zero first; the order of what happens at one instant stays as it was drawn
    it.plan.sort_by_key(|(at, _)| *at);
    it
}

impl Story {
    /// Nothing but the review of its name stands in its way, and the webhook about it comes.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_troubled && !self.is_unheard && self.popup.provisioning_lag.is_zero()
    }

    /// Nothing but its name stands in its way, and no person calls in between.
    pub(super) fn is_untouched(&self) -> bool {
        !self.is_troubled && !self.plan.iter().any(|(_, what)| matches!(what, Move::Press))
    }

    /// Somebody had it in their phone, which is probed once per 72 h.
    pub(super) fn was_in_phone_app(&self) -> bool {
        self.popup.obstacle == Some(Obstacle::StillInPhoneApp)
    }

    fn then(&mut self, at: SignedDuration, what: Move) {
        self.plan.push((at.min(LATEST), what));
    }

    /// Half of the names are reviewed; a few are declined, and the owner thinks of another.
    fn review(&mut self, chance: &mut Chance) {
        if !chance.happens(0.5) {
            return;
        }
        self.popup.review = Some(Review { lasts: None, outcome: NameDecision::Approved });
        self.popup.registrable_during_review = chance.happens(0.25);
        let mut at = chance.log_normal(hours(20), 1.0, hours(6 * 24));
        if chance.happens(0.08) {
            self.decide(chance, at, NumberAction::DeclineName { reason: None });
            at += chance.log_normal(hours(8), 1.0, hours(48));
            let name = "Another Bakery".to_owned();
            self.then(at, Move::Meta(NumberAction::SubmitName { name, lasts: None, outcome: None }));
            at += chance.log_normal(hours(20), 1.0, hours(48));
            self.is_troubled = true;
        }
        self.decide(chance, at, NumberAction::ApproveName);
        self.name_good_after = Some(at);
    }

    /// Meta tells of a decision; one webhook in ten is lost, others come twice, late or out of order.
    fn decide(&mut self, chance: &mut Chance, at: SignedDuration, decision: NumberAction) {
        if let Some(effect) = astray(chance) {
            self.then(at, Move::Webhook("phone_number_name_update", effect));
            self.is_unheard |= effect != WebhookEffect::Duplicate;
        }
        self.then(at, Move::Meta(decision));
    }

    fn trouble(&mut self, chance: &mut Chance, trouble: Trouble) {
        let soon = chance.log_normal(hours(8), 1.0, hours(5 * 24));
        match trouble {
            Trouble::None => {}
            Trouble::InPhoneApp => {
                self.popup.obstacle = Some(Obstacle::StillInPhoneApp);
                self.then(soon, Move::Meta(NumberAction::ClearObstacle));
                if chance.happens(0.5) {
                    self.then(soon + chance.log_normal(hours(3), 1.0, hours(24)), Move::Press);
                }
            }
            Trouble::Ownership => {
                self.popup.obstacle = Some(Obstacle::ConfirmOwnership);
                self.then(soon, Move::VerifyByCode);
            }
            Trouble::TwoStepAtOldOwner => {
                self.popup.obstacle = Some(Obstacle::TwoStepAtOldOwner);
                // nothing that can be read tells of it: with the webhook lost its owner has to press
                self.two_step_off(chance, soon);
                self.then(soon + mins(90), Move::Press);
            }
            Trouble::ForeignPin => {
                self.popup.existing_pin = Some(FOREIGN_PIN.to_owned());
                if chance.happens(0.5) {
                    if chance.happens(0.3) {
                        self.then(soon, Move::EnterPin("111111"));
                    }
                    self.then(soon + hours(1), Move::EnterPin(FOREIGN_PIN));
                } else {
                    self.two_step_off(chance, soon);
                }
            }
            Trouble::Unverified => {
                self.popup.verified = false;
                self.then(soon, Move::Meta(NumberAction::VerifyCode));
            }
            Trouble::HalfDeregistered => {
                self.then(SignedDuration::ZERO, Move::Meta(NumberAction::HalfDeregister));
                if chance.happens(0.25) {
                    self.then(SignedDuration::ZERO, Move::Meta(NumberAction::FailNextDeregister));
                }
            }
            Trouble::RecentlyDeleted => {
                let minutes = chance.pick(&[4, 8, 25]);
                self.then(SignedDuration::ZERO, Move::Meta(NumberAction::RecentlyDeleted { minutes }));
            }
            Trouble::Drops | Trouble::DropsWithForeignPin => self.drops(chance, trouble),
        }
    }

    fn drops(&mut self, chance: &mut Chance, trouble: Trouble) {
        let at = chance.between(hours(48), hours(9 * 24));
        if trouble == Trouble::DropsWithForeignPin {
            self.then(at, Move::MetaIfLive(NumberAction::SetPin { pin: FOREIGN_PIN.to_owned() }));
            self.two_step_off(chance, at + hours(20));
        }
        let reads = chance.pick(&[DroppedStatus::Disconnected, DroppedStatus::Pending]);
        self.then(at, Move::MetaIfLive(NumberAction::Disconnect { reads: Some(reads) }));
    }

    fn two_step_off(&mut self, chance: &mut Chance, at: SignedDuration) {
        if let Some(effect) = astray(chance) {
            self.then(at, Move::Webhook("security", effect));
        }
        self.then(at, Move::Meta(NumberAction::TurnOffTwoStep));
    }

    /// The network, Meta's servers, tokens and limits.
    fn disturb(&mut self, chance: &mut Chance) {
        self.is_troubled = true;
        for _ in 0..chance.pick(&[1, 1, 2, 3]) {
            let times = chance.pick(&[1, 1, 2, 3]);
            let at = if chance.happens(0.5) { SignedDuration::ZERO } else { chance.between(mins(1), hours(72)) };
            let what = match chance.below(10) {
                0 => Move::Calls(Fault::error("POST register", chance.pick(&[133_004, 131_000, 1, 2])).times(times)),
                1 => Move::Calls(Fault::status("POST register", chance.pick(&[500, 502, 503])).times(times)),
                2 => Move::Calls(Fault::cut("POST register").times(times)),
                3 | 4 => Move::Calls(Fault::apply_then_cut("POST register").times(times)),
                5 => Move::Calls(Fault::status("GET {phone}", chance.pick(&[500, 503])).times(times * 4)),
                6 => Move::Calls(Fault::cut("GET {phone}").times(times)),
                7 => Move::Calls(Fault::error("POST register", 80_008)),
                8 => Move::Throttle,
                _ => Move::TokensDie,
            };
            self.then(at, what);
        }
    }

    /// People press at odd times, a few of them without end.
    fn people(&mut self, chance: &mut Chance) {
        let presses = if chance.happens(0.05) {
            40
        } else if chance.happens(0.25) {
            chance.pick(&[1, 2, 3, 6])
        } else {
            0
        };
        for _ in 0..presses {
            let at = chance.between(mins(1), hours(96));
            self.then(at, Move::Press);
        }
    }
}

fn astray(chance: &mut Chance) -> Option<WebhookEffect> {
    match chance.below(100) {
        0..10 => Some(WebhookEffect::Lose),
        10..15 => Some(WebhookEffect::Duplicate),
        15..20 => Some(WebhookEffect::Reorder),
        20..25 => Some(WebhookEffect::Delay { seconds: chance.pick(&[30, 900, 6 * 3_600]) }),
        _ => None,
    }
}
