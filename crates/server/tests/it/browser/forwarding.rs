//! Forwarding on a number's page in a real Chromium: what an endpoint is, adding one, its secret once, a test,
//! what it was sent, sending again, switching it off, deleting it.

use domain::ids::ChannelId;
use graph_emulator::{Config as EmulatorConfig, Popup};
use serde_json::json;
use server::store::Engine;
use thirtyfour::prelude::*;

use super::chromium::Chromium;
use super::{sign_in, text};
use crate::app::TestApp;
use crate::endpoints::receiver::Receiver;
use crate::endpoints::{allow_this_machine, eventually};

async fn press(driver: &WebDriver, label: &str) -> WebDriverResult<()> {
    driver.find(By::XPath(format!("//button[normalize-space()='{label}']"))).await?.click().await
}

async fn unfold(driver: &WebDriver, label: &str) -> WebDriverResult<()> {
    driver.find(By::XPath(format!("//summary[normalize-space()='{label}']"))).await?.click().await
}

/// Waits until a part of the page says something; all it says. Read in one script, since the page before may
/// still be there when a form was sent.
async fn says(driver: &WebDriver, css: &str, part: &str) -> WebDriverResult<String> {
    let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
    let mut shown = String::new();
    for _ in 0..250 {
        shown = driver.execute(script, vec![css.into()]).await?.convert()?;
        if shown.contains(part) {
            return Ok(shown);
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{css} never said {part:?}: {shown}");
}

async fn enter(driver: &WebDriver, id: &str, value: &str) -> WebDriverResult<()> {
    driver.find(By::Id(id)).await?.send_keys(value).await
}

async fn with_number() -> (TestApp, String, ChannelId) {
    let app = TestApp::with(Engine::Sqlite, allow_this_machine, EmulatorConfig::default()).await;
    let (number, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    (app, number.phone_number_id.unwrap(), inbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_adds_an_endpoint_and_sees_what_becomes_of_events() -> WebDriverResult<()> {
    let (app, number, inbox) = with_number().await;
    server::startup::start_forwarding(&app.app);
    let receiver = Receiver::start().await;
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    sign_in(driver, &app).await?;
    driver.goto(format!("{}/numbers/{inbox}/forwarding", app.url)).await?;
    let panel = "section[aria-labelledby=forwarding]";
    says(driver, panel, "Events are stored and not forwarded.").await?;

    driver.find(By::LinkText("Create an endpoint")).await?.click().await?;
    enter(driver, "url", "https://10.0.0.5/private").await?;
    press(driver, "Create endpoint").await?;
    says(driver, "#url-error", "private").await?;
    let url = driver.find(By::Id("url")).await?;
    assert_eq!(url.prop("value").await?.as_deref(), Some("https://10.0.0.5/private"), "and keeps what was entered");
    url.clear().await?;
    enter(driver, "url", &receiver.url).await?;
    enter(driver, "name", "Helpdesk").await?;
    driver.find(By::Css("input[name=format][value=meta]")).await?.click().await?;
    unfold(driver, "More: verification, headers, rate limit").await?;
    enter(driver, "headers", "X-Team: support").await?;
    press(driver, "Create endpoint").await?;

    let secret = text(driver, "#secret").await?;
    assert!(secret.len() >= 32, "{secret}");
    driver.refresh().await?;
    let reloaded = says(driver, "main", "Deliveries").await?;
    assert!(reloaded.contains("Helpdesk") && !reloaded.contains(&secret), "shown once, and made once: {reloaded}");
    let list = app.get(&app.path("/endpoints")).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "{list}");

    press(driver, "Send a test").await?;
    says(driver, "[role=status]", "Test: Delivered with HTTP 200").await?;
    assert!(receiver.last().is_signed_like_meta("x-hub-signature-256", &secret));
    assert_eq!(receiver.last().header("x-team"), "support");

    app.meta.receive_text(&number, "16505550001", "hello").await.unwrap();
    app.settle().await;
    eventually("delivered", async || receiver.last().body.windows(5).any(|part| part == b"hello").then_some(())).await;
    let path = format!("{}/numbers/{inbox}/endpoints/{}", app.url, list["data"][0]["id"].as_str().unwrap());
    let listed = async || {
        driver.goto(&path).await.unwrap();
        let shown = text(driver, "section[aria-labelledby=deliveries]").await.unwrap();
        (shown.contains("Delivered") && shown.contains("HTTP 200")).then_some(())
    };
    eventually("the delivery is listed", listed).await;
    driver.goto(format!("{}/numbers/{inbox}/forwarding", app.url)).await?;
    let row = says(driver, panel, "Helpdesk").await?;
    for part in ["Helpdesk", "Active", "All events", "Delivered", "0 pending"] {
        assert!(row.contains(part), "{part}: {row}");
    }
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sends_again_switches_off_and_deletes() -> WebDriverResult<()> {
    let (app, number, inbox) = with_number().await;
    app.meta.receive_text(&number, "16505550001", "from before").await.unwrap();
    app.settle().await;
    let receiver = Receiver::start().await;
    let body = json!({ "url": receiver.url, "format": "standard", "kinds": ["messages"], "name": "Helpdesk" });
    let made = app.post(&app.path("/endpoints"), body).await.expect(201);
    server::startup::start_forwarding(&app.app);
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    sign_in(driver, &app).await?;
    let path = format!("/numbers/{inbox}/endpoints/{}", made["id"].as_str().unwrap());
    driver.goto(format!("{}{path}", app.url)).await?;

    let set = "document.getElementById('from').value = '2026-11-01T00:00'";
    driver.execute(set, vec![]).await?;
    press(driver, "Replay").await?;
    says(driver, "[role=status]", "Replay started:").await?;
    eventually("sent again", async || (receiver.heard().len() == 1).then_some(())).await;
    assert_eq!(receiver.last().json()["data"]["message"]["text"]["body"], "from before");

    press(driver, "Switch off").await?;
    says(driver, ".standing", "The endpoint was switched off by hand").await?;
    says(driver, ".standing .badge", "Off").await?;
    press(driver, "Switch on and deliver missed events").await?;
    says(driver, ".standing .badge", "Active").await?;

    unfold(driver, "Delete…").await?;
    says(driver, "details[open] form", "for any number of the account").await?;
    press(driver, "Delete the endpoint").await?;
    says(driver, "[role=status]", "The endpoint is deleted").await?;
    says(driver, "section[aria-labelledby=forwarding]", "not forwarded").await?;
    assert_eq!(app.get(&app.path("/endpoints")).await.expect(200)["data"], json!([]));
    browser.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_changes_the_settings() -> WebDriverResult<()> {
    let (app, _, inbox) = with_number().await;
    let receiver = Receiver::start().await;
    let headers = json!({ "Authorization": "Bearer of-the-header", "X-Old": "of-yesterday" });
    let body = json!({ "url": "https://127.0.0.1:9/", "format": "standard", "name": "Helpdesk", "headers": headers });
    let made = app.post(&app.path("/endpoints"), body).await.expect(201);
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    sign_in(driver, &app).await?;
    driver.goto(format!("{}/numbers/{inbox}/endpoints/{}", app.url, made["id"].as_str().unwrap())).await?;
    driver.find(By::LinkText("Change settings")).await?.click().await?;

    driver.find(By::Id("url")).await?.clear().await?;
    enter(driver, "url", "https://10.0.0.5/typed").await?;
    driver.find(By::Css("input[name=kinds][value=calls]")).await?.click().await?;
    driver.find(By::Css("input[name=remove][value='X-Old']")).await?.click().await?;
    press(driver, "Save").await?;
    says(driver, "#url-error", "private").await?;
    let url = driver.find(By::Id("url")).await?;
    assert_eq!(url.prop("value").await?.as_deref(), Some("https://10.0.0.5/typed"), "what was typed is kept");
    assert!(!driver.find(By::Css("input[name=kinds][value=calls]")).await?.is_selected().await?);
    assert!(driver.find(By::Css("input[name=remove][value='X-Old']")).await?.is_selected().await?);
    url.clear().await?;
    enter(driver, "url", &receiver.url).await?;
    press(driver, "Save").await?;
    says(driver, "[role=status]", "Saved.").await?;

    let settings = says(driver, "section[aria-labelledby=settings]", "Authorization").await?;
    assert!(settings.contains(&receiver.url) && !settings.contains("X-Old"), "{settings}");
    assert!(!settings.contains("Calls") && settings.contains("Messages"), "{settings}");
    press(driver, "Send a test").await?;
    says(driver, "[role=status]", "Test: Delivered with HTTP 200").await?;
    assert_eq!(receiver.last().header("authorization"), "Bearer of-the-header");
    assert_eq!(receiver.last().header("x-old"), "");
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_only_see_is_offered_nothing_to_press() -> WebDriverResult<()> {
    use secrecy::ExposeSecret as _;
    let (app, _, inbox) = with_number().await;
    let body = json!({ "url": "https://127.0.0.1:9/?token=of-the-address", "format": "standard" });
    let made = app.post(&app.path("/endpoints"), body).await.expect(201);
    let reader = app.another_key(Some(app.account), store::api_keys::Scope::Read).await;
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    driver.goto(&app.url).await?;
    driver.find(By::Id("key")).await?.send_keys(reader.expose_secret()).await?;
    press(driver, "Sign in").await?;
    driver.find(By::Css("form[action='/sign-out']")).await?;
    driver.goto(format!("{}/numbers/{inbox}/endpoints/{}", app.url, made["id"].as_str().unwrap())).await?;
    let shown = driver.source().await?;
    assert!(shown.contains("127.0.0.1") && !shown.contains("of-the-address"), "{shown}");
    let buttons = driver.find_all(By::Css("main form button")).await?.len();
    assert_eq!(buttons, 0, "{shown}");
    browser.stop().await
}
