//! What a webhook change leads to: which jobs it wakes, what evidence it proves, what is noted of it. One row per
//! event of facts §3.3 and §3.4.
//!
//! A webhook only wakes; the flow it wakes reads the facts again. The one thing taken from it is evidence (a name was
//! approved, two-step was turned off). Nothing is dated here: the caller knows when the change was made and drops a
//! repeated or older one.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::meta::event::{
    AccountEvent, AccountUpdate, BanState, Change, Content, Disconnection, MessagesSeen, Restriction, ReviewDecision,
    SecurityEvent, Subject,
};
use crate::registration::ChangeKind;

/// A job to wake after a change; it reads the facts and decides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wake {
    /// Read the number again and decide about registration.
    Registration,
    Health,
    /// Check the subscription and the overrides.
    Subscription,
    /// An account was shared with us: a signup may be waiting for its browser.
    Signup,
    Token,
}

/// The numbers that a meaning concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The one number the change names.
    Number,
    /// Every number of the account.
    Waba,
}

/// What a change leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    pub scope: Scope,
    /// The evidence it gives.
    pub proves: Vec<ChangeKind>,
    /// The jobs it wakes, in order, without repetition.
    pub wakes: Vec<Wake>,
    /// The notes to date and store.
    pub notes: Vec<Note>,
}

/// A fact that only webhooks report, stored for health: no read of Meta's API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The restrictions in force on the account: the whole list.
    Restrictions(Vec<Restriction>),
    /// The account will be banned.
    BanScheduled {
        /// When, where Meta's date could be read.
        on: Option<Timestamp>,
    },
    /// The account was banned.
    Banned,
    /// The account was deleted.
    Deleted,
    /// The ban was lifted.
    Reinstated,
    /// A policy violation, in Meta's word.
    Violation(String),
    /// Coexistence: the phone changed device.
    Paused,
    Resumed,
    /// Coexistence ended, for this reason.
    Disconnected(Disconnection),
    /// Meta decided about a display name: why it was declined, `None` for an approved one or without a reason.
    NameDecided {
        rejection_reason: Option<String>,
    },
    /// The account was unshared, or the app removed.
    Unshared,
    /// The account was shared with this installation, or the app installed.
    Shared,
    /// The portfolio may be compromised.
    Compromised,
    /// Meta refused a send with this code.
    SendRefused(i64),
    /// A message was sent, delivered or read.
    Sending,
}

/// What a change leads to. A change this version does not know leads to nothing; its raw text is stored all the same.
pub fn interpret(change: &Change) -> Meaning {
    let subject = scope_of(&change.subject);
    match &change.content {
        Content::Account(update) => account(update, subject),
        Content::AccountReview { decision } => Meaning::about(Scope::Waba).review(decision),
        Content::Name { decision, rejection_reason, .. } => {
            Meaning::about(subject).name(decision, rejection_reason.as_ref())
        }
        Content::Quality { event, .. } => {
            // ONBOARDING: Meta is still registering the number
            let registering = event.eq_ignore_ascii_case("ONBOARDING");
            Meaning::about(subject).wakes_if(registering, &[Wake::Registration]).wakes(&[Wake::Health])
        }
        Content::Capability { .. } => Meaning::about(Scope::Waba).wakes(&[Wake::Health]),
        Content::Security { event } => Meaning::about(subject).security(event),
        Content::Messages(seen) => Meaning::about(subject).messages(seen),
        Content::Notice { event } => {
            let compromised = event.eq_ignore_ascii_case("COMPROMISED_NOTIFICATION");
            Meaning::about(subject).notes_if(compromised, Note::Compromised).wakes(&[Wake::Health])
        }
        Content::Template { .. } | Content::Coexistence { .. } | Content::Unread => Meaning::about(subject),
    }
}

fn scope_of(subject: &Subject) -> Scope {
    if subject.phone_number_id.is_some() || subject.phone_digits.is_some() { Scope::Number } else { Scope::Waba }
}

fn account(update: &AccountUpdate, subject: Scope) -> Meaning {
    use AccountEvent as E;
    let meaning = Meaning::about(subject);
    match &update.event {
        E::PartnerAdded => meaning.proves(ChangeKind::AccountEvent).notes(Note::Shared).wakes(&[
            Wake::Signup,
            Wake::Token,
            Wake::Subscription,
            Wake::Registration,
            Wake::Health,
        ]),
        E::PartnerAppInstalled => meaning.proves(ChangeKind::AccountEvent).notes(Note::Shared).wakes(&[
            Wake::Token,
            Wake::Subscription,
            Wake::Registration,
            Wake::Health,
        ]),
        E::PartnerRemoved => partner_removed(update, meaning),
        E::PartnerAppUninstalled => {
            meaning.notes(Note::Unshared).wakes(&[Wake::Token, Wake::Subscription, Wake::Health])
        }
        E::PartnerClientCertification => meaning.wakes(&[Wake::Health]),
        E::AccountDeleted => meaning.notes(Note::Deleted).wakes(&[Wake::Registration, Wake::Health]),
        E::AccountViolation => {
            let kind = update.violation.clone().unwrap_or_default();
            meaning.notes(Note::Violation(kind)).wakes(&[Wake::Health])
        }
        E::AccountRestriction => meaning.notes(Note::Restrictions(update.restrictions.clone())).wakes(&[Wake::Health]),
        E::DisabledUpdate => disabled(update, meaning),
        E::AccountOffboarded => meaning.notes(Note::Paused).wakes(&[Wake::Health]),
        E::AccountReconnected => meaning.notes(Note::Resumed).wakes(&[Wake::Registration, Wake::Health]),
        // retired; says that a number was verified, which only a reading proves
        E::VerifiedAccount => meaning.wakes(&[Wake::Registration, Wake::Health]),
        E::AdAccountLinked
        | E::MmLiteTermsSigned
        | E::AuthIntlPriceEligibility
        | E::PrimaryLocation
        | E::VolumeTier
        | E::Other(_) => meaning,
    }
}

