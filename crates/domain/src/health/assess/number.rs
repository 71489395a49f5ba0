//! The number itself: status, quality, limit and names.

use jiff::SignedDuration;

use crate::health::assess::assessment::Assessment;
use crate::health::finding::{Finding, FindingCode as Code};
use crate::health::level::{Action, Level, Party};
use crate::health::links::LinkTarget;
use crate::meta::reading::{
    AccountMode, CanSend, EntityType, MessagingLimit, NameStatus, NumberStatus, PlatformType, Provisioned,
    QualityRating,
};
use crate::time::shift;

/// An approved new name must be applied within this time (facts §1.7).
const APPLY_WITHIN: SignedDuration = SignedDuration::from_hours(14 * 24);

pub(super) fn number(assessment: &mut Assessment<'_>) {
    if !assessment.is_read {
        return;
    }
    status(assessment);
    let reading = assessment.reading;
    if reading.platform_type == Some(PlatformType::OnPremise) {
        let link = assessment.link(LinkTarget::PhoneNumbers);
        let finding = Finding::new(Code::OnPremise, Level::ActionNeeded);
        assessment.add(finding.asks(Party::Owner, Action::MigrateFromOnPremise).at(link));
    }
    if reading.account_mode == Some(AccountMode::Sandbox) {
        let link = assessment.link(LinkTarget::PhoneNumbers);
        assessment.add(Finding::new(Code::Sandbox, Level::AtRisk).responsible(Party::Owner).at(link));
    }
    if assessment.context.is_coexistence(reading) && reading.provisioned() != Provisioned::No {
        assessment.add(Finding::new(Code::Coexistence, Level::Live));
    }
    quality(assessment);
    limit(assessment);
}

fn status(assessment: &mut Assessment<'_>) {
    let reading = assessment.reading;
    let proved = reading
        .entity(&EntityType::PhoneNumber)
        .is_some_and(|entity| matches!(entity.can_send, Some(CanSend::Available | CanSend::Limited)));
    let connected = reading.status == Some(NumberStatus::Connected);
    match reading.provisioned() {
        // one signal alone was misleading (facts §6.1): two of three must agree
        Provisioned::Unknown if !(connected && proved) => unread(assessment),
        Provisioned::Yes if reading.status.is_none() && !proved => unread(assessment),
        Provisioned::Yes | Provisioned::No | Provisioned::Unknown => {}
    }
    let Some(status) = &reading.status else { return };
    if let Some(finding) = of_status(assessment, status) {
        assessment.add(finding);
    }
}

fn unread(assessment: &mut Assessment<'_>) {
    let code = Code::FactsUnread { fields: assessment.unread_fields() };
    assessment.add(Finding::new(code, Level::Unknown).offers(Action::Refresh));
}

fn of_status(assessment: &Assessment<'_>, status: &NumberStatus) -> Option<Finding> {
    let asks = |code, level, action, target| {
        Some(Finding::new(code, level).asks(Party::Owner, action).at(assessment.link(target)))
    };
    match status {
        NumberStatus::Pending if assessment.is_provisioned() => Some(
            Finding::new(Code::Activating, Level::WaitingForMeta)
                .responsible(Party::Meta)
                .at(assessment.link(LinkTarget::PhoneNumbers)),
        ),
        NumberStatus::Banned => asks(Code::NumberBanned, Level::Blocked, Action::Appeal, LinkTarget::AccountQuality),
        NumberStatus::Deleted => {
            asks(Code::NumberDeleted, Level::Blocked, Action::SignUpAgain, LinkTarget::PhoneNumbers)
        }
        NumberStatus::Migrated => {
            asks(Code::NumberMigrated, Level::Blocked, Action::SignUpAgain, LinkTarget::PhoneNumbers)
        }
        NumberStatus::Restricted => {
            asks(Code::NumberRestricted, Level::Blocked, Action::Appeal, LinkTarget::AccountQuality)
        }
        NumberStatus::Disconnected => Some(disconnected(assessment)),
        NumberStatus::Flagged => {
            asks(Code::NumberFlagged, Level::AtRisk, Action::ImproveQuality, LinkTarget::AccountQuality)
        }
        NumberStatus::RateLimited => {
            asks(Code::NumberRateLimited, Level::AtRisk, Action::ImproveQuality, LinkTarget::AccountQuality)
        }
        NumberStatus::Unverified if assessment.is_provisioned() => {
            asks(Code::NumberUnverified, Level::ActionNeeded, Action::VerifyByCode, LinkTarget::PhoneNumbers)
        }
        // not registered: the decision has the finding
        NumberStatus::Connected | NumberStatus::Pending | NumberStatus::Unverified => None,
        NumberStatus::Other(word) => Some(
            Finding::new(Code::StatusUnknown { status: word.clone() }, Level::AtRisk)
                .responsible(Party::Operator)
                .at(assessment.link(LinkTarget::PhoneNumbers)),
        ),
    }
}

