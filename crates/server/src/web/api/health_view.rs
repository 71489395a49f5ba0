//! The health of a number as the API shows it: all members of the origin's first and newest version, and ours. A value
//! that Meta did not report is null.

use std::collections::BTreeMap;

use domain::callbacks::Route;
use domain::health::{self, Card, Finding, LinkTemplates, Party};
use domain::meta::reading::{HealthEntity, MessagingLimit, NumberReading, WabaReading};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::registration_view::RegistrationView;
use super::rfc3339;
use crate::flows::number::assessment::as_json;
use crate::flows::number::view::View;
use crate::messages;
use crate::store::channels::Webhook;
use crate::web::error::MetaView;

/// The health of a number.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct HealthView {
    // the origin's members
    id: Option<String>,
    #[schema(example = "+1 555-010-0001")]
    display_phone_number: Option<String>,
    verified_name: Option<String>,
    #[schema(example = "APPROVED")]
    name_status: Option<String>,
    #[schema(example = "GREEN")]
    quality_rating: Option<String>,
    /// The messaging limit, under either of Meta's names.
    #[schema(example = "TIER_2K")]
    messaging_limit_tier: Option<String>,
    #[schema(example = "CONNECTED")]
    status: Option<String>,
    #[schema(example = "LIVE")]
    account_mode: Option<String>,
    #[schema(example = "VERIFIED")]
    code_verification_status: Option<String>,
    /// Whether a name certificate exists; its text is not shown.
    certificate: Option<bool>,
    webhook_configuration: Option<WebhookConfigurationView>,
    expected_webhook_url: String,
    throughput: Option<ThroughputView>,
    #[schema(example = "STANDARD")]
    throughput_level: Option<String>,
    #[schema(example = "2026-07-01T08:30:00+0000")]
    last_onboarded_time: Option<String>,
    is_on_biz_app: Option<bool>,
    #[schema(example = "CLOUD_API")]
    platform_type: Option<String>,
    /// The business portfolio; the origin's first version had the WhatsApp account here.
    business_id: Option<String>,
    /// The id of the WhatsApp Business Account.
    business_account_id: String,
    business_account_name: Option<String>,
    business_portfolio_id: Option<String>,
    business_portfolio_name: Option<String>,
    health_checked_at: Option<String>,
    /// The reason why the last check failed; the members above are from the check before.
    health_error: Option<String>,
    reauthorization_required: bool,

    // ours
    health_error_at: Option<String>,
    /// Meta's error of the failed check.
    health_error_meta: Option<MetaView>,
    new_display_name: Option<String>,
    new_name_status: Option<String>,
    is_pin_enabled: Option<bool>,
    account_review_status: Option<String>,
    business_verification_status: Option<String>,
    /// Meta's report on sending, per entity.
    health_status: Option<Vec<EntityView>>,
    /// `live`, `at_risk`, `waiting_for_meta`, `action_needed`, `blocked` or `unknown`.
    #[schema(example = "waiting_for_meta")]
    level: &'static str,
    level_since: String,
    /// The time when the level may change without an event.
    level_until: Option<String>,
    /// The party that has to act next: `owner`, `operator`, `meta` or `nobody`.
    next_action_by: &'static str,
    waiting_until: Option<String>,
    /// The status of the number as a sentence.
    summary: String,
    /// The findings, most urgent first.
    findings: Vec<FindingView>,
    /// The cards of Account Health.
    checks: Vec<CheckView>,
    webhook: WebhookView,
    registration: RegistrationView,
}

/// The callback that Meta reports on each level.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookConfigurationView {
    phone_number: Option<String>,
    whatsapp_business_account: Option<String>,
    application: Option<String>,
}

/// The throughput of a number.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ThroughputView {
    level: String,
}

/// Meta's report on sending for one entity.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EntityView {
    entity_type: String,
    id: Option<String>,
    can_send_message: Option<String>,
    errors: Vec<EntityErrorView>,
    additional_info: Vec<String>,
}

/// One error of Meta's report on an entity.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct EntityErrorView {
    error_code: i64,
    error_description: String,
    possible_solution: Option<String>,
}

/// A finding: a fact about the number that matters to people.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct FindingView {
    #[schema(example = "name_in_review")]
    code: &'static str,
    /// The arguments of the sentence.
    #[schema(value_type = Object)]
    args: BTreeMap<&'static str, Value>,
    title: String,
    text: String,
    /// The level of a number that has only this finding.
    severity: &'static str,
    /// The party that has to act: `owner`, `operator`, `meta` or `nobody`.
    owner: &'static str,
    /// The action they can take, as a code.
    remedy: Option<&'static str>,
    /// The action as text.
    remedy_text: Option<&'static str>,
    /// The link to the page at Meta.
    link: Option<String>,
    since: Option<String>,
    /// The time of the next automatic step.
    next_step_at: Option<String>,
}

