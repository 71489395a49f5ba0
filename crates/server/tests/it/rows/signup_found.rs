//! Which number a signup is about: E3, and our own route, which takes the code alone.

use domain::signup::SignupState;
use graph_emulator::Popup;
use graph_emulator::world::FleetSpec;
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::store::Engine;

use super::support::{
    LIST, changes, channel_count, expect_nothing_raised, expect_registered, expect_webhooks, fresh, inbox_of,
    number_of, on_record, rows, signups_of, waba_of,
};
use crate::app::browser;

rows!(
    e3_the_number_that_was_given_is_taken_and_its_details_read,
    e3_a_number_that_is_not_in_the_account_is_refused_never_replaced,
    e3_without_a_number_the_accounts_first_is_taken,
    e3_a_number_on_a_later_page_is_found,
    e3_an_account_without_numbers_is_refused,
    e3_our_own_route_finds_account_and_number_by_itself,
);

async fn e3_the_number_that_was_given_is_taken_and_its_details_read(engine: Engine) {
    let app = fresh(engine).await;
    let first = app.meta.sign_up(Popup::default()).await;
    let other = Popup { waba_id: first.waba_id.clone(), display_name: "Second Shop".to_owned(), ..Popup::default() };
    let second = app.meta.sign_up(other).await;
    let answer = app.authorize(&second).await;
    assert_eq!(expect_nothing_raised(&answer)["name"], "Second Shop WhatsApp");
    let channel = on_record(&app, inbox_of(&answer)).await.channel;
    assert_eq!(channel.phone_number.to_string(), format!("+{}", second.phone_number.clone().unwrap()));
    let listed = app.meta.calls(LIST);
    assert_eq!((listed.len(), listed[0].waba_id.clone()), (1, first.waba_id.clone()));
    expect_registered(&app, inbox_of(&answer)).await;
    assert!(!app.meta.number(&number_of(&first)).unwrap().registered);
}

async fn e3_a_number_that_is_not_in_the_account_is_refused_never_replaced(engine: Engine) {
    let app = fresh(engine).await;
    let foreign = app.meta.sign_up(Popup::default()).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let mut body = browser(&signup);
    body["phone_number_id"] = json!(foreign.phone_number_id);
    let body = app.post(&app.path("/whatsapp/authorization"), body).await.expect(422);
    let text = format!("No matching phone number found for WABA {}", waba_of(&signup));
    assert_eq!(
        (&body["success"], &body["error"], &body["code"]),
        (&false.into(), &text.into(), &"no_such_number".into())
    );
    assert_eq!(changes(&app), [""; 0]);
    assert_eq!((channel_count(&app).await, signups_of(&app).await[0].state), (0, SignupState::Unfinished));
}

async fn e3_without_a_number_the_accounts_first_is_taken(engine: Engine) {
    let app = fresh(engine).await;
    let older = app.meta.sign_up(Popup::default()).await;
    app.advance(SignedDuration::from_mins(1)).await;
    app.meta.clear_log();
    let signup = app.meta.sign_up(Popup { waba_id: older.waba_id, ..Popup::default() }).await;
    let mut body = browser(&signup);
    body["phone_number_id"] = Value::Null;
    let answer = app.post(&app.path("/whatsapp/authorization"), body).await;
    expect_nothing_raised(&answer);
    let channel = on_record(&app, inbox_of(&answer)).await.channel;
    assert_eq!(Some(channel.phone_number_id.0), signup.phone_number_id, "Meta lists the newest first");
    expect_registered(&app, inbox_of(&answer)).await;
    expect_webhooks(&app, inbox_of(&answer)).await;
}

async fn e3_a_number_on_a_later_page_is_found(engine: Engine) {
    let app = fresh(engine).await;
    let spec = FleetSpec { wabas: 1, numbers_per_waba: 230, subscribed: false, registered: true };
    let fleet = app.meta.with_world(|world, now| world.build_fleet(&spec, now));
    let (waba, numbers) = &fleet.wabas[0];
    let last = app.meta.number(numbers.iter().max().unwrap()).unwrap();
    let popup =
        Popup { waba_id: Some(waba.clone()), phone_number: Some(last.phone_number.clone()), ..Popup::default() };
    let (_, answer) = app.sign_up(popup).await;
    expect_nothing_raised(&answer);
    assert_eq!(on_record(&app, inbox_of(&answer)).await.channel.phone_number_id.0, last.id);
    let pages = app.meta.calls(LIST);
    assert_eq!(pages.len(), 3, "a hundred a page");
    assert!(pages[1..].iter().all(|page| page.param("after").is_some()), "{pages:?}");
}

async fn e3_an_account_without_numbers_is_refused(engine: Engine) {
    let app = fresh(engine).await;
    let popup = Popup { end: graph_emulator::PopupEnd::OnlyWaba, ..Popup::default() };
    let (signup, answer) = app.sign_up(popup).await;
    let body = answer.expect(422);
    let text = format!("No phone numbers found for WABA {}", waba_of(&signup));
    assert_eq!((&body["error"], &body["code"]), (&text.into(), &"no_such_number".into()));
    assert_eq!(channel_count(&app).await, 0);
}

async fn e3_our_own_route_finds_account_and_number_by_itself(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(Popup::default()).await;
    let answer = app.post(&app.path("/signups"), json!({ "code": signup.code })).await;
    let body = answer.expect(201);
    assert_eq!(body["state"], "done");
    assert_eq!(
        (&body["business_account_id"], &body["phone_number_id"]),
        (&json!(signup.waba_id), &json!(signup.phone_number_id))
    );
    assert_eq!(body["result"]["registration"]["state"], "done");
    assert_eq!(body["result"]["webhook_error"], Value::Null);
    let inbox = domain::ids::ChannelId(body["inbox_id"].as_i64().unwrap());
    expect_registered(&app, inbox).await;
    expect_webhooks(&app, inbox).await;
    let shown = app.get(&app.path(&format!("/signups/{}", body["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&shown["state"], &shown["inbox_id"]), (&"done".into(), &body["inbox_id"]));
    for body in [json!({}), json!({ "code": " " })] {
        let refused = app.post(&app.path("/signups"), body).await.expect(422);
        assert_eq!(refused["errors"][0]["field"], "code");
    }
}
