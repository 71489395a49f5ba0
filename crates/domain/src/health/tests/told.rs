//! News: once per transition, never twice for the same state.

use super::*;
use crate::meta::failure::{Failure, MetaError};

/// Tells and remembers, as a flow does.
struct Teller {
    before: Option<Remembered>,
}

impl Teller {
    fn tell(&mut self, case: &mut Case) -> Vec<&'static str> {
        case.context.before.clone_from(&self.before);
        let report = case.report();
        let news = transitions(self.before.as_ref(), &report);
        self.before = Some(remember(self.before.as_ref(), &report));
        assert_eq!(transitions(self.before.as_ref(), &report), vec![]);
        news.iter().map(Announcement::as_str).collect()
    }
}

/// Tells of `first`, then of it after each change.
fn story(first: &Case, changes: &[fn(&mut Case)]) -> Vec<Vec<&'static str>> {
    let mut case = first.clone();
    let mut teller = Teller { before: None };
    let mut told = vec![teller.tell(&mut case)];
    for change in changes {
        change(&mut case);
        case.now += hours(1);
        case.snapshot.checked_at = Some(case.now);
        case.snapshot.waba_checked_at = Some(case.now);
        told.push(teller.tell(&mut case));
    }
    told
}

#[test]
fn a_number_goes_live_once() {
    let told = story(&Case::pending(), &[|c| *c = Case::live(), |_| {}, |_| {}]);
    assert_eq!(told, vec![vec![], vec!["number_live"], vec![], vec![]]);
}

#[test]
fn a_level_is_told_when_entered_and_when_left() {
    let told = story(
        &Case::live(),
        &[
            |c| c.reading().account_mode = Some(AccountMode::Sandbox),
            |c| c.reading().status = Some(NumberStatus::Banned),
            |c| *c = Case { now: c.now, ..Case::live() },
        ],
    );
    assert_eq!(told, vec![vec!["number_live"], vec!["at_risk"], vec!["blocked"], vec!["recovered"]]);
}

#[test]
fn a_further_reason_of_the_same_weight_is_news() {
    let told = story(
        &Case::live(),
        &[
            |c| c.context.token.state = TokenState::Dead { since: now() },
            |c| c.reading().name_status = Some(NameStatus::Declined),
        ],
    );
    assert_eq!(told[1], vec!["token_dead", "action_needed"]);
    assert_eq!(told[2], vec!["name_declined", "action_needed"]);
}

/// A number that turns grey and comes back as it was is no news.
#[test]
fn unknown_in_between_is_no_news() {
    let mut case = Case::live();
    case.reading().name_status = Some(NameStatus::Declined);
    let mut teller = Teller { before: None };
    assert_eq!(teller.tell(&mut case), vec!["action_needed"]);
    case.now = now() + hours(48);
    assert_eq!(teller.tell(&mut case), Vec::<&str>::new());
    assert_eq!(teller.before.as_ref().unwrap().level, Level::Unknown);
    case.snapshot.checked_at = Some(case.now);
    assert_eq!(teller.tell(&mut case), Vec::<&str>::new());
}

fn refuse(case: &mut Case, code: i64) {
    let failure = Failure::from_meta(MetaError { code, message: "Meta's text".to_owned(), ..MetaError::default() });
    case.context.registration.last_refusal = Some(Refusal { failure, at: case.now });
}

#[test]
fn a_refusal_is_told_for_a_new_reason_only() {
    let told = story(&Case::pending(), &[|c| refuse(c, 133_005), |c| refuse(c, 133_005), |c| refuse(c, 133_006)]);
    assert_eq!(told, vec![vec![], vec!["registration_refused"], vec![], vec!["registration_refused"]]);
}

#[test]
fn a_hold_begins_and_ends_once() {
    let told = story(
        &Case::pending(),
        &[
            |c| c.context.registration.hold = Some(Hold { until: now() + hours(3), cause: HoldCause::Budget }),
            |_| {},
            |_| {},
            |_| {},
        ],
    );
    assert_eq!(told, vec![vec![], vec!["hold_began"], vec![], vec!["hold_ended"], vec![]]);
}

#[test]
fn a_name_is_decided_once_although_it_shows_twice() {
    let told = story(
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
    assert_eq!(told[1], vec!["name_declined", "action_needed"]);
    assert_eq!(told[2], Vec::<&str>::new());
    assert_eq!(told[3], vec!["name_approved", "recovered"]);
    assert_eq!(told[4], vec!["recovered"]);
}

#[test]
fn quality_and_limit_are_told_when_they_change() {
    let told = story(
        &Case::live(),
        &[
            |c| c.reading().quality_rating = Some(QualityRating::Red),
            // not rated for a while is no change
            |c| c.reading().quality_rating = Some(QualityRating::Unknown),
            |c| c.reading().quality_rating = Some(QualityRating::Red),
            |c| c.reading().portfolio_limit = Some(MessagingLimit::Tier10k),
        ],
    );
    assert_eq!(told[1], vec!["quality_changed", "at_risk"]);
    assert_eq!(told[2], vec!["recovered"]);
    assert_eq!(told[3], vec!["at_risk"]);
    assert_eq!(told[4], vec!["limit_changed"]);
}

#[test]
fn a_token_ends_dies_and_is_renewed() {
    let told = story(
        &Case::live(),
        &[
            |c| c.context.token.state = TokenState::Good { expires_at: Some(now() + days(3)) },
            |c| c.context.token.state = TokenState::Dead { since: now() },
            |c| c.context.token.state = TokenState::Good { expires_at: None },
        ],
    );
    assert_eq!(told[1], vec!["token_expiring", "at_risk"]);
    assert_eq!(told[2], vec!["token_dead", "action_needed"]);
    assert_eq!(told[3], vec!["token_renewed", "recovered"]);
}

#[test]
fn a_subscription_is_lost_only_where_it_was() {
    let mut first = Case::pending();
    first.context.webhooks.subscription = Subscription::No;
    let yes: fn(&mut Case) = |c| c.context.webhooks.subscription = Subscription::Yes;
    let no: fn(&mut Case) = |c| c.context.webhooks.subscription = Subscription::No;
    let told = story(&first, &[no, yes, no, yes]);
    assert_eq!(told, vec![vec![], vec![], vec![], vec!["subscription_lost"], vec!["subscription_healed"]]);
}

#[test]
fn silence_is_told_once() {
    let told = story(
        &Case::live(),
        &[
            |c| {
                c.context.webhooks.usual_gap = Some(hours(1));
                c.context.webhooks.last_heard_at = Some(now() - days(5));
            },
            |_| {},
        ],
    );
    assert_eq!(told[1..], [vec!["silence", "at_risk"], vec![]]);
}

#[test]
fn every_word_is_its_own() {
    let lists = [FindingCode::KNOWN, Announcement::KNOWN];
    for list in lists {
        let mut words = list.to_vec();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), list.len());
    }
}
