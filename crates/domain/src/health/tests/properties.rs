//! Properties of every assessment, over cases generated from the table of worse values.

use proptest::prelude::*;

use super::*;
use crate::health::severity_order::{EXPLAINED, PROVISIONED, Row, UNSETTLED, WORSE};
use crate::interpretation::Note;
use crate::meta::reading::Provisioned;
use crate::registration::{Caller, History, Reads, Remedy, decide};

/// Sets a fact to a value of the table.
fn set(case: &mut Case, fact: &str, value: &str) {
    if let Some(entity_type) = fact.strip_prefix("can_send of ") {
        case.entity(&EntityType::parse(entity_type)).can_send = Some(CanSend::parse(value));
    } else if let Some(entity_type) = fact.strip_prefix("error of ") {
        let error = |code| EntityError { code, description: "text".to_owned(), possible_solution: None };
        case.entity(&EntityType::parse(entity_type)).errors = value.parse().ok().map(error).into_iter().collect();
    } else if !set_reading(case, fact, value) && !set_account(case, fact, value) {
        set_connection(case, fact, value);
    }
}

fn set_reading(case: &mut Case, fact: &str, value: &str) -> bool {
    let reading = case.reading();
    match fact {
        "name_status" => reading.name_status = Some(NameStatus::parse(value)),
        "new_name_status" => reading.new_name_status = Some(NameStatus::parse(value)),
        "quality_rating" => reading.quality_rating = Some(QualityRating::parse(value)),
        "messaging_limit" => reading.portfolio_limit = Some(MessagingLimit::parse(value)),
        "account_mode" => reading.account_mode = Some(AccountMode::parse(value)),
        "platform_type" => reading.platform_type = Some(PlatformType::parse(value)),
        "throughput" => reading.throughput = Some(ThroughputLevel::parse(value)),
        "status" => reading.status = Some(NumberStatus::parse(value)),
        _ => return false,
    }
    true
}

fn set_account(case: &mut Case, fact: &str, value: &str) -> bool {
    let at = case.now - SignedDuration::from_mins(5);
    let waba = &mut case.snapshot.waba;
    let mut standing = |note: Note, at| {
        case.context.account.apply(&note, at);
    };
    match (fact, value) {
        ("account_review_status", _) => waba.account_review = Some(AccountReview::parse(value)),
        ("waba.status", _) => waba.status = Some(value.to_owned()),
        ("business_verification_status", _) => {
            waba.business_verification = Some(BusinessVerification::parse(value));
        }
        ("restriction", "none") => standing(Note::Restrictions(Vec::new()), at),
        ("restriction", kind) => {
            let restriction = crate::meta::event::Restriction { kind: kind.to_owned(), until: None };
            standing(Note::Restrictions(vec![restriction]), at);
        }
        ("ban", "none") => standing(Note::Reinstated, at),
        ("ban", "scheduled") => standing(Note::BanScheduled { on: Some(at + hours(3)) }, at),
        ("ban", "banned") => standing(Note::Banned, at),
        ("ban", "deleted") => standing(Note::Deleted, at),
        ("violation", "none") => case.context.account.violation = None,
        ("violation", kind) => standing(Note::Violation(kind.to_owned()), at),
        ("compromised", "no") => case.context.account.compromised = None,
        ("compromised", _) => standing(Note::Compromised, at),
        ("coexistence paused", "no") => case.context.account.paused = None,
        ("coexistence paused", since) => {
            case.context.account.paused = None;
            let at = if since == "just now" { at } else { at - days(2) };
            case.context.account.apply(&Note::Paused, at);
        }
        ("shared with us", "yes") => standing(Note::Shared, at),
        ("shared with us", _) => standing(Note::Unshared, at),
        _ => return false,
    }
    true
}

