//! `health_status`: the entities' own verdicts and errors (facts §6.3).
//!
//! Calling noise (138024 to 138026) is dropped, and the root's verdict is never used: calling can
//! block it. 141000 on the number means "not registered", whatever Meta advises with it.

use super::Judge;
use crate::health::{Action, Finding, FindingCode as Code, Level, LinkTarget, Move};
use crate::meta::reading::{CanSend, EntityError, EntityType, HealthEntity, NumberStatus};

const NOT_REGISTERED: i64 = 141_000;
const TEMPLATE: i64 = 141_002;
const BUSINESS_UNVERIFIED: i64 = 141_010;
const ACCOUNT_BANNED: i64 = 141_014;
const LOCKED: [i64; 2] = [131_031, 368];
/// Payment, as `health_status` and as sends word it.
pub(super) const PAYMENT: [i64; 4] = [141_006, 131_042, 131_044, 134_011];

/// Calling by SIP: nothing to do with messages.
fn is_noise(code: i64) -> bool {
    (138_024..=138_026).contains(&code)
}

impl<'a> Judge<'a> {
    pub(super) fn entities(&mut self) {
        for entity in self.health_status() {
            self.entity(entity);
        }
    }

    /// The number's read names every entity; the account's only stands in for it.
    pub(super) fn health_status(&self) -> &'a [HealthEntity] {
        let read = self.reading.health_status.as_deref();
        read.or(self.waba.health_status.as_deref()).unwrap_or_default()
    }

    fn entity(&mut self, entity: &HealthEntity) {
        if matches!(entity.entity_type, EntityType::Other(_)) {
            return;
        }
        let errors: Vec<&EntityError> = entity.errors.iter().filter(|error| !is_noise(error.code)).collect();
        for error in &errors {
            if let Some(finding) = self.of_error(entity, error) {
                self.add(finding);
            }
        }
        if errors.is_empty() {
            self.unexplained(entity);
        }
    }

    fn of_error(&self, entity: &HealthEntity, error: &EntityError) -> Option<Finding> {
        let is_blocked = entity.can_send == Some(CanSend::Blocked);
        let mentions_payment =
            error.possible_solution.as_deref().is_some_and(|text| text.to_ascii_lowercase().contains("payment method"));
        match error.code {
            TEMPLATE => None,
            NOT_REGISTERED if entity.entity_type == EntityType::PhoneNumber => self.not_registered(),
            code if PAYMENT.contains(&code) => Some(self.payment_missing()),
            // Meta's own sample decides by this text on the account (facts §6.3)
            _ if mentions_payment && entity.entity_type == EntityType::Waba => Some(self.payment_missing()),
            BUSINESS_UNVERIFIED => {
                let severity = if is_blocked { Level::ActionNeeded } else { Level::AtRisk };
                Some(self.business_unverified(severity))
            }
            ACCOUNT_BANNED => Some(self.banned()),
            code if LOCKED.contains(&code) => Some(self.locked()),
            _ => Some(self.reports(entity, error)),
        }
    }

    /// Error 141000. A number on no platform, or being activated, has its reason from elsewhere; on any
    /// other it dropped out and is registered again by itself.
    fn not_registered(&self) -> Option<Finding> {
        let is_activating = self.reading.status == Some(NumberStatus::Pending);
        (self.is_provisioned() && !is_activating).then(|| {
            Finding::new(Code::DroppedOut, Level::WaitingForMeta)
                .offers(Action::CompleteRegistration)
                .at(self.link(LinkTarget::PhoneNumbers))
        })
    }

    fn reports(&self, entity: &HealthEntity, error: &EntityError) -> Finding {
        let code = Code::MetaReports {
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
        self.about(entity, Finding::new(code, severity))
    }

    fn unexplained(&mut self, entity: &HealthEntity) {
        let meta_text = entity.additional_info.first().cloned();
        let entity_type = entity.entity_type.clone();
        let finding = match &entity.can_send {
            Some(CanSend::Blocked) if self.is_expected(entity) => return,
            Some(CanSend::Blocked) => {
                Finding::new(Code::SendingBlocked { entity: entity_type, meta_text }, Level::ActionNeeded)
            }
            // "your display name has not been approved yet" is normal on a live number
            Some(CanSend::Limited) => {
                Finding::new(Code::SendingLimited { entity: entity_type, meta_text }, Level::Live)
            }
            Some(CanSend::Available | CanSend::Other(_)) | None => return,
        };
        let finding = self.about(entity, finding);
        self.add(finding);
    }

    /// A number that is not registered or not yet active cannot send: no news.
    fn is_expected(&self, entity: &HealthEntity) -> bool {
        let is_active = self.is_provisioned() && self.reading.status != Some(NumberStatus::Pending);
        entity.entity_type == EntityType::PhoneNumber && !is_active
    }

    /// Whose move it is and where, by the entity.
    fn about(&self, entity: &HealthEntity, finding: Finding) -> Finding {
        match &entity.entity_type {
            EntityType::App => {
                finding.asks(Move::Operator, Action::CheckInstallation).at(self.link(LinkTarget::AppSettings))
            }
            EntityType::Business => {
                finding.asks(Move::Owner, Action::ContactSupport).at(self.link(LinkTarget::BusinessInfo))
            }
            EntityType::PhoneNumber | EntityType::Waba | EntityType::Other(_) => {
                finding.asks(Move::Owner, Action::ContactSupport).at(self.link(LinkTarget::AccountQuality))
            }
        }
    }
}
