//! The watched values of an assessment; `None` where a fact is not known now.

use crate::health::assess::assessment::Assessment;
use crate::health::assess::connection::silence_begins;
use crate::health::facts::TokenState;
use crate::health::finding::FindingCode;
use crate::health::watched::{NameState, RefusalReason, TokenStatus, Watched};
use crate::meta::reading::{MessagingLimit, NameStatus, QualityRating};

pub(super) fn watched(assessment: &Assessment<'_>) -> Watched {
    let reading = assessment.reading;
    Watched {
        refusal: assessment.is_read.then(|| refusal(assessment)),
        hold: Some(assessment.context.registration.hold.map(|hold| hold.until).filter(|until| *until > assessment.now)),
        name: reading.name_status.as_ref().map(state_of),
        name_text: reading.verified_name.clone(),
        new_name: reading.new_name_status.as_ref().map(state_of),
        new_name_text: reading.new_display_name.clone(),
        rejection_reason: assessment.rejection_reason(),
        limit: reading.limit().filter(|limit| is_tier(limit)).map(|limit| limit.as_str().to_owned()),
        quality: reading.quality_rating.as_ref().filter(|q| is_rated(q)).map(|q| q.as_str().to_owned()),
        token: token_status(assessment),
        subscribed: assessment.context.webhooks.callbacks.subscription.is_subscribed(),
        silence: silence_begins(assessment)
            .map(|(last_seen_at, _, begins_at)| (begins_at <= assessment.now).then_some(last_seen_at)),
    }
}

/// The last refusal, while the number is not registered.
fn refusal(assessment: &Assessment<'_>) -> Option<RefusalReason> {
    if assessment.is_provisioned() {
        return None;
    }
    let failure = &assessment.context.registration.last_refusal.as_ref()?.failure;
    let meta = failure.meta.as_ref();
    let part = |number: Option<i64>| number.map_or(String::new(), |number| format!(":{number}"));
    let code =
        format!("{}{}{}", failure.kind, part(meta.map(|meta| meta.code)), part(meta.and_then(|meta| meta.subcode)));
    Some(RefusalReason { code, meta_text: failure.message.clone() })
}

/// From the findings, since a failed read may prove the token dead.
fn token_status(assessment: &Assessment<'_>) -> Option<TokenStatus> {
    for finding in &assessment.findings {
        if let FindingCode::TokenExpiring { expires_at } = finding.code {
            return Some(TokenStatus::Expiring(expires_at));
        }
        if matches!(finding.code, FindingCode::TokenDead | FindingCode::AccessLost) {
            return Some(TokenStatus::Dead);
        }
    }
    matches!(assessment.context.token.state, TokenState::Good { .. }).then_some(TokenStatus::Good)
}

fn state_of(status: &NameStatus) -> NameState {
    match status {
        NameStatus::Approved | NameStatus::AvailableWithoutReview => NameState::Good,
        NameStatus::Declined => NameState::Declined,
        NameStatus::None => NameState::None,
        NameStatus::PendingReview | NameStatus::Expired | NameStatus::Other(_) => NameState::Undecided,
    }
}

fn is_tier(limit: &MessagingLimit) -> bool {
    !matches!(limit, MessagingLimit::NotSet | MessagingLimit::Untiered)
}

fn is_rated(quality: &QualityRating) -> bool {
    !matches!(quality, QualityRating::Na | QualityRating::Unknown)
}
