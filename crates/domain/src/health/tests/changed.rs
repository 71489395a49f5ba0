//! Changes: once per transition, never twice for the same state.

use super::*;
use crate::interpretation::Note;
use crate::meta::failure::{Failure, MetaError};

/// Publishes changes and stores the last assessment, as a flow does.
struct Publisher {
    before: Option<LastAssessment>,
}

impl Publisher {
    fn publish(&mut self, case: &mut Case) -> Vec<&'static str> {
        case.context.before.clone_from(&self.before);
        let report = case.report();
        let found = changes(self.before.as_ref(), &report);
        self.before = Some(next_assessment(self.before.as_ref(), &report));
        assert_eq!(changes(self.before.as_ref(), &report), vec![]);
        found.iter().map(HealthChange::into_str).collect()
    }
}

/// The changes published for `first`, and then after each step.
fn story(first: &Case, steps: &[fn(&mut Case)]) -> Vec<Vec<&'static str>> {
    let mut case = first.clone();
    let mut publisher = Publisher { before: None };
    let mut stories = vec![publisher.publish(&mut case)];
    for step in steps {
        step(&mut case);
        case.now += hours(1);
        case.snapshot.checked_at = Some(case.now);
        case.snapshot.waba_checked_at = Some(case.now);
        stories.push(publisher.publish(&mut case));
    }
    stories
}

#[test]
fn a_number_goes_live_once() {
    let published = story(&Case::pending(), &[|c| *c = Case::live(), |_| {}, |_| {}]);
    assert_eq!(published, vec![vec![], vec!["number_live"], vec![], vec![]]);
}

#[test]
fn a_level_is_published_when_entered_and_when_left() {
    let published = story(
        &Case::live(),
        &[
            |c| c.reading().account_mode = Some(AccountMode::Sandbox),
            |c| c.reading().status = Some(NumberStatus::Banned),
            |c| *c = Case { now: c.now, ..Case::live() },
        ],
    );
    assert_eq!(published, vec![vec!["number_live"], vec!["at_risk"], vec!["blocked"], vec!["recovered"]]);
}

#[test]
fn a_further_reason_of_the_same_weight_is_a_change() {
    let published = story(
        &Case::live(),
        &[
            |c| c.context.token.state = TokenState::Dead { since: now() },
            |c| c.context.sending.apply(&Note::SendRefused(131_042), now()),
        ],
    );
    assert_eq!(published[1], vec!["token_dead", "action_needed"]);
    assert_eq!(published[2], vec!["action_needed"]);
}

/// A number that turns grey and comes back as it was is no change.
#[test]
fn unknown_in_between_is_no_change() {
    let mut case = Case::live();
    case.reading().name_status = Some(NameStatus::Declined);
    let mut publisher = Publisher { before: None };
    assert_eq!(publisher.publish(&mut case), vec!["number_live", "at_risk"]);
    case.now = now() + hours(48);
    assert_eq!(publisher.publish(&mut case), Vec::<&str>::new());
    assert_eq!(publisher.before.as_ref().unwrap().level, Level::Unknown);
    case.snapshot.checked_at = Some(case.now);
    assert_eq!(publisher.publish(&mut case), Vec::<&str>::new());
}

fn refuse(case: &mut Case, code: i64) {
    let failure = Failure::from_meta(MetaError { code, message: "Meta's text".to_owned(), ..MetaError::default() });
    case.context.registration.last_refusal = Some(Refusal { failure, at: case.now });
}

#[test]
fn a_refusal_is_published_for_a_new_reason_only() {
    let published = story(&Case::pending(), &[|c| refuse(c, 133_005), |c| refuse(c, 133_005), |c| refuse(c, 133_006)]);
    assert_eq!(published, vec![vec![], vec!["registration_refused"], vec![], vec!["registration_refused"]]);
}

#[test]
fn a_hold_begins_and_ends_once() {
    let published = story(
        &Case::pending(),
        &[
            |c| c.context.registration.hold = Some(Hold { until: now() + hours(3), cause: HoldCause::Budget }),
            |_| {},
            |_| {},
            |_| {},
        ],
    );
    assert_eq!(published, vec![vec![], vec!["hold_started"], vec![], vec!["hold_ended"], vec![]]);
}

#[test]
fn a_name_is_decided_once_although_it_shows_twice() {
    let published = story(
        &Case::live(),
        &[
            |c| c.reading().name_status = Some(NameStatus::Declined),
            |c| c.reading().new_name_status = Some(NameStatus::PendingReview),
            |c| c.reading().new_name_status = Some(NameStatus::Approved),
            // applied: the new name is the name
            |c| {
                c.reading().name_status = Some(NameStatus::Approved);
                c.reading().new_name_status = Some(NameStatus::None);
            },
        ],
    );
    assert_eq!(published[1], vec!["name_declined", "at_risk"]);
    assert_eq!(published[2], Vec::<&str>::new());
    assert_eq!(published[3], vec!["name_approved"]);
    assert_eq!(published[4], vec!["recovered"]);
}

#[test]
fn quality_and_limit_are_published_when_they_change() {
    let published = story(
        &Case::live(),
        &[
            |c| c.reading().quality_rating = Some(QualityRating::Red),
            // not rated for a while is no change
            |c| c.reading().quality_rating = Some(QualityRating::Unknown),
            |c| c.reading().quality_rating = Some(QualityRating::Red),
            |c| c.reading().portfolio_limit = Some(MessagingLimit::Tier10k),
        ],
    );
    assert_eq!(published[1], vec!["quality_changed", "at_risk"]);
    assert_eq!(published[2], vec!["recovered"]);
    assert_eq!(published[3], vec!["at_risk"]);
    assert_eq!(published[4], vec!["limit_changed"]);
}

#[test]
fn a_token_ends_dies_and_is_renewed() {
    let published = story(
        &Case::live(),
        &[
            |c| c.context.token.state = TokenState::Good { expires_at: Some(now() + days(3)) },
            |c| c.context.token.state = TokenState::Dead { since: now() },
            |c| c.context.token.state = TokenState::Good { expires_at: None },
        ],
    );
    assert_eq!(published[1], vec!["token_expiring", "at_risk"]);
    assert_eq!(published[2], vec!["token_dead", "action_needed"]);
    assert_eq!(published[3], vec!["token_renewed", "recovered"]);
}

#[test]
fn a_subscription_is_lost_only_where_it_was() {
    let mut first = Case::pending();
    first.callbacks().subscription = Subscription::No;
    let yes: fn(&mut Case) = |c| c.callbacks().subscription = Subscription::Yes;
    let no: fn(&mut Case) = |c| c.callbacks().subscription = Subscription::No;
    let published = story(&first, &[no, yes, no, yes]);
    assert_eq!(published, vec![vec![], vec![], vec![], vec!["subscription_lost"], vec!["subscription_restored"]]);
}

#[test]
fn silence_is_published_once() {
    let published = story(
        &Case::live(),
        &[
            |c| {
                c.context.webhooks.usual_gap = Some(hours(1));
                c.context.webhooks.last_seen_at = Some(now() - days(5));
            },
            |_| {},
        ],
    );
    assert_eq!(published[1..], [vec!["webhook_silence", "at_risk"], vec![]]);
}
