//! How few calls to Meta suffice: round trips of a signup in series, calls for reading a fleet. Counted
//! in the emulator's own log; nothing is timed.

use std::collections::BTreeMap;

use domain::channel::Onboarding;
use domain::health::REFRESH_AFTER;
use domain::ids::{BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use graph_emulator::{Config as EmulatorConfig, Fault, Fleet, FleetSpec, LogEntry, Popup, Settings};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::json;
use server::flows::queue::{Job, enqueue_if_absent};
use server::store::channels::{self, NewChannel};
use server::store::{Engine, snapshots};

use crate::app::{TestApp, browser};

/// Long against what two calls sent side by side start apart.
const DELAY_MS: u64 = 200;

/// The most calls of which each began after the one before had ended: what was waited for in series.
fn longest_chain(calls: &[LogEntry]) -> Vec<&LogEntry> {
    let mut by_end: Vec<&LogEntry> = calls.iter().collect();
    by_end.sort_by_key(|call| call.ended_at_us);
    let mut chain: Vec<&LogEntry> = Vec::new();
    for call in by_end {
        if chain.last().is_none_or(|last| last.ended_at_us <= call.started_at_us) {
            chain.push(call);
        }
    }
    chain
}

/// Every answer of Meta's takes a while from here on.
fn slow_down(app: &TestApp) {
    app.meta.fail(Fault::delay("*", DELAY_MS).times(1_000));
    app.meta.clear_log();
}

/// The routes waited for one after the other since [`slow_down`].
fn series(app: &TestApp) -> Vec<String> {
    let calls = app.meta.log();
    longest_chain(&calls).into_iter().map(|call| call.route.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signup_waits_for_at_most_five_calls_in_series() {
    let app = TestApp::new().await;
    slow_down(&app);
    let (result, answer) = app.sign_up(Popup::default()).await;
    answer.expect(200);
    let routes = series(&app);
    assert!(routes.len() <= 5, "{routes:#?}");
    assert!(app.meta.number(&result.phone_number_id.unwrap()).unwrap().registered);
    let calls = app.meta.log();
    assert!(calls.iter().any(|call| call.route == "POST /{waba}/subscribed_apps"), "it was subscribed: {calls:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_subscribed_account_four_suffice() {
    let app = TestApp::new().await;
    let (first, _) = app.signed_up(Popup::default()).await;
    app.settle().await;
    slow_down(&app);
    let second = Popup { waba_id: first.waba_id, display_name: "Second Shop".to_owned(), ..Popup::default() };
    let (result, answer) = app.sign_up(second).await;
    answer.expect(200);
    let routes = series(&app);
    assert!(routes.len() <= 4, "{routes:#?}");
    assert!(app.meta.number(&result.phone_number_id.unwrap()).unwrap().registered);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_code_alone_five_suffice_too() {
    let app = TestApp::new().await;
    slow_down(&app);
    let result = app.meta.sign_up(Popup::default()).await;
    let code = browser(&result)["code"].clone();
    let answer = app.post(&app.path("/signups"), json!({ "code": code })).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let routes = series(&app);
    assert!(routes.len() <= 5, "{routes:#?}");
    assert!(app.meta.number(&result.phone_number_id.unwrap()).unwrap().registered);
}

/// Connects a fleet that was registered long ago, as an import would: without asking Meta.
async fn connect(app: &TestApp, fleet: &Fleet) -> Vec<ChannelId> {
    let mut ids = Vec::new();
    let now = app.clock.now();
    let mut tx = app.store.write().await.unwrap();
    for (waba, numbers) in &fleet.wabas {
        for number in numbers {
            let seen = app.meta.number(number).unwrap();
            let new = NewChannel {
                account_id: app.account,
                name: format!("Shop {number}"),
                phone_number: E164::parse(&seen.phone_number).unwrap(),
                phone_number_id: PhoneNumberId(number.clone()),
                waba_id: WabaId(waba.clone()),
                business_id: Some(BusinessId(fleet.business_id.clone())),
                onboarding: Onboarding::Standard,
                access_token: SecretString::from(fleet.token.clone()),
                token_expires_at: None,
                verify_token: "verify".into(),
                created_at: now,
            };
            ids.push(channels::insert(&mut tx, &new).await.unwrap());
        }
    }
    enqueue_if_absent(&mut tx, &Job::Sweep, now);
    tx.commit().await.unwrap();
    ids
}

async fn read_at(app: &TestApp, id: ChannelId) -> Option<Timestamp> {
    let mut tx = app.app.store.read().await.unwrap();
    snapshots::latest(&mut tx, id).await.unwrap().and_then(|stored| stored.checked_at)
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_a_thousand_numbers_takes_at_most_thirty_calls() {
    let app = TestApp::with(Engine::Sqlite, |_| {}, EmulatorConfig::default()).await;
    let fleet = app.meta.with_world(|world, now| world.build_fleet(&FleetSpec::default(), now));
    let ids = connect(&app, &fleet).await;
    assert_eq!((fleet.wabas.len(), ids.len()), (20, 1_000));
    app.meta.clear_log();
    let began = app.clock.now();
    app.settle().await;
    let calls = app.meta.log();
    assert!(calls.len() <= 30, "{} calls", calls.len());
    for id in &ids {
        let read = read_at(&app, *id).await;
        assert!(read.is_some_and(|at| at >= began && app.clock.now() < at + REFRESH_AFTER), "{id}: {read:?}");
    }
    // and it stays cheap: no account comes near the limit of one without a registered number
    app.meta.clear_log();
    let hours = 8;
    app.advance(SignedDuration::from_hours(hours)).await;
    let calls = app.meta.log();
    let busiest = busiest_hour(&calls);
    println!("{} calls in {hours} h for 1,000 quiet numbers; {busiest} in the busiest hour of an account", calls.len());
    assert!(busiest < usize::try_from(Settings::default().hourly_limit_new).unwrap(), "{busiest} calls in an hour");
}

/// The most calls about one account in one hour.
fn busiest_hour(calls: &[LogEntry]) -> usize {
    let mut counts: BTreeMap<(&str, i64), usize> = BTreeMap::new();
    for call in calls {
        let hour = call.at.as_second() / 3_600;
        *counts.entry((call.waba_id.as_deref().unwrap_or_default(), hour)).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}
