//! Nobody's number is connected unless somebody chose it: signups beside other numbers, token lists of accounts, and
//! browsers that never came back.

use domain::ids::ChannelId;
use domain::signup::SignupState;
use graph_emulator::world::TokenScopes;
use graph_emulator::{Config, Emulator, Fault, Popup, PopupEnd, SignupResult, World};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::store::Engine;
use tracing::Level;

use super::capture::Logs;
use super::support::{
    DEBUG, EXCHANGE, LIST, changes, channel_count, expect_registered, expect_webhooks, fresh, number_of, on_record,
    rows, signups_of, waba_of,
};
use crate::app::TestApp;

rows!(
    a_number_that_nobody_chose_is_never_connected,
    an_ordinary_signup_leaves_no_sign_of_a_lost_browser,
    a_lost_browser_on_an_account_with_several_numbers_is_listed_and_asks,
    a_lost_browser_without_a_system_token_is_listed_and_told,
    a_code_alone_on_an_account_with_several_numbers_asks_and_is_answered,
    of_two_accounts_none_is_guessed,
    an_inbox_is_found_in_its_own_account_among_several,
    a_token_without_management_names_its_account_all_the_same,
    a_token_for_all_accounts_is_looked_through,
    a_token_of_another_app_is_refused_by_name,
    a_number_that_appears_later_is_connected_if_it_is_the_only_one,
);

async fn with_system_token(engine: Engine) -> TestApp {
    let change = |config: &mut server::config::Config, meta: &Emulator| {
        config.meta.system_user_token = Some(meta.with_world(World::issue_partner_token).into());
    };
    let app = TestApp::with_meta(engine, change, Config::default()).await;
    app.meta.clear_log();
    app
}

/// A WABA with so many numbers that never signed up here.
async fn account_with(app: &TestApp, numbers: usize) -> SignupResult {
    let lost = Popup { browser_returns: false, ..Popup::default() };
    let field = Some("account_update".to_owned());
    let times = u32::try_from(numbers).unwrap();
    // they were there before this installation: it was told of none
    let effect = graph_emulator::WebhookEffect::Lose;
    app.meta.add_webhook_fault(graph_emulator::WebhookFault { field, waba_id: None, times, effect });
    let first = app.meta.sign_up(lost.clone()).await;
    for _ in 1..numbers {
        app.meta.sign_up(Popup { waba_id: first.waba_id.clone(), ..lost.clone() }).await;
    }
    app.meta.send_due_webhooks().await;
    app.meta.clear_log();
    first
}

async fn code_alone(app: &TestApp, signup: &SignupResult) -> Value {
    app.post(&app.path("/signups"), json!({ "code": signup.code })).await.expect(201)
}

async fn unfinished(app: &TestApp) -> Vec<Value> {
    let list = app.get(&app.path("/signups?state=unfinished")).await.expect(200);
    list["data"].as_array().unwrap().clone()
}

fn ids_in(numbers: &Value) -> Vec<String> {
    let mut ids: Vec<String> =
        numbers.as_array().unwrap().iter().map(|it| it["phone_number_id"].as_str().unwrap().to_owned()).collect();
    ids.sort_unstable();
    ids
}

fn inbox_in(signup: &Value) -> ChannelId {
    ChannelId(signup["inbox_id"].as_i64().unwrap())
}

/// The numbers at Meta that a Graph call was about.
fn called_numbers(app: &TestApp) -> Vec<String> {
    let mut called: Vec<String> = app.meta.log().into_iter().filter_map(|call| call.phone_number_id).collect();
    called.sort_unstable();
    called.dedup();
    called
}

async fn announced(app: &TestApp, kind: &str) -> Vec<Value> {
    let list = app.get(&app.path("/announcements")).await.expect(200);
    list["data"].as_array().unwrap().iter().filter(|it| it["kind"] == kind).cloned().collect()
}