/// A disconnected number on no platform is registered again automatically; on one, or in the app, a person has to link it.
fn disconnected(assessment: &Assessment<'_>) -> Finding {
    let link = assessment.link(LinkTarget::PhoneNumbers);
    if assessment.context.is_coexistence(assessment.reading) {
        let finding = Finding::new(Code::NumberDisconnected, Level::ActionNeeded);
        finding.asks(Party::Owner, Action::ReconnectApp).at(link)
    } else if assessment.is_pending() {
        let finding = Finding::new(Code::NumberDisconnected, Level::WaitingForMeta);
        finding.offers(Action::CompleteRegistration).at(link)
    } else {
        let finding = Finding::new(Code::NumberDisconnected, Level::ActionNeeded);
        finding.asks(Party::Owner, Action::Reconnect).at(link)
    }
}

fn quality(assessment: &mut Assessment<'_>) {
    let code = match &assessment.reading.quality_rating {
        Some(QualityRating::Yellow) => Code::QualityYellow,
        Some(QualityRating::Red) => Code::QualityRed,
        Some(QualityRating::Green | QualityRating::Na | QualityRating::Unknown | QualityRating::Other(_)) | None => {
            return;
        }
    };
    let link = assessment.link(LinkTarget::AccountQuality);
    assessment.add(Finding::new(code, Level::AtRisk).asks(Party::Owner, Action::ImproveQuality).at(link));
}

fn limit(assessment: &mut Assessment<'_>) {
    let Some(limit) = assessment.reading.limit().cloned() else { return };
    if matches!(limit, MessagingLimit::Tier50 | MessagingLimit::Tier250) {
        let finding = Finding::new(Code::LimitLowest { limit }, Level::Live);
        assessment.add(finding.offers(Action::VerifyBusiness).at(assessment.link(LinkTarget::SecurityCenter)));
    }
}

/// The display name and the one asked for.
pub(super) fn names(assessment: &mut Assessment<'_>) {
    let reading = assessment.reading;
    let link = assessment.link(LinkTarget::DisplayName);
    let new_is_open = reading.new_name_status == Some(NameStatus::PendingReview);
    let new_is_good = reading.new_name_status.as_ref().is_some_and(NameStatus::is_good);
    let is_declined = reading.name_status == Some(NameStatus::Declined);
    let rejection_reason = assessment.rejection_reason();
    if is_declined && !new_is_good && !new_is_open {
        let name = assessment.name();
        // a registered number keeps working under a name that was declined
        let finding = if assessment.is_provisioned() {
            Finding::new(Code::LiveNameDeclined { name, rejection_reason: rejection_reason.clone() }, Level::AtRisk)
        } else {
            let code = Code::NameDeclined { name, rejection_reason: rejection_reason.clone() };
            Finding::new(code, Level::ActionNeeded)
        };
        assessment.add(finding.asks(Party::Owner, Action::ChooseNewName).at(link.clone()));
    }
    if reading.name_status == Some(NameStatus::Expired) && assessment.is_provisioned() {
        let finding = Finding::new(Code::NameExpired { name: assessment.name() }, Level::AtRisk);
        assessment.add(finding.asks(Party::Owner, Action::ChooseNewName).at(link.clone()));
    }
    let name = reading.new_display_name.clone();
    if new_is_open {
        // a declined name that has a successor under review waits for Meta, not for a person
        let waits = is_declined && !assessment.is_provisioned();
        let severity = if waits { Level::WaitingForMeta } else { Level::AtRisk };
        assessment.add(Finding::new(Code::NewNameInReview { name }, severity).responsible(Party::Meta).at(link));
    } else if reading.new_name_status == Some(NameStatus::Declined) {
        let finding = Finding::new(Code::NewNameDeclined { name, rejection_reason }, Level::AtRisk);
        assessment.add(finding.asks(Party::Owner, Action::ChooseNewName).at(link));
    } else if new_is_good && !assessment.is_pending() {
        new_name_approved(assessment, name);
    }
}

/// An approved new name is never applied automatically (R2): a person presses a button within 14 days of the decision.
fn new_name_approved(assessment: &mut Assessment<'_>, name: Option<String>) {
    let link = assessment.link(LinkTarget::DisplayName);
    let since = assessment.context.new_name_approved_at;
    let apply_by = since.map(|at| shift(at, APPLY_WITHIN));
    let lapsed = apply_by.is_some_and(|at| assessment.reached(at));
    let finding = if lapsed {
        Finding::new(Code::NewNameLapsed { name }, Level::AtRisk).asks(Party::Owner, Action::ChooseNewName)
    } else {
        let code = Code::NewNameApproved { name, apply_by };
        Finding::new(code, Level::AtRisk).asks(Party::Owner, Action::ApplyNewName)
    };
    assessment.add(finding.since(since).at(link));
}
