//! What ties the number to us: readings, token, sends, webhooks.

use jiff::{SignedDuration, Timestamp};

use super::Judge;
use super::entities::PAYMENT;
use crate::health::schedule::later;
use crate::health::{
    Action, AppCallback, Finding, FindingCode as Code, Healing, Level, LinkTarget, Move, Override, STALE_AFTER,
    Subscription, TokenState, failure_word,
};
use crate::meta::failure::FailureKind;
use crate::meta::reading::Provisioned;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A token that ends is told of this long before.
const TOKEN_WARNING: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Silence is this many times the usual longest gap: where we know that messages are sent, whose
/// statuses should come back, and where we do not.
const GAPS_WHILE_SENDING: i32 = 4;
const GAPS_OTHERWISE: i32 = 12;
/// A longer gap than this says nothing.
const LONGEST_GAP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A refused send tells of the number for this long.
const REFUSAL_LASTS: SignedDuration = DAY;

/// Refused because the number is not registered.
const NOT_REGISTERED: [i64; 2] = [133_010, 131_045];
/// Refused because the account is locked.
const LOCKED: [i64; 2] = [131_031, 368];

impl Judge<'_> {
    pub(super) fn freshness(&mut self) {
        match self.snapshot.checked_at {
            None => self.add(Finding::new(Code::NeverRead, Level::Unknown).offers(Action::Refresh)),
            Some(checked_at) => {
                if self.is_over(checked_at, STALE_AFTER) {
                    let finding = Finding::new(Code::ReadingStale { checked_at }, Level::Unknown);
                    self.add(finding.offers(Action::Refresh).since(Some(later(checked_at, STALE_AFTER))));
                }
            }
        }
        if let Some(checked_at) = self.snapshot.waba_checked_at {
            self.is_over(checked_at, STALE_AFTER);
        }
        if let Some(failure) = self.snapshot.read_failure {
            if failure.kind == FailureKind::TokenDead {
                self.token_dead(failure.at);
            } else if failure.kind == FailureKind::AccessLost {
                self.access_lost(failure.at);
            } else {
                let code = Code::ReadFailed { kind: failure_word(failure.kind) };
                let finding = Finding::new(code, Level::Live).offers(Action::Refresh);
                self.add(finding.since(Some(failure.at)));
            }
        }
    }

    pub(super) fn token(&mut self) {
        match self.context.token.state {
            TokenState::Unchecked | TokenState::Good { expires_at: None } => {}
            TokenState::Good { expires_at: Some(expires_at) } => self.ending(expires_at),
            TokenState::AccessLost { since } => self.access_lost(since),
            TokenState::Dead { since } => self.token_dead(since),
        }
    }

    fn ending(&mut self, expires_at: Timestamp) {
        if self.reached(expires_at) {
            return self.token_dead(expires_at);
        }
        if !self.reached(later(expires_at, -TOKEN_WARNING)) {
            return;
        }
        let finding = Finding::new(Code::TokenExpiring { expires_at }, Level::AtRisk);
        let finding = match self.context.token.refetch {
            Some(Healing::UnderWay | Healing::Next(_)) => finding,
            Some(Healing::GivenUp) | None => finding.asks(Move::Owner, Action::Reconnect),
        };
        let next = self.context.token.refetch.and_then(Healing::next_at);
        self.add(finding.next(next.or(Some(expires_at))));
    }

    /// Where we can fetch another by ourselves it is our move; else the owner's.
    pub(super) fn token_dead(&mut self, since: Timestamp) {
        let refetch = self.context.token.refetch;
        let finding = match refetch {
            Some(Healing::UnderWay | Healing::Next(_)) => {
                Finding::new(Code::TokenDead, Level::AtRisk).offers(Action::Reconnect)
            }
            Some(Healing::GivenUp) | None => {
                Finding::new(Code::TokenDead, Level::ActionNeeded).asks(Move::Owner, Action::Reconnect)
            }
        };
        self.add(finding.since(Some(since)).next(refetch.and_then(Healing::next_at)));
    }

    pub(super) fn access_lost(&mut self, since: Timestamp) {
        let link = self.link(LinkTarget::AccountSettings);
        let finding = Finding::new(Code::AccessLost, Level::ActionNeeded);
        self.add(finding.asks(Move::Owner, Action::RestoreAccess).since(Some(since)).at(link));
    }

    /// Sends Meta refused, unless a message went out since. A payment refusal is not disproved so:
    /// replies go out without a payment method.
    pub(super) fn sends(&mut self) {
        let sending = &self.context.sending;
        for refused in &sending.refused {
            let is_payment = PAYMENT.contains(&refused.code);
            let disproved = !is_payment && sending.proved_at.is_some_and(|proved| proved > refused.at);
            if disproved || self.is_over(refused.at, REFUSAL_LASTS) {
                continue;
            }
            let finding = if is_payment {
                self.payment_missing()
            } else if LOCKED.contains(&refused.code) {
                self.locked()
            } else if NOT_REGISTERED.contains(&refused.code) {
                Finding::new(Code::DroppedOut, Level::WaitingForMeta).offers(Action::CompleteRegistration)
            } else {
                let code = Code::SendsRefused { meta_code: refused.code };
                let link = self.link(LinkTarget::AccountQuality);
                Finding::new(code, Level::AtRisk).asks(Move::Owner, Action::ContactSupport).at(link)
            };
            self.add(finding.since(Some(refused.at)));
        }
    }

    pub(super) fn webhooks(&mut self) {
        let facts = &self.context.webhooks;
        if facts.subscription == Subscription::No {
            let finding = healing(Code::NotSubscribed, facts.subscription_healing, Action::Resubscribe);
            self.add(finding);
        }
        self.callback_override();
        if facts.verified == Some(false) {
            let finding = Finding::new(Code::CallbackUnverified, Level::AtRisk);
            self.add(finding.asks(Move::Operator, Action::CheckInstallation));
        }
        self.app_callback();
        self.silence();
    }

    fn callback_override(&mut self) {
        let facts = &self.context.webhooks;
        // without an override messages still reach us by the app's own callback, where it is ours
        let by_app = matches!(facts.app_callback, AppCallback::Ours | AppCallback::LacksFields(_));
        let finding = match &facts.callback_override {
            Override::Unread | Override::Ours => return,
            Override::Refused { code, text } => {
                let severity = if by_app { Level::Live } else { Level::ActionNeeded };
                let code = Code::OverrideRefused { meta_code: *code, meta_text: text.clone() };
                let finding = Finding::new(code, severity);
                if by_app { finding } else { finding.asks(Move::Operator, Action::TakeOverCallback) }
            }
            Override::Missing => {
                let mut finding = healing(Code::OverrideMissing, facts.override_healing, Action::Resubscribe);
                if by_app {
                    finding.severity = Level::Live;
                }
                finding
            }
            Override::Foreign(actual) => {
                let code = Code::OverrideForeign { actual: actual.clone() };
                healing(code, facts.override_healing, Action::Resubscribe)
            }
        };
        self.add(finding);
    }

    /// The installation's own matter: every number of it says so, at risk rather than broken, since
    /// messages follow the override. Somebody else's callback is not taken over without asking.
    fn app_callback(&mut self) {
        let facts = &self.context.webhooks;
        let (code, heals) = match &facts.app_callback {
            AppCallback::Unread | AppCallback::Ours => return,
            AppCallback::LacksFields(fields) => (Code::AppFieldsMissing { fields: fields.clone() }, true),
            AppCallback::Missing => (Code::AppCallbackMissing, true),
            AppCallback::Foreign(actual) => (Code::AppCallbackForeign { actual: actual.clone() }, false),
        };
        let heals = heals && facts.app_healing != Healing::GivenUp;
        let finding = Finding::new(code, Level::AtRisk).at(self.link(LinkTarget::AppSettings));
        self.add(if heals {
            finding.offers(Action::TakeOverCallback).next(facts.app_healing.next_at())
        } else {
            finding.asks(Move::Operator, Action::TakeOverCallback)
        });
    }

    /// Connected and sending, yet no webhook for far longer than its usual gap.
    fn silence(&mut self) {
        let Some((last_heard_at, usual_gap, begins_at)) = self.silence_begins() else { return };
        if self.reached(begins_at) {
            let code = Code::Silence { last_heard_at, usual_gap };
            let finding = Finding::new(code, Level::AtRisk);
            self.add(finding.asks(Move::Operator, Action::Resubscribe).since(Some(begins_at)));
        }
    }

    /// When silence begins, with the last webhook and the usual gap; `None` for a number that is not
    /// connected, or of which too little was heard to tell.
    pub(super) fn silence_begins(&self) -> Option<(Timestamp, SignedDuration, Timestamp)> {
        let facts = &self.context.webhooks;
        let (last_heard_at, usual_gap) =
            (facts.last_heard_at?, facts.usual_gap?.clamp(SignedDuration::ZERO, LONGEST_GAP));
        if self.reading.provisioned() != Provisioned::Yes {
            return None;
        }
        let sent = self.context.sending.last_send_at.filter(|sent| *sent > last_heard_at);
        let begins_at = match sent {
            Some(sent) => later(sent, (usual_gap * GAPS_WHILE_SENDING).max(HOUR)),
            None => later(last_heard_at, (usual_gap * GAPS_OTHERWISE).max(DAY * 3)),
        };
        Some((last_heard_at, usual_gap, begins_at))
    }
}

/// Something we put right by ourselves, until that failed.
fn healing(code: Code, healing: Healing, action: Action) -> Finding {
    match healing {
        Healing::UnderWay | Healing::Next(_) => {
            Finding::new(code, Level::AtRisk).offers(action).next(healing.next_at())
        }
        Healing::GivenUp => Finding::new(code, Level::ActionNeeded).asks(Move::Operator, action),
    }
}