async fn a_number_that_nobody_chose_is_never_connected(engine: Engine) {
    let app = with_system_token(engine).await;
    let there = account_with(&app, 3).await;
    let (signup, inbox) = app.signed_up(Popup { waba_id: there.waba_id.clone(), ..Popup::default() }).await;
    app.settle().await;
    app.advance(SignedDuration::from_hours(1)).await;
    assert_eq!(channel_count(&app).await, 1);
    assert_eq!(called_numbers(&app), [number_of(&signup)], "nothing is called for the others");
    assert_eq!(on_record(&app, inbox).await.channel.phone_number_id.0, number_of(&signup));
    // they are listed, and one that is picked is connected
    let list = app.get(&app.path("/signups")).await.expect(200);
    let others = ids_in(&list["data"][0]["not_connected"]);
    assert_eq!((list["data"].as_array().unwrap().len(), others.len()), (1, 3));
    let path = app.path(&format!("/signups/{}", list["data"][0]["id"].as_str().unwrap()));
    let picked = app.post(&path, json!({ "phone_number_id": others[1] })).await.expect(200);
    assert_eq!((&picked["state"], &picked["phone_number_id"]), (&json!("done"), &json!(others[1])));
    assert_eq!(channel_count(&app).await, 2);
    let list = app.get(&path).await.expect(200);
    assert_eq!(ids_in(&list["not_connected"]), [others[0].clone(), others[2].clone()]);
}

async fn an_ordinary_signup_leaves_no_sign_of_a_lost_browser(engine: Engine) {
    let logs = Logs::capture();
    let app = fresh(engine).await;
    app.signed_up(Popup::default()).await;
    app.settle().await;
    app.advance(SignedDuration::from_mins(10)).await;
    assert_eq!((channel_count(&app).await, signups_of(&app).await.len()), (1, 1));
    assert!(logs.at(Level::WARN).iter().all(|line| !line.contains("was shared")), "{:?}", logs.at(Level::WARN));
    assert_eq!(announced(&app, "signup_finished").await.len(), 1);
    assert_eq!(announced(&app, "signup_unfinished").await, [Value::Null; 0]);
}

async fn a_lost_browser_on_an_account_with_several_numbers_is_listed_and_asks(engine: Engine) {
    let app = with_system_token(engine).await;
    let there = account_with(&app, 2).await;
    let lost = app.meta.sign_up(Popup { browser_returns: false, waba_id: there.waba_id, ..Popup::default() }).await;
    app.settle().await;
    app.advance(SignedDuration::from_mins(5)).await;
    assert_eq!((channel_count(&app).await, changes(&app).len()), (0, 1), "a token was fetched, nothing else changed");
    assert_eq!(called_numbers(&app), [""; 0]);
    let waits = unfinished(&app).await.remove(0);
    assert_eq!((&waits["route"], &waits["next_step"]["code"]), (&json!("recovered"), &json!("choose_number")));
    assert_eq!((&waits["business_account_id"], ids_in(&waits["not_connected"]).len()), (&json!(lost.waba_id), 3));
    let told = announced(&app, "signup_unfinished").await;
    assert_eq!((told.len(), &told[0]["args"]["next_step"]), (1, &json!("choose_number")));
    let path = app.path(&format!("/signups/{}", waits["id"].as_str().unwrap()));
    let picked = app.post(&path, json!({ "phone_number_id": lost.phone_number_id })).await.expect(200);
    assert_eq!((&picked["state"], &picked["next_step"]), (&json!("done"), &Value::Null));
    expect_registered(&app, inbox_in(&picked)).await;
    expect_webhooks(&app, inbox_in(&picked)).await;
    app.advance(SignedDuration::from_hours(1)).await;
    assert_eq!((channel_count(&app).await, called_numbers(&app)), (1, vec![number_of(&lost)]));
}

