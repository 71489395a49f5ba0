//! Callbacks on every level: whatever another system set on the number, on its account or on the app, a press brings the
//! messages here or says why not; what is reported is what was read back; what was set is cleared.

use domain::ids::ChannelId;
use graph_emulator::world::Override;
use graph_emulator::{Fault, NumberAction, Popup, SignupResult, WabaAction};
use reqwest::Method;
use serde_json::{Value, json};
use server::flows::queue::{Job, enqueue_now};
use server::store::Engine;
use server::store::api_keys::Scope;
use server::store::channels::OverrideLevel;
use tracing::Level;

use super::capture::Logs;
use super::support::{
    CHANGE_NUMBER, SUBSCRIBE, UNSUBSCRIBE, changes, expect_nothing_raised, flawless, fresh, inbox_of, number_of,
    on_record, refused_with, rows, waba_of,
};
use crate::app::{APP_ID, APP_SECRET, TestApp};

rows!(
    w3_a_press_takes_over_an_override_of_the_number_itself,
    w3_a_signup_takes_over_an_override_of_the_number_itself,
    w3_a_press_reports_what_was_read_back,
    w8_a_refused_override_fails_where_the_apps_callback_is_anothers,
    w8_only_an_operator_takes_over_the_callback_of_the_app,
    w8_the_page_and_the_command_line_take_over_the_callback_of_the_app,
    a_moved_installation_sets_every_override_again,
    a1_the_last_number_takes_its_own_override_with_it,
    a1_an_override_of_another_system_stays,
    a_callback_of_another_system_is_logged_once_at_the_start,
    the_app_keeps_fields_chosen_by_hand_and_gets_all_that_endpoints_can_receive,
    a_field_that_meta_refuses_does_not_cost_the_callback,
    w12_a_slash_at_the_end_of_the_callback_makes_no_difference,
);

/// An address of this machine at which nobody listens.
const FOREIGN: &str = "http://127.0.0.1:9/hook";

pub(super) const APP_SUBSCRIBE: &str = "POST /{app}/subscriptions";

/// A callback that another product set.
pub(super) fn foreign() -> Override {
    Override { callback_url: FOREIGN.to_owned(), verify_token: "another's".to_owned() }
}

/// The app's callback was set to another system, in Meta's dashboard for example.
pub(super) fn app_callback_is_taken(app: &TestApp) {
    app.meta.with_world(|world, _| world.subscribe_app_level(FOREIGN, "another's", &["messages"]));
}

/// Reads the app's callback now.
async fn read_app_callback(app: &TestApp) {
    enqueue_now(&app.app, &[Job::AppCallback]).await.unwrap();
    app.settle().await;
}

/// Where a message to the number went.
async fn heard_at(app: &TestApp, signup: &SignupResult) -> String {
    app.meta.clear_webhook_log();
    app.meta.receive_text(&number_of(signup), "15550009999", "hello").await.unwrap();
    app.meta.webhook_log().remove(0).callback_url
}

async fn own_callback(app: &TestApp, inbox: ChannelId) -> String {
    domain::channel::callback_url(&app.url, &on_record(app, inbox).await.channel.phone_number)
}

async fn set_on_number(app: &TestApp, signup: &SignupResult, over: Option<Override>) {
    app.meta.act(&number_of(signup), NumberAction::SetOverride { over }).await.unwrap();
}

