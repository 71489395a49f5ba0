//! The entities of `health_status` (facts §6.3).
//!
//! Errors about calling (138024 to 138026) are dropped, and the root's `can_send_message` is never used: calling can block
//! it. 141000 on the number means "not registered", regardless of Meta's advice with it.

use crate::health::assess::assessment::Assessment;
use crate::health::assess::common::{banned, business_unverified, locked, payment_missing};
use crate::health::finding::{Finding, FindingCode as Code};
use crate::health::level::{Action, Level, Party};
use crate::health::links::LinkTarget;
use crate::meta::reading::{CanSend, EntityError, EntityType, HealthEntity, NumberStatus};

const NOT_REGISTERED: i64 = 141_000;
const TEMPLATE: i64 = 141_002;
const BUSINESS_UNVERIFIED: i64 = 141_010;
const ACCOUNT_BANNED: i64 = 141_014;
const LOCKED: [i64; 2] = [131_031, 368];
/// Codes of a missing payment method in `health_status` and on sends.
pub(super) const PAYMENT: [i64; 4] = [141_006, 131_042, 131_044, 134_011];

/// Whether an error is about calling by SIP, which does not concern messages.
fn is_noise(code: i64) -> bool {
    (138_024..=138_026).contains(&code)
}

pub(super) fn entities(assessment: &mut Assessment<'_>) {
    for entity in assessment.health_status() {
        add_entity(assessment, entity);
    }
}

fn add_entity(assessment: &mut Assessment<'_>, entity: &HealthEntity) {
    if matches!(entity.entity_type, EntityType::Other(_)) {
        return;
    }
    let errors: Vec<&EntityError> = entity.errors.iter().filter(|error| !is_noise(error.code)).collect();
    for error in &errors {
        if let Some(finding) = of_error(assessment, entity, error) {
            assessment.add(finding);
        }
    }
    if errors.is_empty() {
        unexplained(assessment, entity);
    }
}

fn of_error(assessment: &Assessment<'_>, entity: &HealthEntity, error: &EntityError) -> Option<Finding> {
    let is_blocked = entity.can_send == Some(CanSend::Blocked);
    let mentions_payment =
        error.possible_solution.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains("payment method"));
    match error.code {
        TEMPLATE => None,
        NOT_REGISTERED if entity.entity_type == EntityType::PhoneNumber => not_registered(assessment),
        code if PAYMENT.contains(&code) => Some(payment_missing(assessment)),
        // Meta's own sample decides by this text on the account (facts §6.3)
        _ if mentions_payment && entity.entity_type == EntityType::Waba => Some(payment_missing(assessment)),
        BUSINESS_UNVERIFIED => {
            let severity = if is_blocked { Level::ActionNeeded } else { Level::AtRisk };
            Some(business_unverified(assessment, severity))
        }
        ACCOUNT_BANNED => Some(banned(assessment)),
        code if LOCKED.contains(&code) => Some(locked(assessment)),
        _ => Some(reports(assessment, entity, error)),
    }
}

/// Error 141000. A number on no platform, or being activated, has its reason from the decision; any other number has lost
/// its registration and is registered again automatically.
fn not_registered(assessment: &Assessment<'_>) -> Option<Finding> {
    let is_activating = assessment.reading.status == Some(NumberStatus::Pending);
    (assessment.is_provisioned() && !is_activating).then(|| {
        Finding::new(Code::RegistrationLost, Level::WaitingForMeta)
            .offers(Action::CompleteRegistration)
            .at(assessment.link(LinkTarget::PhoneNumbers))
    })
}

fn reports(assessment: &Assessment<'_>, entity: &HealthEntity, error: &EntityError) -> Finding {
    let code = Code::MetaErrorReported {
        entity: entity.entity_type.clone(),
        meta_code: error.code,
        meta_text: error.description.clone(),
        meta_advice: error.possible_solution.clone(),
    };
    let severity = match &entity.can_send {
        Some(CanSend::Blocked) => Level::ActionNeeded,
        Some(CanSend::Limited) => Level::AtRisk,
        Some(CanSend::Available | CanSend::Other(_)) | None => Level::Live,
    };
    about(assessment, entity, Finding::new(code, severity))
}

fn unexplained(assessment: &mut Assessment<'_>, entity: &HealthEntity) {
    let meta_text = entity.additional_info.first().cloned();
    let entity_type = entity.entity_type.clone();
    let finding = match &entity.can_send {
        Some(CanSend::Blocked) if is_expected(assessment, entity) => return,
        Some(CanSend::Blocked) => {
            Finding::new(Code::SendingBlocked { entity: entity_type, meta_text }, Level::ActionNeeded)
        }
        // "your display name has not been approved yet" is normal on a live number
        Some(CanSend::Limited) => Finding::new(Code::SendingLimited { entity: entity_type, meta_text }, Level::Live),
        Some(CanSend::Available | CanSend::Other(_)) | None => return,
    };
    let finding = about(assessment, entity, finding);
    assessment.add(finding);
}

/// Whether a block is expected: a number that is not registered or not yet active cannot send.
fn is_expected(assessment: &Assessment<'_>, entity: &HealthEntity) -> bool {
    let is_active = assessment.is_provisioned() && assessment.reading.status != Some(NumberStatus::Pending);
    entity.entity_type == EntityType::PhoneNumber && !is_active
}

/// Adds the responsible party and the page, by the entity.
fn about(assessment: &Assessment<'_>, entity: &HealthEntity, finding: Finding) -> Finding {
    match &entity.entity_type {
        EntityType::App => {
            finding.asks(Party::Operator, Action::CheckInstallation).at(assessment.link(LinkTarget::AppSettings))
        }
        EntityType::Business => {
            finding.asks(Party::Owner, Action::ContactSupport).at(assessment.link(LinkTarget::BusinessInfo))
        }
        EntityType::PhoneNumber | EntityType::Waba | EntityType::Other(_) => {
            finding.asks(Party::Owner, Action::ContactSupport).at(assessment.link(LinkTarget::AccountQuality))
        }
    }
}