/// One card of Account Health: a fact with its rating.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CheckView {
    #[schema(example = "name_status")]
    fact: &'static str,
    label: &'static str,
    /// The value as text.
    value: String,
    /// The rating: `good`, `caution`, `bad` or `neutral`.
    badge: &'static str,
    meaning: &'static str,
    meaning_text: &'static str,
    link: Option<String>,
}

/// Where Meta sends the messages of a number. A callback of the number outranks that of its account, which outranks that of
/// the app.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RouteView {
    /// Whether messages arrive at this installation; null while that was not read.
    arrives_here: Option<bool>,
    /// The level of the callback in force: `number`, `account` or `app`.
    #[schema(example = "account")]
    level: Option<&'static str>,
    /// The address of another system that messages go to.
    elsewhere: Option<String>,
}

impl From<&Route> for RouteView {
    fn from(route: &Route) -> Self {
        let elsewhere = if let Route::Elsewhere { url, .. } = route { Some(url.clone()) } else { None };
        Self { arrives_here: route.is_here(), level: route.level().map(|level| level.into_str()), elsewhere }
    }
}

/// The state of the number's webhook at Meta.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct WebhookView {
    /// Where messages go, as last read.
    route: RouteView,
    /// The time since when the app is known to be subscribed.
    subscribed_at: Option<String>,
    /// The level on which Linekeeper set the callback last: `none`, `waba` or `number`.
    override_level: &'static str,
    override_url: Option<String>,
    override_error: Option<String>,
    /// The time when Meta last verified the callback.
    verified_at: Option<String>,
    /// The time of the last webhook about the number.
    last_webhook_at: Option<String>,
    error: Option<String>,
    checked_at: Option<String>,
}

impl HealthView {
    /// Builds the document from the stored facts.
    pub(crate) fn new(view: &View) -> Self {
        let number = NumberWords::of(&view.reading);
        let account = AccountWords::of(&view.waba, view.channel.business_id.as_ref().map(|id| id.0.clone()));
        Self {
            id: Some(view.channel.phone_number_id.0.clone()),
            display_phone_number: view.reading.display_phone_number.clone(),
            verified_name: view.reading.verified_name.clone(),
            name_status: number.name_status,
            quality_rating: number.quality_rating,
            messaging_limit_tier: number.limit,
            status: number.status,
            account_mode: number.account_mode,
            code_verification_status: number.code_verification,
            certificate: view.reading.certificate,
            webhook_configuration: number.webhook_configuration,
            expected_webhook_url: view.expected_webhook_url.clone(),
            throughput: number.throughput.clone().map(|level| ThroughputView { level }),
            throughput_level: number.throughput,
            last_onboarded_time: view.reading.last_onboarded_time.map(as_meta_writes),
            is_on_biz_app: view.reading.is_on_biz_app,
            platform_type: number.platform_type,
            business_id: account.portfolio_id.clone(),
            business_account_id: view.channel.waba_id.0.clone(),
            business_account_name: view.waba.name.clone(),
            business_portfolio_id: account.portfolio_id,
            business_portfolio_name: view.waba.owner_business_name.clone(),
            health_checked_at: view.checked_at.map(rfc3339),
            health_error: view.error.as_ref().map(|failure| failure.message.clone()),
            reauthorization_required: view.reauthorization_required,
            health_error_at: view.error_at.map(rfc3339),
            health_error_meta: view.error.as_ref().and_then(|failure| failure.meta.as_ref()).map(MetaView::from),
            new_display_name: view.reading.new_display_name.clone(),
            new_name_status: number.new_name_status,
            is_pin_enabled: view.reading.is_pin_enabled,
            account_review_status: account.review,
            business_verification_status: account.verification,
            health_status: number.health_status,
            level: view.report.level.into_str(),
            level_since: rfc3339(view.report.since),
            level_until: view.report.level_until.map(rfc3339),
            next_action_by: view.report.responsible.into_str(),
            waiting_until: view.report.waiting_until.map(rfc3339),
            summary: messages::summary(&view.report).text.to_string(),
            findings: view.report.findings.iter().map(FindingView::from).collect(),
            checks: view.cards.iter().map(CheckView::from).collect(),
            webhook: WebhookView::new(&view.webhook, &view.webhook_facts.callbacks.route()),
            registration: RegistrationView::new(&view.registration, false),
        }
    }
}

/// The values of a reading in Meta's spelling.
struct NumberWords {
    name_status: Option<String>,
    new_name_status: Option<String>,
    quality_rating: Option<String>,
    limit: Option<String>,
    status: Option<String>,
    account_mode: Option<String>,
    code_verification: Option<String>,
    throughput: Option<String>,
    platform_type: Option<String>,
    webhook_configuration: Option<WebhookConfigurationView>,
    health_status: Option<Vec<EntityView>>,
}

