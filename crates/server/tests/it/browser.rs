//! The page in a real Chromium: what a number's owner sees and presses (rows H3 and R3).

mod chromium;
mod forwarding;

use graph_emulator::world::NameDecision;
use graph_emulator::{NumberAction, Popup, Review};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use thirtyfour::prelude::*;

use self::chromium::Chromium;
use crate::app::TestApp;

/// A name in review; Meta refuses to register it meanwhile.
fn in_review() -> Popup {
    Popup {
        review: Some(Review { lasts: None, outcome: NameDecision::Approved }),
        registrable_during_review: false,
        ..Popup::default()
    }
}

/// Signs in as a person does, by entering the API key once.
async fn sign_in(driver: &WebDriver, app: &TestApp) -> WebDriverResult<()> {
    driver.goto(&app.url).await?;
    driver.find(By::Id("key")).await?.send_keys(app.key.expose_secret()).await?;
    driver.find(By::Css("form button.primary")).await?.click().await?;
    // a page opened before the session is there would lead back to signing in
    driver.find(By::Css("form[action='/sign-out']")).await?;
    Ok(())
}

async fn text(driver: &WebDriver, css: &str) -> WebDriverResult<String> {
    driver.find(By::Css(css)).await?.text().await
}

/// The text of the card of this label. Read in one script: the page renews its cards by itself.
async fn card(driver: &WebDriver, label: &str) -> WebDriverResult<String> {
    let script = "return [...document.querySelectorAll('ul.cards > li')]\
        .filter(c => c.querySelector('h3').innerText.startsWith(arguments[0])).map(c => c.innerText).join()";
    driver.execute(script, vec![label.into()]).await?.convert()
}