async fn a_lost_browser_without_a_system_token_is_listed_and_told(engine: Engine) {
    let app = fresh(engine).await;
    let lost = app.meta.sign_up(Popup { browser_returns: false, ..Popup::default() }).await;
    app.settle().await;
    app.advance(SignedDuration::from_mins(5)).await;
    let waits = unfinished(&app).await.remove(0);
    assert_eq!(
        (&waits["next_step"]["code"], &waits["error"]["code"]),
        (&json!("sign_up_again"), &json!("browser_lost"))
    );
    assert_eq!(waits["business_account_id"], json!(lost.waba_id));
    assert_eq!(announced(&app, "signup_unfinished").await.len(), 1);
    let path = app.path(&format!("/signups/{}", waits["id"].as_str().unwrap()));
    assert_eq!(app.post(&path, json!({})).await.expect(409)["code"], "not_now");
    assert_eq!((channel_count(&app).await, app.meta.log()), (0, vec![]));
    app.advance(SignedDuration::from_hours(24)).await;
    assert_eq!(unfinished(&app).await, [Value::Null; 0]);
    assert_eq!(announced(&app, "signup_failed").await.len(), 1);
}

async fn a_code_alone_on_an_account_with_several_numbers_asks_and_is_answered(engine: Engine) {
    let app = fresh(engine).await;
    let there = account_with(&app, 1).await;
    let signup = app.meta.sign_up(Popup { waba_id: there.waba_id.clone(), ..Popup::default() }).await;
    app.meta.clear_log();
    let asked = code_alone(&app, &signup).await;
    assert_eq!((&asked["state"], &asked["next_step"]["code"]), (&json!("unfinished"), &json!("choose_number")));
    let mut both = [number_of(&there), number_of(&signup)];
    both.sort_unstable();
    assert_eq!(ids_in(&asked["not_connected"]), both);
    assert_eq!((channel_count(&app).await, changes(&app).len(), called_numbers(&app)), (0, 0, vec![]));
    // the code is spent, and sent again it resumes the signup
    let body = json!({ "code": signup.code, "phone_number_id": signup.phone_number_id });
    let done = app.post(&app.path("/signups"), body).await.expect(201);
    assert_eq!((&done["id"], &done["state"]), (&asked["id"], &json!("done")));
    assert_eq!(app.meta.calls(EXCHANGE).len(), 1);
    expect_registered(&app, inbox_in(&done)).await;
    assert_eq!(called_numbers(&app), [number_of(&signup)]);
}

async fn of_two_accounts_none_is_guessed(engine: Engine) {
    let app = fresh(engine).await;
    let (first, inbox) = app.signed_up(Popup::default()).await;
    let second = app.meta.sign_up(Popup { business_id: first.business_id.clone(), ..Popup::default() }).await;
    let asked = code_alone(&app, &second).await;
    assert_eq!(asked["next_step"]["code"], "choose_number", "{asked}");
    assert_eq!(ids_in(&asked["not_connected"]), [number_of(&second)], "the other is connected");
    assert_eq!(app.meta.calls(LIST).len(), 3, "one of the first signup, and both accounts were looked through");
    // a number that is named is found in whichever account
    let third = app.meta.sign_up(Popup { business_id: first.business_id.clone(), ..Popup::default() }).await;
    let body = json!({ "code": third.code, "phone_number_id": second.phone_number_id });
    let done = app.post(&app.path("/signups"), body).await.expect(201);
    assert_eq!((&done["state"], &done["business_account_id"]), (&json!("done"), &json!(second.waba_id)));
    assert_ne!(inbox_in(&done), inbox);
    assert_eq!(channel_count(&app).await, 2);
}