/// The value in Meta's spelling, if it was read.
macro_rules! word {
    ($value:expr) => {
        $value.as_ref().map(|value| value.as_str().to_owned())
    };
}

impl NumberWords {
    fn of(reading: &NumberReading) -> Self {
        let limit: Option<&MessagingLimit> = reading.portfolio_limit.as_ref().or(reading.messaging_limit_tier.as_ref());
        Self {
            name_status: word!(reading.name_status),
            new_name_status: word!(reading.new_name_status),
            quality_rating: word!(reading.quality_rating),
            limit: limit.map(|limit| limit.as_str().to_owned()),
            status: word!(reading.status),
            account_mode: word!(reading.account_mode),
            code_verification: word!(reading.code_verification),
            throughput: word!(reading.throughput),
            platform_type: word!(reading.platform_type),
            webhook_configuration: reading.webhook_configuration.as_ref().map(|configuration| {
                WebhookConfigurationView {
                    phone_number: configuration.phone_number.clone(),
                    whatsapp_business_account: configuration.whatsapp_business_account.clone(),
                    application: configuration.application.clone(),
                }
            }),
            health_status: reading.health_status.as_ref().map(|all| all.iter().map(EntityView::from).collect()),
        }
    }
}

struct AccountWords {
    portfolio_id: Option<String>,
    review: Option<String>,
    verification: Option<String>,
}

impl AccountWords {
    fn of(waba: &WabaReading, known_portfolio: Option<String>) -> Self {
        Self {
            portfolio_id: waba.owner_business_id.as_ref().map(|id| id.0.clone()).or(known_portfolio),
            review: word!(waba.account_review),
            verification: word!(waba.business_verification),
        }
    }
}

/// `2026-07-01T08:30:00+0000`, as Meta and the origin write it.
fn as_meta_writes(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%z").to_string()
}

impl From<&HealthEntity> for EntityView {
    fn from(entity: &HealthEntity) -> Self {
        let error = |error: &domain::meta::reading::EntityError| EntityErrorView {
            error_code: error.code,
            error_description: error.description.clone(),
            possible_solution: error.possible_solution.clone(),
        };
        Self {
            entity_type: entity.entity_type.as_str().to_owned(),
            id: entity.id.clone(),
            can_send_message: word!(entity.can_send),
            errors: entity.errors.iter().map(error).collect(),
            additional_info: entity.additional_info.clone(),
        }
    }
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        let message = messages::finding(&finding.code);
        // an action that is offered while Meta has to act is not a remedy
        let remedy = finding.action.filter(|_| finding.responsible != Party::Meta || finding.link.is_some());
        Self {
            code: finding.code.into_str(),
            args: finding.code.args().into_iter().map(|(name, arg)| (name, as_json(&arg))).collect(),
            title: message.title,
            text: message.text.to_string(),
            severity: finding.severity.into_str(),
            owner: finding.responsible.into_str(),
            remedy: remedy.map(|action| action.into_str()),
            remedy_text: remedy.map(|action| messages::button(action).does),
            link: finding.link.as_ref().map(|link| health::url(link, &LinkTemplates::default())),
            since: finding.since.map(rfc3339),
            next_step_at: finding.next_step_at.map(rfc3339),
        }
    }
}

impl From<&Card> for CheckView {
    fn from(card: &Card) -> Self {
        Self {
            fact: card.fact.into_str(),
            label: messages::fact(card.fact),
            value: messages::value(card.fact, card.value.as_ref()).to_string(),
            badge: card.badge.into_str(),
            meaning: card.meaning.into_str(),
            meaning_text: messages::meaning(card.meaning),
            link: card.link.as_ref().map(|link| health::url(link, &LinkTemplates::default())),
        }
    }
}

impl WebhookView {
    fn new(webhook: &Webhook, route: &Route) -> Self {
        Self {
            route: route.into(),
            subscribed_at: webhook.subscribed_at.map(rfc3339),
            override_level: webhook.override_level.as_str(),
            override_url: webhook.override_url.clone(),
            override_error: webhook.override_error.clone(),
            verified_at: webhook.verified_at.map(rfc3339),
            last_webhook_at: webhook.last_seen_at.map(rfc3339),
            error: webhook.error.clone(),
            checked_at: webhook.checked_at.map(rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_onboarding_time_has_the_format_of_the_origin() {
        let at = "2026-07-01T08:30:00Z".parse().unwrap();
        assert_eq!(as_meta_writes(at), "2026-07-01T08:30:00+0000");
    }
}
