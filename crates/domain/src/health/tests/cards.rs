//! The page's cards: what each value of Meta's looks like and means.

use super::*;
use crate::meta::reading::WebhookConfiguration;

use Badge::{Bad, Caution, Good, Neutral};
use CardMeaning as M;

fn card(case: &Case, fact: Fact) -> Card {
    cards(&case.snapshot, &case.context, case.now).into_iter().find(|card| card.fact == fact).unwrap()
}

#[test]
fn every_fact_has_its_card_in_order() {
    let case = Case::live();
    let facts: Vec<Fact> = cards(&case.snapshot, &case.context, case.now).iter().map(|card| card.fact).collect();
    assert_eq!(facts, Fact::VARIANTS);
}

#[test]
fn what_was_not_read_says_so() {
    let mut case = Case::live();
    case.snapshot.reading = NumberReading::default();
    case.callbacks().account = Target::Unread;
    for card in cards(&case.snapshot, &case.context, case.now) {
        assert_eq!((card.badge, card.meaning, card.value), (Neutral, M::NotRead, None), "{:?}", card.fact);
    }
}

/// The same word means something else on a number that is not registered.
#[test]
fn words_mean_what_they_mean_for_this_number() {
    let name = |word: &str| NameStatus::parse(word);
    let rows = [
        (Case::live(), "APPROVED", Good, M::NameApproved),
        (Case::live(), "AVAILABLE_WITHOUT_REVIEW", Good, M::NameUsable),
        (Case::live(), "PENDING_REVIEW", Neutral, M::NameInReviewLive),
        (Case::pending(), "PENDING_REVIEW", Caution, M::NameInReview),
        (Case::live(), "DECLINED", Bad, M::NameDeclined),
        (Case::live(), "ODD", Neutral, M::NotKnown),
    ];
    for (mut case, word, badge, meaning) in rows {
        case.reading().name_status = Some(name(word));
        let card = card(&case, Fact::NameStatus);
        assert_eq!((card.badge, card.meaning), (badge, meaning), "{word}");
        assert_eq!(card.value, Some(CardValue::Code(word.to_owned())));
    }
    let rows = [
        (Case::live(), "EXPIRED", Good, M::CodeExpiredLive),
        (Case::pending(), "EXPIRED", Caution, M::CodeExpired),
        (Case::live(), "NOT_VERIFIED", Neutral, M::CodeNotVerifiedLive),
        (Case::pending(), "NOT_VERIFIED", Caution, M::CodeNotVerified),
    ];
    for (mut case, word, badge, meaning) in rows {
        case.reading().code_verification = Some(CodeVerification::parse(word));
        let card = card(&case, Fact::CodeVerification);
        assert_eq!((card.badge, card.meaning), (badge, meaning), "{word}");
    }
}

#[test]
fn the_webhook_card_shows_the_callback_in_effect() {
    let mut case = Case::live();
    case.reading().webhook_configuration = Some(WebhookConfiguration {
        application: Some("https://app.example".to_owned()),
        ..WebhookConfiguration::default()
    });
    let shown = card(&case, Fact::Webhook);
    assert_eq!(shown.value, Some(CardValue::Text("https://app.example".to_owned())));
    assert_eq!((shown.badge, shown.meaning), (Good, M::WebhookOurs));
    case.callbacks().number = Target::Foreign("https://x.example".to_owned());
    assert_eq!(card(&case, Fact::Webhook).meaning, M::WebhookForeign);
    case.callbacks().subscription = Subscription::No;
    assert_eq!((card(&case, Fact::Webhook).badge, card(&case, Fact::Webhook).meaning), (Bad, M::WebhookNotSubscribed));
}

#[test]
fn the_onboarding_window_shows_on_an_unregistered_number_only() {
    for (days_ago, meaning) in [(2, M::Onboarded), (11, M::OnboardingEnding), (15, M::OnboardingExpired)] {
        let (mut pending, mut live) = (Case::pending(), Case::live());
        pending.reading().last_onboarded_time = Some(now() - days(days_ago));
        live.reading().last_onboarded_time = Some(now() - days(days_ago));
        assert_eq!(card(&pending, Fact::LastOnboarded).meaning, meaning, "{days_ago}");
        assert_eq!(card(&live, Fact::LastOnboarded).meaning, M::Onboarded, "{days_ago}");
    }
}
