//! How many SQL statements a request costs. BEGIN and COMMIT, authentication and idempotency are not counted.

use domain::channel::Onboarding;
use domain::ids::{BusinessId, ChannelId, PhoneNumberId, WabaId};
use domain::phone::E164;
use graph_emulator::Popup;
use graph_emulator::world::FleetSpec;
use secrecy::ExposeSecret as _;
use serde_json::json;
use server::flows::onboarding::setup;
use server::flows::queue::{Job, enqueue_now};
use server::store::channels::NewChannel;
use server::store::{Engine, channels};

use crate::app::TestApp;

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// Tables of authentication and idempotency, whose statements do not count.
const NOT_COUNTED: [&str; 3] = ["api_key", "session", "idempotency_key"];

/// The statements that ran since the last call and count.
fn counted(app: &TestApp) -> Vec<&'static str> {
    let mut statements = app.store.take_statements();
    statements.retain(|text| !NOT_COUNTED.iter().any(|table| text.contains(table)));
    statements
}

#[track_caller]
fn expect_at_most(limit: usize, what: &str, engine: Engine, statements: &[&str]) {
    println!("{what} on {}: {} statements", engine.as_str(), statements.len());
    let listed: Vec<String> = statements.iter().map(|text| text.chars().take(110).collect()).collect();
    assert!(
        statements.len() <= limit,
        "{what} on {}: {} > {limit}:\n- {}",
        engine.as_str(),
        statements.len(),
        listed.join("\n- ")
    );
}

/// Connects every number of a new fleet to the first account.
async fn connect_fleet(app: &TestApp, spec: &FleetSpec) -> Vec<ChannelId> {
    let fleet = app.meta.with_world(|world, now| world.build_fleet(spec, now));
    let mut inboxes = Vec::new();
    let mut tx = app.store.write().await.unwrap();
    for (waba, numbers) in &fleet.wabas {
        for number in numbers {
            let digits = app.meta.number(number).unwrap().phone_number;
            let new = NewChannel {
                account_id: app.account,
                name: format!("Shop {digits}"),
                phone_number: E164::parse(&digits).unwrap(),
                phone_number_id: PhoneNumberId(number.clone()),
                waba_id: WabaId(waba.clone()),
                business_id: Some(BusinessId(fleet.business_id.clone())),
                onboarding: Onboarding::Standard,
                access_token: fleet.token.clone().into(),
                token_expires_at: None,
                verify_token: "verify".into(),
                created_at: app.clock.now(),
            };
            inboxes.push(channels::insert(&mut tx, &new).await.unwrap());
        }
    }
    tx.commit().await.unwrap();
    inboxes
}

#[tokio::test]
async fn a_press_that_calls_meta_costs_at_most_20() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let spec = FleetSpec { wabas: 1, numbers_per_waba: 1, subscribed: false, registered: false };
        let inbox = connect_fleet(&app, &spec).await[0];
        counted(&app);
        let body = app.post(&app.inbox(inbox, "/registration"), json!({})).await.expect(200);
        let statements = counted(&app);
        assert_eq!((&body["called"], &body["outcome"]), (&true.into(), &"success".into()), "{body}");
        expect_at_most(20, "a press", engine, &statements);
    }
}

/// What Meta's verification request for the number's callback costs.
async fn counted_handshake(app: &TestApp, inbox: ChannelId) -> Vec<&'static str> {
    let channel = channels::find(&mut app.store.read().await.unwrap(), inbox).await.unwrap().unwrap();
    let query = [("hub.mode", "subscribe"), ("hub.verify_token", "verify"), ("hub.challenge", "1158201444")];
    let url = format!("{}/webhooks/whatsapp/{}", app.url, channel.phone_number);
    counted(app);
    let answer = reqwest::Client::new().get(url).query(&query).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "1158201444");
    counted(app)
}

#[tokio::test]
async fn a_set_up_that_calls_meta_and_subscribes_costs_at_most_20() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let spec = FleetSpec { wabas: 1, numbers_per_waba: 1, subscribed: false, registered: false };
        let inbox = connect_fleet(&app, &spec).await[0];
        counted(&app);
        let done = setup::set_up(&app.app, Some(inbox)).await.unwrap();
        let mut statements = counted(&app);
        assert_eq!(done.webhook_error, None);
        // Meta verifies the callback while it is set: a request of its own
        let handshake = counted_handshake(&app, inbox).await;
        expect_at_most(2, "a handshake", engine, &handshake);
        for text in &handshake {
            let at = statements.iter().position(|ran| ran == text).unwrap();
            statements.remove(at);
        }
        let shown = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
        assert_eq!((&shown["state"], &shown["budget"]["spent"]), (&"done".into(), &1.into()), "{shown}");
        expect_at_most(20, "a set-up", engine, &statements);
    }
}

#[tokio::test]
async fn the_list_of_500_numbers_costs_at_most_5() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let spec = FleetSpec { wabas: 1, numbers_per_waba: 500, subscribed: true, registered: true };
        connect_fleet(&app, &spec).await;
        enqueue_now(&app.app, &[Job::Sweep]).await.unwrap();
        app.settle().await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let form = [("key", app.key.expose_secret())];
        let answer = http.post(format!("{}/sign-in", app.url)).form(&form).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        counted(&app);
        let answer = http.get(format!("{}/numbers", app.url)).header("cookie", cookie).send().await.unwrap();
        let statements = counted(&app);
        assert_eq!(answer.status(), 200);
        let page = answer.text().await.unwrap();
        assert!(page.contains("500"), "every number is counted: {page}");
        expect_at_most(5, "the list", engine, &statements);
    }
}

#[tokio::test]
async fn health_from_the_store_costs_at_most_8() {
    for engine in ENGINES {
        let app = TestApp::on(engine).await;
        let (_, inbox) = app.signed_up(Popup::default()).await;
        app.settle().await;
        let path = app.inbox(inbox, "/health");
        app.post(&format!("{path}/refresh"), json!({})).await.expect(200);
        app.meta.clear_log();
        counted(&app);
        app.get(&path).await.expect(200);
        let statements = counted(&app);
        assert_eq!(app.meta.log().len(), 0, "the answer is from the store");
        expect_at_most(8, "health", engine, &statements);
    }
}