/// The finding with this code, read at Meta now.
async fn finding(app: &TestApp, inbox: ChannelId, code: &str) -> Option<Value> {
    let health = app.post(&app.inbox(inbox, "/health/refresh"), json!({})).await.expect(200);
    health["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == code).cloned()
}

async fn press(app: &TestApp, inbox: ChannelId) -> crate::app::Answer {
    app.post(&app.inbox(inbox, "/register_webhook"), json!({})).await
}

async fn w3_a_press_takes_over_an_override_of_the_number_itself(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(flawless()).await;
    app.settle().await;
    set_on_number(&app, &signup, Some(foreign())).await;
    assert_eq!(heard_at(&app, &signup).await, FOREIGN);
    let body = press(&app, inbox).await.expect(200);
    assert_eq!(body["message"], "Webhook registered successfully");
    assert_eq!(body["route"], json!({ "arrives_here": true, "level": "number", "elsewhere": null }));
    assert_eq!(heard_at(&app, &signup).await, own_callback(&app, inbox).await);
    let kept = on_record(&app, inbox).await;
    assert_eq!(kept.webhook.override_level, OverrideLevel::Number);
    assert_eq!(finding(&app, inbox, "override_foreign").await, None);
}

async fn w3_a_signup_takes_over_an_override_of_the_number_itself(engine: Engine) {
    let app = fresh(engine).await;
    let signup = app.meta.sign_up(flawless()).await;
    set_on_number(&app, &signup, Some(foreign())).await;
    let answer = app.authorize(&signup).await;
    expect_nothing_raised(&answer);
    assert_eq!(heard_at(&app, &signup).await, own_callback(&app, inbox_of(&answer)).await);
}

/// Meta accepts the call, and nothing changes: the answer is what was read, not what was asked for.
async fn w3_a_press_reports_what_was_read_back(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(flawless()).await;
    app.settle().await;
    set_on_number(&app, &signup, Some(foreign())).await;
    let without_effect = || Fault { body: Some(r#"{"success":true}"#.to_owned()), ..Fault::status(CHANGE_NUMBER, 200) };
    app.meta.fail(without_effect());
    let problem = press(&app, inbox).await.expect(422);
    assert_eq!(problem["code"], "webhook_setup_failed");
    let text = format!("Webhook setup failed: Meta sends the messages to {FOREIGN}, the callback of the number");
    assert_eq!(problem["error"], text);
    let health = app.get(&app.inbox(inbox, "/health")).await.expect(200);
    let route = json!({ "arrives_here": false, "level": "number", "elsewhere": FOREIGN });
    assert_eq!(health["webhook"]["route"], route);
    let findings = health["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["code"] == "override_foreign").unwrap();
    assert_eq!(finding["args"], json!({ "actual": FOREIGN, "level": "number" }));
    // so does the command line
    app.meta.fail(without_effect());
    let folder = tempfile::tempdir().unwrap();
    let mut command = app.command(folder.path());
    command.env("LINEKEEPER_META_BASE_URL", app.meta.base_url()).env("LINEKEEPER_PUBLIC_URL", &app.url);
    let out = command.args(["inbox", "webhook", &inbox.to_string()]).output().await.unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && said.contains(FOREIGN), "{said}");
}

async fn w8_a_refused_override_fails_where_the_apps_callback_is_anothers(engine: Engine) {
    let unmanaged = |config: &mut server::config::Config| config.meta.manage_app_callback = false;
    let app = TestApp::with(engine, unmanaged, graph_emulator::Config::default()).await;
    app_callback_is_taken(&app);
    read_app_callback(&app).await;
    let signup = app.meta.sign_up(flawless()).await;
    let refusal = || Fault::refusal(SUBSCRIBE, refused_with(200, "(#200) The override is refused for a test"));
    app.meta.fail(refusal().after(1));
    let answer = app.authorize(&signup).await;
    let cause = format!(
        "(#200) The override is refused for a test; Meta sends the messages to {FOREIGN}, the callback of the Meta app"
    );
    assert_eq!(answer.expect(200)["webhook_error"], format!("Webhook setup failed: {cause}"));
    let inbox = inbox_of(&answer);
    app.settle().await;
    app.meta.fail(refusal());
    let problem = press(&app, inbox).await.expect(422);
    assert_eq!(problem["error"], format!("Webhook setup failed: {cause}"));
    let told = finding(&app, inbox, "override_refused").await.unwrap();
    assert_eq!((&told["severity"], &told["owner"]), (&json!("action_needed"), &json!("operator")), "{told}");
    assert_eq!((&told["remedy"], &told["args"]["actual"]), (&json!("take_over_callback"), &json!(FOREIGN)), "{told}");
    assert!(!told["text"].as_str().unwrap().contains("all the same"), "{told}");
    // the remedy exists
    let operator = app.another_key(None, Scope::Admin).await;
    let took = app.send(Method::POST, "/api/v1/app_callback/take_over", None, Some(&operator)).await.expect(200);
    assert_eq!((&took["state"], &took["missing_fields"]), (&json!("ours"), &json!([])), "{took}");
    app.settle().await;
    let health = app.post(&app.inbox(inbox, "/health/refresh"), json!({})).await.expect(200);
    assert_eq!((&health["level"], &health["webhook"]["route"]["level"]), (&json!("live"), &json!("app")), "{health}");
    assert_eq!(heard_at(&app, &signup).await, format!("{}/webhooks/whatsapp", app.url));
}

async fn w8_only_an_operator_takes_over_the_callback_of_the_app(engine: Engine) {
    let app = fresh(engine).await;
    let path = "/api/v1/app_callback/take_over";
    let (reader, operator) = (app.another_key(None, Scope::Read).await, app.another_key(None, Scope::Admin).await);
    app.send(Method::POST, path, None, Some(&app.key)).await.expect(403);
    app.send(Method::POST, path, None, Some(&reader)).await.expect(403);
    app.send(Method::GET, "/api/v1/app_callback", None, Some(&app.key)).await.expect(403);
    assert_eq!(app.meta.calls(APP_SUBSCRIBE), []);
    let shown = app.send(Method::GET, "/api/v1/app_callback", None, Some(&reader)).await.expect(200);
    assert_eq!((&shown["state"], &shown["is_managed"]), (&json!("ours"), &json!(true)), "{shown}");
    app.meta.fail(Fault::refusal(APP_SUBSCRIBE, refused_with(2200, "(#2200) The callback does not answer")));
    let problem = app.send(Method::POST, path, None, Some(&operator)).await.expect(422);
    assert_eq!(problem["error"], "(#2200) The callback does not answer");
}

async fn w8_the_page_and_the_command_line_take_over_the_callback_of_the_app(engine: Engine) {
    let unmanaged = |config: &mut server::config::Config| config.meta.manage_app_callback = false;
    let app = TestApp::with(engine, unmanaged, graph_emulator::Config::default()).await;
    let (_, inbox) = app.signed_up(flawless()).await;
    let run = async |arguments: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let mut command = app.command(folder.path());
        command.env("LINEKEEPER_META_BASE_URL", app.meta.base_url()).env("LINEKEEPER_PUBLIC_URL", &app.url);
        let out = command.args(arguments).output().await.unwrap();
        let said = [out.stdout, out.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (out.status.code(), said)
    };
    app_callback_is_taken(&app);
    let (status, said) = run(&["callback", "show"]).await;
    assert!(status == Some(3) && said.contains(FOREIGN) && said.contains("take-over"), "{said}");
    let (status, said) = run(&["callback", "take-over"]).await;
    assert!(status == Some(1) && said.contains("--yes"), "{said}");
    let (status, said) = run(&["--json", "callback", "take-over", "--yes"]).await;
    assert!(status == Some(0) && said.contains("\"is_ours\": true"), "{said}");
    // the page offers the button to an operator alone
    app_callback_is_taken(&app);
    read_app_callback(&app).await;
    let action = format!("/numbers/{inbox}/app_callback");
    let operator = app.another_key(None, Scope::Admin).await;
    let tenant = browse(&app, &app.key, &format!("/numbers/{inbox}"), None).await;
    assert!(!tenant.contains(&action), "{tenant}");
    let page = browse(&app, &operator, &format!("/numbers/{inbox}"), None).await;
    assert!(page.contains(&action) && page.contains("Take over account events"), "{page}");
    let page = browse(&app, &operator, &action, Some(&page)).await;
    assert!(page.contains("The callback of the Meta app leads here."), "{page}");
    let own = app.app.graph.app_subscription().await.unwrap().unwrap();
    assert_eq!(own.callback_url, format!("{}/webhooks/whatsapp", app.url));
}

/// Signs in with a key, then gets a page, or posts the form of `form`, a page with the session's token in it.
async fn browse(app: &TestApp, key: &secrecy::SecretString, path: &str, form: Option<&str>) -> String {
    use secrecy::ExposeSecret as _;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = |path: &str| format!("{}{path}", app.url);
    let Some(form) = form else {
        let signed = http.post(url("/sign-in")).form(&[("key", key.expose_secret())]).send().await.unwrap();
        let cookie = signed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let page = http.get(url(path)).header("cookie", &cookie).send().await.unwrap().text().await.unwrap();
        return format!("{page}<!-- {cookie} -->");
    };
    let cookie = form.rsplit("<!-- ").next().unwrap().trim_end_matches(" -->").to_owned();
    let token = form.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let posted = http
        .post(url(path))
        .header("cookie", &cookie)
        .form(&[("csrf", token), ("tab", "health")])
        .send()
        .await
        .unwrap();
    let location = posted.headers()["location"].to_str().unwrap().to_owned();
    http.get(url(&location)).header("cookie", &cookie).send().await.unwrap().text().await.unwrap()
}

/// The installation got another public address: the account's override of the first number, the own one of the second and
/// the callback of the app follow.
async fn a_moved_installation_sets_every_override_again(engine: Engine) {
    let app = fresh(engine).await;
    let (first, first_inbox) = app.signed_up(flawless()).await;
    let (second, second_inbox) = app.signed_up(Popup { waba_id: first.waba_id.clone(), ..flawless() }).await;
    app.settle().await;
    let moved_to = app.url.replace("127.0.0.1", "localhost");
    let moved = app.start_again_with(|config| config.public_url.clone_from(&moved_to)).await;
    enqueue_now(&moved, &[Job::Sweep, Job::AppCallback]).await.unwrap();
    app.settle_in(&moved).await;
    for (signup, inbox) in [(&first, first_inbox), (&second, second_inbox)] {
        let phone = on_record(&app, inbox).await.channel.phone_number;
        assert_eq!(heard_at(&app, signup).await, format!("{moved_to}/webhooks/whatsapp/{phone}"));
    }
    let own = app.app.graph.app_subscription().await.unwrap().unwrap();
    assert_eq!(own.callback_url, format!("{moved_to}/webhooks/whatsapp"));
    // once: nothing is left to do
    app.meta.clear_log();
    enqueue_now(&moved, &[Job::Sweep, Job::AppCallback]).await.unwrap();
    app.settle_in(&moved).await;
    assert_eq!(changes(&app), Vec::<String>::new());
    moved.stop().await;
}

async fn a1_the_last_number_takes_its_own_override_with_it(engine: Engine) {
    let app = fresh(engine).await;
    let (first, first_inbox) = app.signed_up(Popup::default()).await;
    let (second, second_inbox) = app.signed_up(Popup { waba_id: first.waba_id.clone(), ..Popup::default() }).await;
    app.settle().await;
    app.delete(&app.inbox(first_inbox, "")).await.expect(204);
    app.meta.clear_log();
    app.delete(&app.inbox(second_inbox, "")).await.expect(204);
    app.settle().await;
    assert_eq!(changes(&app), [CHANGE_NUMBER, UNSUBSCRIBE]);
    for signup in [&first, &second] {
        assert!(app.meta.number(&number_of(signup)).unwrap().overrides.is_empty(), "{signup:?}");
    }
    let waba = app.meta.with_world(|world, _| world.waba(&waba_of(&first))).unwrap();
    assert!(!waba.subscriptions.contains_key(APP_ID));
}

async fn a1_an_override_of_another_system_stays(engine: Engine) {
    let app = fresh(engine).await;
    let (signup, inbox) = app.signed_up(flawless()).await;
    app.settle().await;
    set_on_number(&app, &signup, Some(foreign())).await;
    // it is read, repaired once, set again, and left to a person
    for _ in 0..2 {
        app.post(&app.inbox(inbox, "/health/refresh"), json!({})).await.expect(200);
        app.settle().await;
        set_on_number(&app, &signup, Some(foreign())).await;
    }
    app.post(&app.inbox(inbox, "/health/refresh"), json!({})).await.expect(200);
    app.meta.clear_log();
    app.delete(&app.inbox(inbox, "")).await.expect(204);
    assert_eq!(changes(&app), [UNSUBSCRIBE]);
    assert_eq!(app.meta.number(&number_of(&signup)).unwrap().overrides[APP_ID], foreign());
}

async fn a_callback_of_another_system_is_logged_once_at_the_start(engine: Engine) {
    let app = fresh(engine).await;
    let logs = Logs::capture();
    app_callback_is_taken(&app);
    // it was ours: it is taken back, once, and a line says so
    read_app_callback(&app).await;
    let warned = logs.at(Level::WARN);
    assert!(warned.len() == 1 && warned[0].contains(&format!("it led to {FOREIGN}")), "{warned:?}");
    app_callback_is_taken(&app);
    let again = app.start_again().await;
    for _ in 0..3 {
        enqueue_now(&again, &[Job::AppCallback]).await.unwrap();
        app.settle_in(&again).await;
    }
    let warned = &logs.at(Level::WARN)[1..];
    assert!(warned.len() == 1 && warned[0].contains(&format!("leads to another system, {FOREIGN}")), "{warned:?}");
    assert!(warned[0].contains("linekeeper callback take-over"), "{warned:?}");
    let own = app.app.graph.app_subscription().await.unwrap().unwrap();
    assert_eq!(own.callback_url, FOREIGN, "it is not fought over");
    again.stop().await;
}

async fn the_app_keeps_fields_chosen_by_hand_and_gets_all_that_endpoints_can_receive(engine: Engine) {
    let app = fresh(engine).await;
    let shared = format!("{}/webhooks/whatsapp", app.url);
    app.meta.with_world(|world, _| world.subscribe_app_level(&shared, "ours", &["messages", "flows"]));
    read_app_callback(&app).await;
    let fields = app.app.graph.app_subscription().await.unwrap().unwrap().fields;
    for field in [
        "flows",
        "messages",
        "security",
        "calls",
        "group_lifecycle_update",
        "account_settings_update",
        "payment_configuration_update",
        "standby",
    ] {
        assert!(fields.iter().any(|it| it == field), "{field}: {fields:?}");
    }
    // and an event of such a field arrives
    let (signup, inbox) = app.signed_up(flawless()).await;
    app.settle().await;
    app.meta.clear_webhook_log();
    let calls = WabaAction::Webhook { field: "calls".to_owned(), value: json!({ "calls": [] }), to_partner: false };
    app.meta.act_on_waba(&waba_of(&signup), calls).await.unwrap();
    let heard = app.meta.webhook_log().remove(0);
    assert_eq!((heard.fields, heard.status), (vec!["calls".to_owned()], Some(200)), "{inbox}");
}

async fn a_field_that_meta_refuses_does_not_cost_the_callback(engine: Engine) {
    let app = fresh(engine).await;
    app.meta.with_world(|world, _| world.drop_app_level());
    app.meta.fail(Fault::refusal(APP_SUBSCRIBE, refused_with(100, "(#100) Invalid field: standby")));
    read_app_callback(&app).await;
    let own = app.app.graph.app_subscription().await.unwrap().unwrap();
    assert_eq!(own.callback_url, format!("{}/webhooks/whatsapp", app.url));
    assert!(own.fields.iter().any(|field| field == "account_update"), "{:?}", own.fields);
    // a number misses nothing that it needs
    let (_, inbox) = app.signed_up(flawless()).await;
    app.settle().await;
    let told = finding(&app, inbox, "app_fields_missing").await.unwrap();
    assert_eq!((&told["severity"], &told["owner"]), (&json!("live"), &json!("nobody")), "{told}");
}

async fn w12_a_slash_at_the_end_of_the_callback_makes_no_difference(engine: Engine) {
    use secrecy::ExposeSecret as _;
    let change = |config: &mut server::config::Config| config.meta.verify_token = Some("the-installations-own".into());
    let app = TestApp::with(engine, change, graph_emulator::Config::default()).await;
    let (signup, inbox) = app.signed_up(Popup::default()).await;
    let kept = on_record(&app, inbox).await;
    let number = format!("/webhooks/whatsapp/{}/", kept.channel.phone_number);
    let own = kept.credentials.verify_token.expose_secret();
    for (path, token) in [("/webhooks/whatsapp/", "the-installations-own"), (number.as_str(), own)] {
        let query = format!("{path}?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444");
        let answer = app.send(Method::GET, &query, None, None).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "1158201444"), "{path}");
        let post =
            json!({ "object": "whatsapp_business_account", "entry": [{ "id": waba_of(&signup), "changes": [] }] });
        let body = serde_json::to_vec(&post).unwrap();
        app.post_webhook(path, &body, Some(APP_SECRET)).await.expect(200);
        app.post_webhook(path, &body, Some("a-forgers")).await.expect(401);
        app.send(Method::DELETE, path, None, None).await.expect(405);
    }
}
