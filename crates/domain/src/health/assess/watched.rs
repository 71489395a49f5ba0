//! What is watched for changes, taken from the facts; `None` where a fact is not known now.

use super::Judge;
use crate::health::transitions::{NameState, TokenNews};
use crate::health::{FindingCode, Subscription, TokenState, Watched, failure_word};
use crate::meta::reading::{MessagingLimit, NameStatus, QualityRating};

impl Judge<'_> {
    pub(super) fn watched(&self) -> Watched {
        let reading = self.reading;
        Watched {
            refusal: self.is_read.then(|| self.refusal()),
            hold: Some(self.context.registration.hold.map(|hold| hold.until).filter(|until| *until > self.now)),
            name: reading.name_status.as_ref().map(state_of),
            name_text: reading.verified_name.clone(),
            new_name: reading.new_name_status.as_ref().map(state_of),
            new_name_text: reading.new_display_name.clone(),
            limit: reading.limit().filter(|limit| is_tier(limit)).map(|limit| limit.as_str().to_owned()),
            quality: reading.quality_rating.as_ref().filter(|q| is_rated(q)).map(|q| q.as_str().to_owned()),
            token: self.token_news(),
            subscribed: match self.context.webhooks.subscription {
                Subscription::Unread => None,
                Subscription::Yes => Some(true),
                Subscription::No => Some(false),
            },
            silence: self
                .silence_begins()
                .map(|(last_heard_at, _, begins_at)| (begins_at <= self.now).then_some(last_heard_at)),
        }
    }

    /// The last refusal, while the number is not registered.
    fn refusal(&self) -> Option<(String, String)> {
        if self.is_provisioned() {
            return None;
        }
        let failure = &self.context.registration.last_refusal.as_ref()?.failure;
        let meta = failure.meta.as_ref();
        let part = |number: Option<i64>| number.map_or(String::new(), |number| format!(":{number}"));
        let reason = format!(
            "{}{}{}",
            failure_word(failure.kind),
            part(meta.map(|meta| meta.code)),
            part(meta.and_then(|meta| meta.subcode))
        );
        Some((reason, failure.message.clone()))
    }

    /// From the findings, since the token may be known dead from a read that failed.
    fn token_news(&self) -> Option<TokenNews> {
        for finding in &self.findings {
            if let FindingCode::TokenExpiring { expires_at } = finding.code {
                return Some(TokenNews::Expiring(expires_at));
            }
            if matches!(finding.code, FindingCode::TokenDead | FindingCode::AccessLost) {
                return Some(TokenNews::Dead);
            }
        }
        matches!(self.context.token.state, TokenState::Good { .. }).then_some(TokenNews::Good)
    }
}

fn state_of(status: &NameStatus) -> NameState {
    match status {
        NameStatus::Approved | NameStatus::AvailableWithoutReview => NameState::Good,
        NameStatus::Declined => NameState::Declined,
        NameStatus::None => NameState::None,
        NameStatus::PendingReview | NameStatus::Expired | NameStatus::Other(_) => NameState::Open,
    }
}

fn is_tier(limit: &MessagingLimit) -> bool {
    !matches!(limit, MessagingLimit::NotSet | MessagingLimit::Untiered)
}

fn is_rated(quality: &QualityRating) -> bool {
    !matches!(quality, QualityRating::Na | QualityRating::Unknown)
}
