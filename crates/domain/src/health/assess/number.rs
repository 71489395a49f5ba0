//! The number's own reading: its status, quality, limit and names (facts §6.1 and §6.4).
//!
//! Not judged by: a code that reads EXPIRED, or a name that reads `PENDING_REVIEW`, on a live number;
//! both are normal (facts §6.1).

use jiff::SignedDuration;

use super::Judge;
use crate::health::schedule::later;
use crate::health::{Action, Finding, FindingCode as Code, Level, LinkTarget, Move};
use crate::meta::reading::{
    AccountMode, CanSend, EntityType, MessagingLimit, NameStatus, NumberStatus, PlatformType, Provisioned,
    QualityRating,
};

/// An approved new name must be applied within this time (facts §1.7).
const APPLY_WITHIN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// From this share of the limit on it is near, in percent.
const NEAR_LIMIT: i64 = 80;

impl Judge<'_> {
    pub(super) fn number(&mut self) {
        if !self.is_read {
            return;
        }
        self.status();
        let reading = self.reading;
        if reading.platform_type == Some(PlatformType::OnPremise) {
            let link = self.link(LinkTarget::PhoneNumbers);
            let finding = Finding::new(Code::OnPremise, Level::ActionNeeded);
            self.add(finding.asks(Move::Owner, Action::MigrateFromOnPremise).at(link));
        }
        if reading.account_mode == Some(AccountMode::Sandbox) {
            let link = self.link(LinkTarget::PhoneNumbers);
            self.add(Finding::new(Code::Sandbox, Level::AtRisk).for_whom(Move::Owner).at(link));
        }
        if self.context.is_coexistence(reading) {
            self.add(Finding::new(Code::Coexistence, Level::Live));
        }
        self.quality();
        self.limit();
    }

    fn status(&mut self) {
        let reading = self.reading;
        let proved = reading
            .entity(&EntityType::PhoneNumber)
            .is_some_and(|entity| matches!(entity.can_send, Some(CanSend::Available | CanSend::Limited)));
        let connected = reading.status == Some(NumberStatus::Connected);
        match reading.provisioned() {
            // one signal alone misled people (facts §6.1): two of three must say so
            Provisioned::Unknown if !(connected && proved) => self.unread(),
            Provisioned::Yes if reading.status.is_none() && !proved => self.unread(),
            Provisioned::Yes | Provisioned::No | Provisioned::Unknown => {}
        }
        let Some(status) = &reading.status else { return };
        if let Some(finding) = self.of_status(status) {
            self.add(finding);
        }
    }

    fn unread(&mut self) {
        let code = Code::FactsUnread { fields: self.unread_fields() };
        self.add(Finding::new(code, Level::Unknown).offers(Action::Refresh));
    }

    fn of_status(&self, status: &NumberStatus) -> Option<Finding> {
        let asks = |code, level, action, target| {
            Some(Finding::new(code, level).asks(Move::Owner, action).at(self.link(target)))
        };
        match status {
            NumberStatus::Pending if self.is_provisioned() => Some(
                Finding::new(Code::Activating, Level::WaitingForMeta)
                    .for_whom(Move::Meta)
                    .at(self.link(LinkTarget::PhoneNumbers)),
            ),
            NumberStatus::Banned => {
                asks(Code::NumberBanned, Level::Blocked, Action::Appeal, LinkTarget::AccountQuality)
            }
            NumberStatus::Deleted => {
                asks(Code::NumberDeleted, Level::Blocked, Action::SignUpAgain, LinkTarget::PhoneNumbers)
            }
            NumberStatus::Migrated => {
                asks(Code::NumberMigrated, Level::Blocked, Action::SignUpAgain, LinkTarget::PhoneNumbers)
            }
            NumberStatus::Restricted => {
                asks(Code::NumberRestricted, Level::Blocked, Action::Appeal, LinkTarget::AccountQuality)
            }
            NumberStatus::Disconnected => Some(self.disconnected()),
            NumberStatus::Flagged => {
                asks(Code::NumberFlagged, Level::AtRisk, Action::ImproveQuality, LinkTarget::AccountQuality)
            }
            NumberStatus::RateLimited => {
                asks(Code::NumberRateLimited, Level::AtRisk, Action::ImproveQuality, LinkTarget::AccountQuality)
            }
            NumberStatus::Unverified if self.is_provisioned() => {
                asks(Code::NumberUnverified, Level::ActionNeeded, Action::VerifyByCode, LinkTarget::PhoneNumbers)
            }
            // not registered: the decision says what comes next
            NumberStatus::Connected | NumberStatus::Pending | NumberStatus::Unverified => None,
            NumberStatus::Other(word) => Some(
                Finding::new(Code::StatusNotKnown { status: word.clone() }, Level::AtRisk)
                    .for_whom(Move::Operator)
                    .at(self.link(LinkTarget::PhoneNumbers)),
            ),
        }
    }

    /// On no platform it is ours to register again; on one, or in the app, a person has to link it.
    fn disconnected(&self) -> Finding {
        let link = self.link(LinkTarget::PhoneNumbers);
        if self.context.is_coexistence(self.reading) {
            let finding = Finding::new(Code::NumberDisconnected, Level::ActionNeeded);
            finding.asks(Move::Owner, Action::ReconnectApp).at(link)
        } else if self.is_pending() {
            let finding = Finding::new(Code::NumberDisconnected, Level::WaitingForMeta);
            finding.offers(Action::CompleteRegistration).at(link)
        } else {
            let finding = Finding::new(Code::NumberDisconnected, Level::ActionNeeded);
            finding.asks(Move::Owner, Action::Reconnect).at(link)
        }
    }

    fn quality(&mut self) {
        let code = match &self.reading.quality_rating {
            Some(QualityRating::Yellow) => Code::QualityYellow,
            Some(QualityRating::Red) => Code::QualityRed,
            Some(QualityRating::Green | QualityRating::Na | QualityRating::Unknown | QualityRating::Other(_))
            | None => return,
        };
        let link = self.link(LinkTarget::AccountQuality);
        self.add(Finding::new(code, Level::AtRisk).asks(Move::Owner, Action::ImproveQuality).at(link));
    }

    fn limit(&mut self) {
        let Some(limit) = self.reading.limit().cloned() else { return };
        let link = self.link(LinkTarget::PhoneNumbers);
        if let (Some(most), Some(used)) = (limit.people(), self.context.sending.started_in_24h) {
            let share = used.max(0).saturating_mul(100) / most;
            let limit = limit.clone();
            if share >= 100 {
                self.add(Finding::new(Code::LimitReached { limit, used }, Level::AtRisk).at(link.clone()));
            } else if share >= NEAR_LIMIT {
                self.add(Finding::new(Code::LimitNear { limit, used }, Level::AtRisk).at(link.clone()));
            }
        }
        if matches!(limit, MessagingLimit::Tier50 | MessagingLimit::Tier250) {
            let finding = Finding::new(Code::LimitLowest { limit }, Level::Live);
            self.add(finding.offers(Action::VerifyBusiness).at(self.link(LinkTarget::SecurityCenter)));
        }
    }

    /// The display name and the one asked for.
    pub(super) fn names(&mut self) {
        let reading = self.reading;
        let link = self.link(LinkTarget::DisplayName);
        let new_is_open = reading.new_name_status == Some(NameStatus::PendingReview);
        let new_is_good = reading.new_name_status.as_ref().is_some_and(NameStatus::is_good);
        let is_declined = reading.name_status == Some(NameStatus::Declined);
        if is_declined && !new_is_good && !new_is_open {
            let code = Code::NameDeclined { name: self.name() };
            let finding = Finding::new(code, Level::ActionNeeded);
            self.add(finding.asks(Move::Owner, Action::ChooseNewName).at(link.clone()));
        }
        if reading.name_status == Some(NameStatus::Expired) && self.is_provisioned() {
            let finding = Finding::new(Code::NameExpired { name: self.name() }, Level::AtRisk);
            self.add(finding.asks(Move::Owner, Action::ChooseNewName).at(link.clone()));
        }
        let name = reading.new_display_name.clone();
        if new_is_open {
            // a declined name that has a successor under review waits for Meta, not for a person
            let severity = if is_declined { Level::WaitingForMeta } else { Level::AtRisk };
            self.add(Finding::new(Code::NewNameInReview { name }, severity).for_whom(Move::Meta).at(link));
        } else if reading.new_name_status == Some(NameStatus::Declined) {
            let finding = Finding::new(Code::NewNameDeclined { name }, Level::AtRisk);
            self.add(finding.asks(Move::Owner, Action::ChooseNewName).at(link));
        } else if new_is_good && !self.is_pending() {
            self.new_name_approved(name);
        }
    }

    /// Never applied by itself (R2): one button, until 14 days after the decision.
    fn new_name_approved(&mut self, name: Option<String>) {
        let link = self.link(LinkTarget::DisplayName);
        let since = self.context.new_name_approved_at;
        let apply_by = since.map(|at| later(at, APPLY_WITHIN));
        let lapsed = apply_by.is_some_and(|at| self.reached(at));
        let finding = if lapsed {
            Finding::new(Code::NewNameLapsed { name }, Level::AtRisk).asks(Move::Owner, Action::ChooseNewName)
        } else {
            let code = Code::NewNameApproved { name, apply_by };
            Finding::new(code, Level::AtRisk).asks(Move::Owner, Action::ApplyNewName)
        };
        self.add(finding.since(since).at(link));
    }
}
