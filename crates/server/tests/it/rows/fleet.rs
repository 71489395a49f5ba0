//! Many numbers are read in few calls, without anybody opening a tab: D4.

use domain::channel::Onboarding;
use domain::ids::{BusinessId, PhoneNumberId, WabaId};
use domain::phone::E164;
use graph_emulator::world::{FleetSpec, Quality};
use graph_emulator::{LogEntry, NumberAction};
use jiff::SignedDuration;
use server::flows::queue::{Job, enqueue_now};
use server::store::channels::NewChannel;
use server::store::{Engine, channels, snapshots};

use super::support::{REGISTER, fresh, rows};
use crate::app::TestApp;

rows!(d4_a_fleet_is_read_in_one_call_per_hundred_numbers_by_itself);

const NUMBERS: usize = 230;

/// Every number of a fleet as a channel.
async fn connected(app: &TestApp) -> Vec<String> {
    let spec = FleetSpec { wabas: 1, numbers_per_waba: NUMBERS, subscribed: true, registered: true };
    let fleet = app.meta.with_world(|world, now| world.build_fleet(&spec, now));
    let (waba, numbers) = fleet.wabas[0].clone();
    let mut tx = app.store.write().await.unwrap();
    for number in &numbers {
        let digits = app.meta.number(number).unwrap().phone_number;
        let new = NewChannel {
            account_id: app.account,
            name: format!("Shop {digits}"),
            phone_number: E164::parse(&digits).unwrap(),
            phone_number_id: PhoneNumberId(number.clone()),
            waba_id: WabaId(waba.clone()),
            business_id: Some(BusinessId(fleet.business_id.clone())),
            onboarding: Onboarding::Imported,
            access_token: fleet.token.clone().into(),
            token_expires_at: None,
            verify_token: "verify".into(),
            created_at: app.clock.now(),
        };
        channels::insert(&mut tx, &new).await.unwrap();
    }
    tx.commit().await.unwrap();
    numbers
}

async fn quality_of(app: &TestApp, number: &str) -> Option<String> {
    let mut tx = app.app.store.read().await.unwrap();
    let channel = channels::find_by_phone_number_id(&mut tx, &PhoneNumberId(number.to_owned())).await.unwrap().unwrap();
    let stored = snapshots::latest(&mut tx, channel.id).await.unwrap()?;
    stored.reading.quality_rating.map(|quality| quality.to_string())
}

async fn d4_a_fleet_is_read_in_one_call_per_hundred_numbers_by_itself(engine: Engine) {
    let app = fresh(engine).await;
    let numbers = connected(&app).await;
    enqueue_now(&app.app, &[Job::Sweep]).await.unwrap();
    app.settle().await;
    let reads: Vec<LogEntry> = app.meta.log();
    assert!(
        reads.iter().all(|call| call.route.starts_with("GET /{waba}")),
        "{:?}",
        reads.iter().map(|c| &c.route).collect::<Vec<_>>()
    );
    assert_eq!(reads.len(), NUMBERS.div_ceil(100), "the account and its first hundred are one call");
    for number in &numbers {
        assert_eq!(quality_of(&app, number).await.as_deref(), Some("GREEN"), "{number}");
    }
    let live = app.get(&app.path("/inboxes?level=live&limit=200")).await.expect(200);
    assert_eq!(live["data"].as_array().unwrap().len(), 200);
    // and again, when something changed and no webhook came
    app.meta.clear_log();
    app.meta.act(&numbers[200], NumberAction::Quality { quality: Quality::Yellow }).await.unwrap();
    app.meta.clear_webhook_log();
    app.advance(SignedDuration::from_hours(5)).await;
    assert_eq!(quality_of(&app, &numbers[200]).await.as_deref(), Some("YELLOW"));
    let singly = app.meta.log().iter().filter(|call| call.phone_number_id.is_some()).count();
    assert_eq!(singly, 0, "no number was asked for by itself");
    assert_eq!(app.meta.calls(REGISTER), []);
}