#[tokio::test(flavor = "multi_thread")]
async fn h3_account_health_shows_badges_and_links_to_whatsapp_manager() -> WebDriverResult<()> {
    let app = TestApp::new().await;
    let popup = Popup { quality: graph_emulator::world::Quality::Green, ..Popup::default() };
    let (result, inbox) = app.signed_up(popup).await;
    app.settle().await;
    app.advance(SignedDuration::from_mins(1)).await;
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    sign_in(driver, &app).await?;

    let row = text(driver, "main").await?;
    let digits: String = row.chars().filter(char::is_ascii_digit).collect();
    assert!(digits.contains(&result.phone_number.clone().unwrap()), "{row}");
    driver.goto(format!("{}/numbers/{inbox}", app.url)).await?;

    assert_eq!(text(driver, "#health").await?, "Account Health");
    let (waba, business) = (result.waba_id.unwrap(), result.business_id.unwrap());
    let manager = driver.find(By::Css("a[href*='whatsapp_manager/phone_numbers']")).await?.attr("href").await?.unwrap();
    assert!(manager.starts_with("https://business.facebook.com/latest/whatsapp_manager/phone_numbers/"), "{manager}");
    assert!(manager.contains(&format!("business_id={business}")), "{manager}");
    assert!(manager.contains(&format!("asset_id={waba}")), "{manager}");
    for (label, value) in [
        ("Display name status", "without review"),
        ("Quality rating", "High"),
        ("Code verification", "Verified"),
        ("Platform", "Cloud API"),
        ("Throughput", "80"),
        ("Messaging limit", "250"),
    ] {
        let shown = card(driver, label).await?;
        assert!(shown.to_lowercase().contains(&value.to_lowercase()), "{label}: {shown}");
    }
    let without_icon = "return [...document.querySelectorAll('ul.cards .value.tone-good')]\
        .filter(v => !v.querySelector('svg')).length";
    let without_icon: i64 = driver.execute(without_icon, vec![]).await?.convert()?;
    assert_eq!(without_icon, 0, "a badge is more than a colour");
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn r3_a_banner_with_complete_registration_lets_the_owner_retry() -> WebDriverResult<()> {
    let app = TestApp::new().await;
    let (result, inbox) = app.signed_up(in_review()).await;
    app.settle().await;
    let number = result.phone_number_id.unwrap();
    // the review ended without a word from Meta: its owner knows, we do not
    app.meta
        .act(&number, NumberAction::SetNameStatus { status: graph_emulator::world::NameStatus::Approved })
        .await
        .unwrap();
    app.meta.act(&number, NumberAction::Provision).await.unwrap();
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    sign_in(driver, &app).await?;
    driver.goto(format!("{}/numbers/{inbox}", app.url)).await?;

    assert!(text(driver, ".standing").await?.contains("Waiting for Meta"));
    let button = driver.find(By::XPath("//button[normalize-space()='Complete registration']")).await?;
    let panel = text(driver, ".panel").await?;
    assert!(panel.contains("Meta"), "it says what pressing does: {panel}");
    let calls = app.meta.number(&number).unwrap().register_calls.len();
    button.click().await?;

    assert_eq!(driver.current_url().await?.path(), format!("/numbers/{inbox}"));
    assert!(!text(driver, "[role=status]").await?.is_empty(), "it says what came of it");
    assert!(text(driver, ".standing").await?.contains("Live"));
    assert!(driver.find(By::XPath("//button[normalize-space()='Complete registration']")).await.is_err());
    let after = app.meta.number(&number).unwrap();
    assert!(after.registered);
    assert_eq!(after.register_calls.len(), calls + 1, "one press, one call");
    let ledger = app.get(&app.inbox(inbox, "/registration")).await.expect(200);
    assert_eq!(ledger["attempts"][0]["basis"], "person", "{ledger}");
    browser.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_phone_and_works_in_the_dark() -> WebDriverResult<()> {
    let allow = crate::endpoints::allow_this_machine;
    let app = TestApp::with(store::Engine::Sqlite, allow, graph_emulator::Config::default()).await;
    let (_, inbox) = app.signed_up(in_review()).await;
    app.settle().await;
    let long = format!("https://127.0.0.1:9/{}", "a-long-path/".repeat(30));
    let body = serde_json::json!({ "url": long, "format": "standard", "name": "A name of some length for an endpoint",
            "headers": { "X-A-Header-With-Quite-A-Long-Name-Of-Its-Own": "x" } });
    let made = app.post(&app.path("/endpoints"), body).await.expect(201);
    let endpoints = format!("/numbers/{inbox}/endpoints");
    let endpoint = format!("{endpoints}/{}", made["id"].as_str().unwrap());
    let (form, change) = (format!("{endpoints}/new"), format!("{endpoint}/edit"));
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    sign_in(driver, &app).await?;
    for width in [390, 1280] {
        for scheme in ["light", "dark"] {
            browser.look(width, scheme).await?;
            let (number, nowhere) = (format!("/numbers/{inbox}"), "/numbers/999999".to_owned());
            let tabs = ["registration", "forwarding", "timeline"].map(|tab| format!("{number}/{tab}"));
            let fixed = ["/numbers".to_owned(), number, nowhere, endpoint.clone(), form.clone(), change.clone()];
            for path in fixed.into_iter().chain(tabs) {
                driver.goto(format!("{}{path}", app.url)).await?;
                let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
                let over: i64 = driver.execute(script, vec![]).await?.convert()?;
                assert!(over <= 0, "{path} is {over} px too wide at {width}");
                let unlabelled = "return [...document.querySelectorAll('input:not([type=hidden]),textarea,button')].filter(e => \
                    !(e.labels && e.labels.length) && !e.getAttribute('aria-label') && !e.textContent.trim()).length";
                let unlabelled: i64 = driver.execute(unlabelled, vec![]).await?.convert()?;
                assert_eq!(unlabelled, 0, "controls without a name on {path}");
            }
        }
    }
    browser.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tab_has_an_address_and_is_reached_by_keyboard() -> WebDriverResult<()> {
    let app = TestApp::new().await;
    let (_, inbox) = app.signed_up(in_review()).await;
    app.settle().await;
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    sign_in(driver, &app).await?;
    driver.goto(format!("{}/numbers/{inbox}", app.url)).await?;
    for (label, path, heading) in [
        ("Registration", "/registration", "#registration"),
        ("Webhooks and forwarding", "/forwarding", "#webhook"),
        ("Timeline", "/timeline", "#timeline"),
        ("Account Health", "", "#health"),
    ] {
        let tab = driver.find(By::XPath(format!("//nav[@class='tabbar']/a[normalize-space()='{label}']"))).await?;
        tab.send_keys(Key::Enter).await?;
        driver.find(By::Css(heading)).await?;
        assert_eq!(driver.current_url().await?.path(), format!("/numbers/{inbox}{path}"));
        assert_eq!(text(driver, ".tabbar [aria-current=page]").await?, label);
        // the part that the script fetches is the part the page has
        let live = "return fetch(document.querySelector('[data-live]').dataset.live).then(r => r.text()).then(t => \
            new DOMParser().parseFromString(t, 'text/html').querySelector('h2.section, h2').id)";
        let first: String = driver.execute(live, vec![]).await?.convert()?;
        assert!(!first.is_empty(), "{label} has no live part");
    }
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    browser.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_could_not_be_read_again_are_not_shown_as_good() -> WebDriverResult<()> {
    let app = TestApp::new().await;
    let (_, inbox) = app.signed_up(Popup::default()).await;
    app.settle().await;
    app.advance(SignedDuration::from_mins(1)).await;
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    sign_in(driver, &app).await?;
    driver.goto(format!("{}/numbers/{inbox}", app.url)).await?;
    assert!(driver.find(By::Css("ul.cards .tone-good")).await.is_ok(), "values of this moment are shown as good");

    app.meta.fail(graph_emulator::Fault::cut("*").times(1_000));
    driver.find(By::XPath("//button[normalize-space()='Refresh']")).await?.click().await?;
    assert!(text(driver, "ul.cards").await?.contains("As of"), "each value says when it was read");
    let good = "return document.querySelectorAll('ul.cards .tone-good').length";
    let good: i64 = driver.execute(good, vec![]).await?.convert()?;
    assert_eq!(good, 0, "a value that could not be read again is shown as good");
    browser.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_and_a_session_ends() -> WebDriverResult<()> {
    let app = TestApp::new().await;
    let browser = Chromium::start().await;
    let driver = &browser.driver;
    driver.goto(format!("{}/numbers", app.url)).await?;
    driver.find(By::Id("key")).await?.send_keys("lk_wrong").await?;
    driver.find(By::Css("form button.primary")).await?.click().await?;
    assert!(!text(driver, "#key-error").await?.is_empty());
    sign_in(driver, &app).await?;
    driver.find(By::Css("form[action='/sign-out'] button")).await?.click().await?;
    driver.find(By::Id("key")).await?;
    driver.goto(format!("{}/numbers", app.url)).await?;
    assert!(driver.find(By::Id("key")).await.is_ok(), "signed out");
    browser.stop().await
}