/// For one number, or with a reason of the WhatsApp Business app, it is the end of coexistence, and the account may stay
/// shared; otherwise the account was unshared.
fn partner_removed(update: &AccountUpdate, meaning: Meaning) -> Meaning {
    if meaning.scope == Scope::Number || update.disconnection.is_some() {
        let why = update.disconnection.clone().unwrap_or_default();
        return meaning.proves(ChangeKind::CoexistenceEnded).notes(Note::Disconnected(why)).wakes(&[
            Wake::Token,
            Wake::Subscription,
            Wake::Registration,
            Wake::Health,
        ]);
    }
    meaning.notes(Note::Unshared).wakes(&[Wake::Token, Wake::Subscription, Wake::Health])
}

fn disabled(update: &AccountUpdate, meaning: Meaning) -> Meaning {
    let stops = [Wake::Registration, Wake::Health];
    match &update.ban_state {
        Some(BanState::Disable) => meaning.notes(Note::Banned).wakes(&stops),
        Some(BanState::ScheduleForDisable) => {
            let on = update.ban_date.as_deref().and_then(date_of);
            meaning.notes(Note::BanScheduled { on }).wakes(&[Wake::Health])
        }
        Some(BanState::Reinstate) => meaning.proves(ChangeKind::AccountEvent).notes(Note::Reinstated).wakes(&stops),
        Some(BanState::Other(_)) | None => meaning.wakes(&[Wake::Health]),
    }
}

/// Midnight UTC of a date as Meta writes it in `ban_info`: "April 17, 2025", or as ISO.
pub fn date_of(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let date = Date::strptime("%B %d, %Y", text).or_else(|_| Date::strptime("%Y-%m-%d", text)).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Payment: business-initiated sends stop (facts §6.3).
const PAYMENT: [i64; 3] = [131_042, 131_044, 134_011];
/// The account is locked or blocked; a 555 number without an approved name; a country rule.
const BLOCKED: [i64; 4] = [131_031, 368, 131_037, 130_497];
/// The number is not registered.
const NOT_REGISTERED: [i64; 2] = [133_010, 131_045];

impl Meaning {
    fn about(scope: Scope) -> Self {
        Self { scope, proves: Vec::new(), wakes: Vec::new(), notes: Vec::new() }
    }

    fn proves(mut self, kind: ChangeKind) -> Self {
        self.proves.push(kind);
        self
    }

    fn notes(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    fn notes_if(self, condition: bool, note: Note) -> Self {
        if condition { self.notes(note) } else { self }
    }

    fn wakes(mut self, wakes: &[Wake]) -> Self {
        for wake in wakes {
            if !self.wakes.contains(wake) {
                self.wakes.push(*wake);
            }
        }
        self
    }

    fn wakes_if(self, condition: bool, wakes: &[Wake]) -> Self {
        if condition { self.wakes(wakes) } else { self }
    }

    fn review(self, decision: &ReviewDecision) -> Self {
        match decision {
            ReviewDecision::Approved => {
                self.proves(ChangeKind::AccountApproved).wakes(&[Wake::Registration, Wake::Health])
            }
            ReviewDecision::Rejected
            | ReviewDecision::Deferred
            | ReviewDecision::Pending
            | ReviewDecision::Other(_) => self.wakes(&[Wake::Health]),
        }
    }

    fn name(self, decision: &ReviewDecision, rejection_reason: Option<&String>) -> Self {
        let both = [Wake::Registration, Wake::Health];
        match decision {
            ReviewDecision::Approved => {
                let note = Note::NameDecided { rejection_reason: None };
                self.proves(ChangeKind::NameGood).notes(note).wakes(&both)
            }
            ReviewDecision::Rejected => {
                let note = Note::NameDecided { rejection_reason: rejection_reason.cloned() };
                self.proves(ChangeKind::NameDeclined).notes(note).wakes(&both)
            }
            ReviewDecision::Deferred | ReviewDecision::Pending | ReviewDecision::Other(_) => {
                self.wakes(&[Wake::Health])
            }
        }
    }

    fn security(self, event: &SecurityEvent) -> Self {
        let both = [Wake::Registration, Wake::Health];
        match event {
            SecurityEvent::PinRequestSuccess => self.proves(ChangeKind::TwoStepOff).wakes(&both),
            SecurityEvent::PinChanged => self.proves(ChangeKind::PinChanged).wakes(&both),
            // asked for, not done; nothing changed yet
            SecurityEvent::PinResetRequest | SecurityEvent::Other(_) => self,
        }
    }

    fn messages(mut self, seen: &MessagesSeen) -> Self {
        for code in &seen.error_codes {
            let dropped = NOT_REGISTERED.contains(code);
            let telling = dropped || PAYMENT.contains(code) || BLOCKED.contains(code);
            self = self
                .notes_if(telling, Note::SendRefused(*code))
                .wakes_if(dropped, &[Wake::Registration])
                .wakes_if(telling, &[Wake::Health]);
        }
        self.notes_if(seen.working_statuses > 0, Note::Sending)
    }
}

#[cfg(test)]
mod tests;
