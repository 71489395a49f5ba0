//! Findings that several parts of an assessment produce.

use jiff::Timestamp;

use crate::health::assess::assessment::Assessment;
use crate::health::callbacks::Reconciliation;
use crate::health::finding::{Finding, FindingCode as Code};
use crate::health::level::{Action, Level, Party};
use crate::health::links::LinkTarget;

/// The token is dead. The owner has to reconnect only where the installation cannot fetch another token by itself.
pub(super) fn token_dead(assessment: &mut Assessment<'_>, since: Timestamp) {
    let finding = match assessment.context.token.refetch {
        Some(Reconciliation::InProgress) => Finding::new(Code::TokenDead, Level::AtRisk).offers(Action::Reconnect),
        Some(Reconciliation::GivenUp) | None => {
            Finding::new(Code::TokenDead, Level::ActionNeeded).asks(Party::Owner, Action::Reconnect)
        }
    };
    assessment.add(finding.since(Some(since)));
}

/// Access to the account is lost. For a coexistence number this usually means that the link was ended in the app (100/33),
/// and connecting it there again restores access.
pub(super) fn access_lost(assessment: &mut Assessment<'_>, since: Timestamp) {
    if assessment.context.is_coexistence(&assessment.snapshot.reading) {
        let link = assessment.link(LinkTarget::PhoneNumbers);
        let finding = Finding::new(Code::CoexistenceLost, Level::ActionNeeded);
        return assessment.add(finding.asks(Party::Owner, Action::ReconnectApp).since(Some(since)).at(link));
    }
    let link = assessment.link(LinkTarget::AccountSettings);
    let finding = Finding::new(Code::AccessLost, Level::ActionNeeded);
    assessment.add(finding.asks(Party::Owner, Action::RestoreAccess).since(Some(since)).at(link));
}

/// No payment method. Replies within 24 h still go out, so a person has to act but nothing is blocked (facts §6.3).
pub(super) fn payment_missing(assessment: &Assessment<'_>) -> Finding {
    Finding::new(Code::PaymentMissing, Level::ActionNeeded)
        .asks(Party::Owner, Action::AddPayment)
        .at(assessment.link(LinkTarget::Payment))
}

pub(super) fn business_unverified(assessment: &Assessment<'_>, severity: Level) -> Finding {
    let verification = assessment.waba.business_verification.clone();
    let finding = Finding::new(Code::BusinessUnverified { verification }, severity);
    let finding = if severity == Level::Live {
        finding.offers(Action::VerifyBusiness)
    } else {
        finding.asks(Party::Owner, Action::VerifyBusiness)
    };
    finding.at(assessment.link(LinkTarget::SecurityCenter))
}

pub(super) fn banned(assessment: &Assessment<'_>) -> Finding {
    Finding::new(Code::AccountBanned, Level::Blocked)
        .asks(Party::Owner, Action::Appeal)
        .at(assessment.link(LinkTarget::AccountQuality))
}

pub(super) fn locked(assessment: &Assessment<'_>) -> Finding {
    Finding::new(Code::AccountLocked, Level::Blocked)
        .asks(Party::Owner, Action::ContactSupport)
        .at(assessment.link(LinkTarget::AccountQuality))
}
