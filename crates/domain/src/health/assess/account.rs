//! The account and its portfolio: review, verification, payment, restrictions, bans (facts §3.4 and
//! §6.4).

use jiff::{SignedDuration, Timestamp};

use super::Judge;
use crate::health::schedule::later;
use crate::health::{Action, Ban, Finding, FindingCode as Code, Level, LinkTarget, Move, Told};
use crate::meta::event::Restriction;
use crate::meta::reading::{AccountReview, BusinessVerification, CanSend, EntityType};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How long a violation or a warning stays worth a look.
const NOTICE_LASTS: SignedDuration = SignedDuration::from_hours(30 * 24);

impl Judge<'_> {
    pub(super) fn account(&mut self) {
        let waba = self.waba;
        match &waba.account_review {
            Some(AccountReview::Pending | AccountReview::Deferred) => {
                // an account that may send is under review without harm
                let severity = if self.account_may_send() { Level::AtRisk } else { Level::WaitingForMeta };
                let link = self.link(LinkTarget::Overview);
                self.add(Finding::new(Code::AccountInReview, severity).for_whom(Move::Meta).at(link));
            }
            Some(AccountReview::Rejected) => {
                let link = self.link(LinkTarget::AccountQuality);
                let finding = Finding::new(Code::AccountRejected, Level::ActionNeeded);
                self.add(finding.asks(Move::Owner, Action::Appeal).at(link));
            }
            Some(AccountReview::Approved | AccountReview::Other(_)) | None => {}
        }
        let status = waba.status.as_deref().unwrap_or_default();
        if ["DISABLED", "RESTRICTED"].iter().any(|word| word.eq_ignore_ascii_case(status)) {
            let code = Code::AccountDisabled { status: status.to_owned() };
            let link = self.link(LinkTarget::AccountQuality);
            self.add(Finding::new(code, Level::Blocked).asks(Move::Owner, Action::Appeal).at(link));
        }
        if let Some(severity) = waba.business_verification.as_ref().and_then(of_verification) {
            let finding = self.business_unverified(severity);
            self.add(finding);
        }
    }

    /// What webhooks said.
    pub(super) fn standing(&mut self) {
        let account = &self.context.account;
        if let Some(told) = &account.restrictions {
            for restriction in &told.value {
                self.restriction(restriction, told.at);
            }
        }
        if let Some(Told { at, value: Some(ban) }) = &account.ban {
            self.ban(*ban, *at);
        }
        if let Some(told) = &account.violation
            && !self.is_over(told.at, NOTICE_LASTS)
        {
            let link = self.link(LinkTarget::AccountQuality);
            let finding = Finding::new(Code::PolicyViolation { violation: told.value.clone() }, Level::AtRisk);
            self.add(finding.asks(Move::Owner, Action::Appeal).since(Some(told.at)).at(link));
        }
        if let Some(told) = &account.compromised
            && !self.is_over(told.at, NOTICE_LASTS)
        {
            let link = self.link(LinkTarget::SecurityCenter);
            let finding = Finding::new(Code::BusinessCompromised, Level::AtRisk);
            self.add(finding.asks(Move::Owner, Action::ContactSupport).since(Some(told.at)).at(link));
        }
        if let Some(Told { at, value: true }) = &account.paused {
            self.paused(*at);
        }
        if let Some(Told { at, value: true }) = &account.unshared
            && !self.was_read_after(*at)
        {
            self.access_lost(*at);
        }
    }

    fn restriction(&mut self, restriction: &Restriction, since: Timestamp) {
        if restriction.until.is_some_and(|until| self.reached(until)) {
            return;
        }
        let code = Code::AccountRestricted { restriction: restriction.kind.clone(), until: restriction.until };
        let link = self.link(LinkTarget::AccountQuality);
        let finding = Finding::new(code, of_restriction(&restriction.kind));
        let finding = finding.asks(Move::Owner, Action::Appeal).since(Some(since));
        self.add(finding.next(restriction.until).at(link));
    }

    fn ban(&mut self, ban: Ban, since: Timestamp) {
        // a REINSTATE that got lost: a later reading of the account proves it wrong
        if self.account_may_send() && self.was_read_after(since) && !matches!(ban, Ban::Scheduled { .. }) {
            return;
        }
        let link = self.link(LinkTarget::AccountQuality);
        let finding = match ban {
            Ban::Scheduled { at: Some(at) } if self.reached(at) => self.banned(),
            Ban::Scheduled { at } => Finding::new(Code::BanScheduled { at }, Level::ActionNeeded)
                .asks(Move::Owner, Action::Appeal)
                .next(at)
                .at(link),
            Ban::Banned => self.banned(),
            Ban::Deleted => Finding::new(Code::AccountDeleted, Level::Blocked)
                .asks(Move::Owner, Action::SignUpAgain)
                .at(self.link(LinkTarget::Overview)),
        };
        self.add(finding.since(Some(since)));
    }

    /// Usually minutes; after a day somebody has to look at the phone.
    fn paused(&mut self, since: Timestamp) {
        let finding = if self.is_over(since, DAY) {
            let link = self.link(LinkTarget::PhoneNumbers);
            let finding = Finding::new(Code::CoexistenceLost, Level::ActionNeeded);
            finding.asks(Move::Owner, Action::ReconnectApp).at(link)
        } else {
            Finding::new(Code::CoexistencePaused, Level::WaitingForMeta).next(Some(later(since, DAY)))
        };
        self.add(finding.since(Some(since)));
    }

    /// The number was read with success well after an instant: what was told then is not so now.
    fn was_read_after(&self, at: Timestamp) -> bool {
        self.snapshot.read_failure.is_none() && self.snapshot.checked_at.is_some_and(|read| read > later(at, HOUR))
    }

    fn account_may_send(&self) -> bool {
        self.health_status()
            .iter()
            .any(|entity| entity.entity_type == EntityType::Waba && entity.can_send == Some(CanSend::Available))
    }

    pub(super) fn banned(&self) -> Finding {
        Finding::new(Code::AccountBanned, Level::Blocked)
            .asks(Move::Owner, Action::Appeal)
            .at(self.link(LinkTarget::AccountQuality))
    }

    /// Replies within 24 h may go on, so it is a task and not the end (facts §6.3).
    pub(super) fn payment_missing(&self) -> Finding {
        Finding::new(Code::PaymentMissing, Level::ActionNeeded)
            .asks(Move::Owner, Action::AddPayment)
            .at(self.link(LinkTarget::Payment))
    }

    pub(super) fn business_unverified(&self, severity: Level) -> Finding {
        let verification = self.waba.business_verification.clone();
        let finding = Finding::new(Code::BusinessUnverified { verification }, severity);
        let finding = if severity == Level::Live {
            finding.offers(Action::VerifyBusiness)
        } else {
            finding.asks(Move::Owner, Action::VerifyBusiness)
        };
        finding.at(self.link(LinkTarget::SecurityCenter))
    }
}

/// By itself an unverified business only has a low limit, which many live with well.
fn of_verification(verification: &BusinessVerification) -> Option<Level> {
    match verification {
        BusinessVerification::Verified | BusinessVerification::Other(_) => None,
        BusinessVerification::NotVerified
        | BusinessVerification::Pending
        | BusinessVerification::PendingSubmission
        | BusinessVerification::Ineligible => Some(Level::Live),
        BusinessVerification::PendingNeedMoreInfo
        | BusinessVerification::Rejected
        | BusinessVerification::Failed
        | BusinessVerification::Expired
        | BusinessVerification::Revoked => Some(Level::AtRisk),
    }
}

/// Meta's words contain what they restrict. Calls, new numbers and single kinds of templates leave
/// messaging as it is; anything else, known or not, is taken for a block.
fn of_restriction(kind: &str) -> Level {
    let harmless = ["CALLING", "ADD_PHONE_NUMBER", "UTILITY_TEMPLATES"];
    if harmless.iter().any(|word| kind.contains(word)) { Level::AtRisk } else { Level::Blocked }
}