fn set_connection(case: &mut Case, fact: &str, value: &str) {
    let now = case.now;
    let given_up = if value == "given up" { Reconciliation::GivenUp } else { Reconciliation::InProgress };
    let context = &mut case.context;
    let ask = |remedy, reason| Decision::Ask { remedy, reason, next_check_at: now + hours(6) };
    let text = || "https://elsewhere.example".to_owned();
    match (fact, value) {
        ("decision", "done") => {
            context.registration.decision = Decision::Done { reason: Reason::Live, next_check_at: None }
        }
        ("decision", "waits") => context.registration.decision = waits(Reason::NameInReview),
        ("decision", "asks for the PIN") => {
            context.registration.decision = ask(Remedy::EnterPin, Reason::PinUnknown);
        }
        ("decision", _) => {
            let reason = Reason::Refused(FailureKind::AccountLocked);
            context.registration.decision = ask(Remedy::ContactSupport, reason);
        }
        ("hold", "none") => context.registration.hold = None,
        ("hold", _) => {
            context.registration.hold = Some(Hold { until: now + hours(5), cause: HoldCause::Budget });
        }
        ("sends refused", code) => {
            let refused = |code| RefusedSend { code, at: now - hours(1) };
            context.sending.refused = code.parse().ok().map(refused).into_iter().collect();
        }
        ("token", "good") => context.token.state = TokenState::Good { expires_at: None },
        ("token", "ends soon") => context.token.state = TokenState::Good { expires_at: Some(now + days(2)) },
        ("token", "dead") => context.token.state = TokenState::Dead { since: now - hours(1) },
        ("token", _) => context.token.state = TokenState::AccessLost { since: now - hours(1) },
        ("fetching another token", _) => context.token.refetch = Some(given_up),
        ("subscription", "yes") => case.callbacks().subscription = Subscription::Yes,
        ("subscription", _) => case.callbacks().subscription = Subscription::No,
        ("repairing the webhooks", _) => context.webhooks.repair = given_up,
        ("override", value) => {
            context.webhooks.refusal = None;
            let is_of_number = value.ends_with("on the number");
            (case.callbacks().number, case.callbacks().account) = match value {
                "ours" => (Target::Empty, Target::Ours(text())),
                "foreign" => (Target::Empty, Target::Foreign(text())),
                _ if is_of_number => (Target::Foreign(text()), Target::Ours(text())),
                _ => (Target::Empty, Target::Empty),
            };
            if value == "refused" {
                case.refuse_override();
            }
        }
        ("repairing the app callback", _) => context.webhooks.app_repair = given_up,
        ("app callback", "ours") => case.callbacks().app = AppCallback::Ours,
        ("app callback", "lacks fields") => {
            case.callbacks().app = AppCallback::LacksFields(vec!["security".to_owned()]);
        }
        ("app callback", "missing") => case.callbacks().app = AppCallback::Missing,
        ("app callback", _) => case.callbacks().app = AppCallback::Foreign(text()),
        ("last webhook", when) => {
            let ago = if when == "today" { hours(2) } else { days(10) };
            context.webhooks.usual_gap = Some(hours(3));
            context.webhooks.last_seen_at = Some(now - ago);
        }
        _ => panic!("the table has a fact nobody sets: {fact}"),
    }
}

/// Whether a row's condition holds.
fn holds(case: &mut Case, row: &Row) -> bool {
    let is_blocked = |entity: &HealthEntity| entity.can_send == Some(CanSend::Blocked);
    let provisioned = case.snapshot.reading.provisioned() == Provisioned::Yes;
    match row.only {
        "" => true,
        PROVISIONED => provisioned,
        UNSETTLED => {
            let settles = [NumberStatus::Connected, NumberStatus::Pending];
            let unsettled = case.snapshot.reading.status.as_ref().is_none_or(|status| settles.contains(status));
            unsettled && !is_blocked(case.entity(&EntityType::PhoneNumber))
        }
        EXPLAINED => {
            let entity_type = row.fact.trim_start_matches("error of ");
            !is_blocked(case.entity(&EntityType::parse(entity_type)))
        }
        other => panic!("the table has a condition nobody checks: {other}"),
    }
}