async fn an_inbox_is_found_in_its_own_account_among_several(engine: Engine) {
    let app = fresh(engine).await;
    let (first, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    let before = on_record(&app, inbox).await;
    // the account that was shared last comes first in the token
    let other = app.meta.sign_up(Popup { business_id: first.business_id.clone(), ..Popup::default() }).await;
    let body = json!({ "code": other.code, "inbox_id": inbox.0 });
    let done = app.post(&app.path("/signups"), body).await.expect(201);
    assert_eq!((&done["state"], inbox_in(&done)), (&json!("done"), inbox));
    let after = on_record(&app, inbox).await;
    assert_eq!(after.channel, before.channel);
    assert_ne!(after.token_print(), before.token_print());
    assert_eq!(channel_count(&app).await, 1);
}

async fn a_token_without_management_names_its_account_all_the_same(engine: Engine) {
    let app = fresh(engine).await;
    let popup = Popup { token_scopes: TokenScopes::WithoutManagement, ..Popup::default() };
    let signup = app.meta.sign_up(popup).await;
    let done = code_alone(&app, &signup).await;
    assert_eq!((&done["state"], &done["business_account_id"]), (&json!("done"), &json!(signup.waba_id)));
    expect_registered(&app, inbox_in(&done)).await;
}

async fn a_token_for_all_accounts_is_looked_through(engine: Engine) {
    let app = fresh(engine).await;
    let popup = Popup { token_scopes: TokenScopes::AllOfPortfolio, ..Popup::default() };
    let signup = app.meta.sign_up(popup).await;
    let done = code_alone(&app, &signup).await;
    assert_eq!((&done["state"], &done["business_account_id"]), (&json!("done"), &json!(signup.waba_id)));
    assert_eq!(app.meta.calls("GET /{business}/owned_whatsapp_business_accounts").len(), 1);
    expect_registered(&app, inbox_in(&done)).await;
    expect_webhooks(&app, inbox_in(&done)).await;
}

async fn a_token_of_another_app_is_refused_by_name(engine: Engine) {
    let app = fresh(engine).await;
    let data = json!({ "data": { "app_id": "749999999999999", "is_valid": true, "scopes": [], "expires_at": 0 } });
    for route in ["/signups", "/whatsapp/authorization"] {
        let signup = app.meta.sign_up(Popup::default()).await;
        app.meta.fail(Fault { body: Some(data.to_string()), ..Fault::status(DEBUG, 200) });
        let body = app.post(&app.path(route), crate::app::browser(&signup)).await.expect(422);
        assert_eq!(body["code"], "foreign_app");
        let text = body["error"].as_str().unwrap();
        assert!(text.contains("749999999999999") && text.contains(crate::app::APP_ID), "{text}");
    }
    assert_eq!((channel_count(&app).await, changes(&app)), (0, vec![]));
    assert!(signups_of(&app).await.iter().all(|signup| signup.state == SignupState::Failed));
}

async fn a_number_that_appears_later_is_connected_if_it_is_the_only_one(engine: Engine) {
    let app = fresh(engine).await;
    let empty = app.meta.sign_up(Popup { end: PopupEnd::OnlyWaba, ..Popup::default() }).await;
    let asked = code_alone(&app, &empty).await;
    assert_eq!((&asked["state"], &asked["next_step"]["code"]), (&json!("unfinished"), &json!("add_number")));
    app.settle().await;
    app.advance(SignedDuration::from_hours(2)).await;
    assert_eq!((channel_count(&app).await, announced(&app, "signup_unfinished").await.len()), (0, 1), "told once");
    // its owner adds one in WhatsApp Manager, of which Meta tells nobody
    let token = app.meta.with_world(|world, now| world.issue_business_token(empty.business_id.as_ref().unwrap(), now));
    let url = format!("{}/v25.0/{}/phone_numbers", app.meta.base_url(), waba_of(&empty));
    let form = [("cc", "1"), ("phone_number", "5550107788"), ("verified_name", "Late Shop")];
    let added = reqwest::Client::new().post(url).bearer_auth(token).form(&form).send().await.unwrap();
    assert_eq!(added.status(), 200);
    app.advance(SignedDuration::from_mins(15)).await;
    let shown = app.get(&app.path(&format!("/signups/{}", asked["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!(shown["state"], "done", "{shown}");
    assert_eq!(on_record(&app, inbox_in(&shown)).await.channel.phone_number.to_string(), "+15550107788");
}
