//! Cases to assess, and the properties of every assessment.

use jiff::{SignedDuration, Timestamp};
use strum::{VariantArray as _, VariantNames as _};

use super::*;
use crate::callbacks::{AppCallback, Callbacks, Subscription, Target};
use crate::channel::Onboarding;
use crate::meta::failure::FailureKind;
use crate::meta::reading::{
    AccountMode, AccountReview, BusinessVerification, CanSend, CodeVerification, EntityError, EntityType, HealthEntity,
    MessagingLimit, NameStatus, NumberReading, NumberStatus, PlatformType, QualityRating, ThroughputLevel, WabaReading,
};
use crate::registration::ledger::Spent;
use crate::registration::{AppLink, Decision, Reason};

mod assessed;
mod cards;
mod changed;
mod findings;
mod properties;

/// Everything an assessment is made from.
#[derive(Debug, Clone)]
struct Case {
    snapshot: HealthSnapshot,
    context: HealthContext,
    now: Timestamp,
}

fn now() -> Timestamp {
    "2026-10-05T10:00:00Z".parse().unwrap()
}

fn hours(n: i64) -> SignedDuration {
    SignedDuration::from_hours(n)
}

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

fn entity(entity_type: EntityType) -> HealthEntity {
    HealthEntity {
        entity_type,
        id: Some("730".to_owned()),
        can_send: Some(CanSend::Available),
        errors: Vec::new(),
        additional_info: Vec::new(),
    }
}

impl Case {
    /// A live number of a verified business with which all is well.
    fn live() -> Self {
        let entities = [EntityType::PhoneNumber, EntityType::Waba, EntityType::Business, EntityType::App];
        let reading = NumberReading {
            verified_name: Some("Example Bakery".to_owned()),
            name_status: Some(NameStatus::Approved),
            new_name_status: Some(NameStatus::None),
            code_verification: Some(CodeVerification::Verified),
            status: Some(NumberStatus::Connected),
            platform_type: Some(PlatformType::CloudApi),
            throughput: Some(ThroughputLevel::Standard),
            quality_rating: Some(QualityRating::Green),
            portfolio_limit: Some(MessagingLimit::Tier2k),
            account_mode: Some(AccountMode::Live),
            is_on_biz_app: Some(false),
            health_status: Some(entities.into_iter().map(entity).collect()),
            ..NumberReading::default()
        };
        let waba = WabaReading {
            account_review: Some(AccountReview::Approved),
            business_verification: Some(BusinessVerification::Verified),
            status: Some("ACTIVE".to_owned()),
            ..WabaReading::default()
        };
        let standing = RegistrationFacts {
            decision: Decision::Done { reason: Reason::Live, next_check_at: None },
            spent: Spent::default(),
            hold: None,
            last_refusal: None,
            last_call_at: None,
            was_registered: false,
            last_onboarded_time: None,
            app_link: AppLink::None,
        };
        let mut context = HealthContext::new(Onboarding::Standard, now() - days(2), standing);
        context.webhooks.callbacks = Callbacks {
            subscription: Subscription::Yes,
            number: Target::Empty,
            account: Target::Ours("https://lines.example/webhooks/whatsapp/+15550100001".to_owned()),
            app: AppCallback::Ours,
        };
        context.token.state = TokenState::Good { expires_at: None };
        let checked_at = Some(now() - SignedDuration::from_mins(2));
        let snapshot = HealthSnapshot { reading, checked_at, waba, waba_checked_at: checked_at, read_failure: None };
        Self { snapshot, context, now: now() }
    }

    /// A verified number that is not registered (facts §6.1, stage C).
    fn pending() -> Self {
        let mut case = Self::live();
        case.reading().status = Some(NumberStatus::Pending);
        case.reading().platform_type = Some(PlatformType::NotApplicable);
        case.reading().throughput = Some(ThroughputLevel::NotApplicable);
        case.decide(waits(Reason::Ready));
        case
    }

    fn reading(&mut self) -> &mut NumberReading {
        &mut self.snapshot.reading
    }

    fn callbacks(&mut self) -> &mut Callbacks {
        &mut self.context.webhooks.callbacks
    }

    /// Neither the number nor its account has a callback, and Meta refuses to set one.
    fn refuse_override(&mut self) {
        self.callbacks().account = Target::Empty;
        self.context.webhooks.refusal = Some(OverrideRefusal { code: Some(200), text: "(#200)".to_owned() });
    }

    fn entity(&mut self, entity_type: &EntityType) -> &mut HealthEntity {
        let entities = self.snapshot.reading.health_status.as_mut().unwrap();
        entities.iter_mut().find(|entity| entity.entity_type == *entity_type).unwrap()
    }

    fn decide(&mut self, decision: Decision) {
        self.context.registration.decision = decision;
    }

    fn report(&self) -> HealthReport {
        assess(&self.snapshot, &self.context, self.now)
    }

    /// The codes of the findings that are more than information.
    fn codes(&self) -> Vec<&'static str> {
        let report = self.report();
        report.findings.iter().filter(|f| f.severity != Level::Live).map(|f| f.code.into_str()).collect()
    }
}

fn waits(reason: Reason) -> Decision {
    Decision::Wait { reason, next_check_at: now() + hours(1), register_at: None }
}

fn error(entity_type: &EntityType, code: i64, can_send: CanSend, case: &mut Case) {
    let entity = case.entity(entity_type);
    entity.can_send = Some(can_send);
    entity.errors.push(EntityError { code, description: "Meta's text".to_owned(), possible_solution: None });
}

fn read_failed(case: &mut Case, kind: FailureKind) {
    case.snapshot.read_failure = Some(ReadFailure { kind, at: now() - hours(1), in_a_row: 2 });
}