/// A case with some facts of the table set at random, and an age of number and reading.
fn any_case() -> impl Strategy<Value = Case> {
    let settings = proptest::collection::vec((0..WORSE.len(), any::<prop::sample::Index>()), 0..6);
    (settings, 0_i64..20, 0_i64..30, any::<bool>()).prop_map(|(settings, age, unread_for, is_pending)| {
        let mut case = if is_pending { Case::pending() } else { Case::live() };
        case.context.channel_created_at = case.now - days(age);
        case.snapshot.checked_at = Some(case.now - hours(unread_for));
        for (row, index) in settings {
            set(&mut case, WORSE[row].fact, WORSE[row].values[index.index(WORSE[row].values.len())]);
        }
        case
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_worse_fact_never_makes_a_better_level(
        case in any_case(), row in 0..WORSE.len(), index in any::<prop::sample::Index>()
    ) {
        let row = &WORSE[row];
        let at = index.index(row.values.len() - 1);
        let (mut better, mut worse) = (case.clone(), case);
        set(&mut better, row.fact, row.values[at]);
        set(&mut worse, row.fact, row.values[at + 1]);
        if holds(&mut better, row) {
            let (before, after) = (better.report(), worse.report());
            let is_better = after.level < before.level;
            prop_assert!(
                !is_better,
                "{} {} is {:?}, {} is {:?}", row.fact, row.values[at], before.level, row.values[at + 1], after.level
            );
        }
    }

    #[test]
    fn an_assessment_holds_until_its_own_deadline(case in any_case()) {
        let report = case.report();
        if let Some(until) = report.level_until {
            prop_assert!(until > case.now);
            let later = Case { now: until - SignedDuration::from_secs(1), ..case.clone() };
            if later.now > case.now {
                prop_assert_eq!(later.codes(), case.codes());
                prop_assert_eq!(later.report().level, report.level);
            }
        }
    }

    #[test]
    fn the_same_state_is_never_a_change_twice(case in any_case(), earlier in any_case()) {
        let before = next_assessment(None, &earlier.report());
        let report = case.report();
        let after = next_assessment(Some(&before), &report);
        prop_assert_eq!(changes(Some(&after), &report), vec![]);
        prop_assert_eq!(next_assessment(Some(&after), &report), after);
    }

    #[test]
    fn no_date_makes_it_panic(seconds in any::<i64>(), other in any::<i64>(), gap in any::<i64>()) {
        let (min, max) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let at = |n: i64| Timestamp::from_second(n.rem_euclid(max - min) + min).unwrap();
        let mut case = Case::pending();
        case.context.channel_created_at = at(other);
        case.context.token.state = TokenState::Good { expires_at: Some(at(other)) };
        case.context.webhooks.last_seen_at = Some(at(other));
        case.context.webhooks.usual_gap = Some(SignedDuration::from_secs(gap));
        case.context.sending.proved_at = Some(at(other));
        case.context.new_name_approved_at = Some(at(other));
        case.snapshot.checked_at = Some(at(other));
        case.now = at(seconds);
        let report = case.report();
        prop_assert!(report.level_until.is_none_or(|until| until > case.now));
        prop_assert_eq!(cards(&case.snapshot, &case.context, case.now).len(), Fact::VARIANTS.len());
    }
}

/// Any reading a number may have, every needed field read.
fn any_reading() -> impl Strategy<Value = NumberReading> {
    let word = |words: &'static [&'static str]| prop::sample::select(words);
    let words = (
        word(NumberStatus::KNOWN),
        word(PlatformType::KNOWN),
        word(ThroughputLevel::KNOWN),
        word(CodeVerification::KNOWN),
        word(NameStatus::KNOWN),
        any::<Option<bool>>(),
    );
    words.prop_map(|(status, platform, throughput, code, name, is_on_biz_app)| NumberReading {
        status: Some(NumberStatus::parse(status)),
        platform_type: Some(PlatformType::parse(platform)),
        throughput: Some(ThroughputLevel::parse(throughput)),
        code_verification: Some(CodeVerification::parse(code)),
        name_status: Some(NameStatus::parse(name)),
        is_on_biz_app,
        ..NumberReading::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// What the planner decides on a reading and what health says of it never contradict.
    #[test]
    fn health_agrees_with_the_planner(reading in any_reading(), age in 0_i64..20) {
        let mut case = Case::live();
        let history = History::new(Onboarding::Standard, case.now - days(age));
        let decision = decide(Caller::Planner, &Reads::single(Ok(reading.clone())), &history, case.now);
        case.context = HealthContext::new(
            Onboarding::Standard,
            history.channel_created_at,
            RegistrationFacts::of(decision.clone(), &history, case.now),
        );
        case.snapshot.reading = reading;
        let report = case.report();
        prop_assert!(report.level != Level::Unknown, "{decision:?}");
        if matches!(decision, Decision::Ask { .. }) {
            prop_assert!(report.level >= Level::ActionNeeded, "{decision:?} {:?}", report.level);
        }
        if case.snapshot.reading.provisioned() == Provisioned::No {
            prop_assert!(report.level >= Level::WaitingForMeta, "{decision:?} {:?}", report.level);
        }
        if decision == (Decision::Done { reason: Reason::Live, next_check_at: None }) {
            prop_assert!(report.level.works() || report.level == Level::ActionNeeded, "{:?}", report.level);
        }
        if !report.level.works() {
            prop_assert!(report.leading().is_some());
        }
    }
}

#[test]
fn every_row_of_the_table_can_be_set() {
    for row in WORSE {
        assert!(row.values.len() > 1, "{}", row.fact);
        for value in row.values {
            set(&mut Case::live(), row.fact, value);
        }
        holds(&mut Case::live(), row);
    }
}
