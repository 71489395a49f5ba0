//! What bounds a call: Meta's hourly limits, deadlines, lost connections, answers of no shape.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::{AppId, WabaId};
use domain::meta::failure::FailureKind;
use graph_api::{Client, Settings};
use graph_emulator::{Fault, FaultError, Popup};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::support::{Meta, canned, client, secret};

#[tokio::test]
async fn a_full_bucket_is_left_alone_until_meta_said_and_then_asked_again() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(1);
    let (sibling, _) = meta.fleet(1);
    meta.emulator.with_world(|world, now| world.set_usage(customer.waba.as_str(), 4_500, now));
    meta.on(&customer).waba().await.unwrap();
    let usage = meta.on(&customer).usage();
    assert!(usage.percent == Some(90) && usage.is_high() && usage.blocked_until.is_none());

    meta.emulator.with_world(|world, now| world.set_usage(customer.waba.as_str(), 4_999, now));
    meta.on(&customer).waba().await.unwrap();
    meta.emulator.clear_log();
    let refused = meta.on(&customer).waba().await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Throttled);
    let wait = refused.wait.unwrap();
    assert!(wait > SignedDuration::from_mins(50) && wait <= SignedDuration::from_mins(60), "{wait}");
    assert!(meta.emulator.log().is_empty(), "nothing was sent");
    meta.on(&sibling).waba().await.unwrap();

    meta.emulator.advance(wait).await;
    meta.on(&customer).waba().await.unwrap();
}

#[tokio::test]
async fn a_throttle_error_closes_the_bucket_for_writes_too() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup::default()).await;
    meta.emulator.fail(Fault::error("GET {phone}", 80_008));
    let account = meta.on(&customer);
    let refused = account.number(&customer.number).await.unwrap_err();
    assert_eq!((refused.kind, refused.wait), (FailureKind::Throttled, Some(SignedDuration::from_mins(5))));
    let register = account.register(&customer.number, &secret("123456")).await.unwrap_err();
    assert!(register.kind == FailureKind::Throttled && register.wait.is_some() && register.meta.is_none());
    assert_eq!(meta.count("POST /{phone}/register"), 0, "no try of the ten is wasted");
    meta.emulator.advance(SignedDuration::from_mins(5)).await;
    account.register(&customer.number, &secret("123456")).await.unwrap();
}

#[tokio::test]
async fn a_late_answer_is_uncertain_and_in_time() {
    let meta = Meta::with_deadline(Duration::from_millis(300)).await;
    let customer = meta.sign_up(Popup::default()).await;
    meta.emulator.fail(Fault::delay("POST register", 5_000));
    let started = Instant::now();
    let failure = meta.on(&customer).register(&customer.number, &secret("123456")).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(failure.is_uncertain() && failure.message.contains("no answer within 0.3 s"), "{}", failure.message);
    assert!(meta.count("POST /{phone}/register") <= 1, "sent once");
}

#[tokio::test]
async fn one_deadline_bounds_every_call_of_a_flow() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(1);
    let end = Instant::now() + Duration::from_millis(400);
    let flow = meta.client.within(end).within(end + Duration::from_mins(1));
    meta.emulator.fail(Fault::delay("GET {waba}", 2_000).times(2));
    assert!(flow.on(&customer.waba, &customer.token).waba().await.unwrap_err().is_uncertain());
    assert!(Instant::now() < end + Duration::from_millis(500), "the earlier deadline holds");
    meta.emulator.clear_log();
    let late = flow.on(&customer.waba, &customer.token).numbers().await.unwrap_err();
    assert!(late.is_uncertain() && meta.emulator.log().is_empty(), "{}", late.message);
    meta.emulator.clear_faults();
    meta.on(&customer).waba().await.unwrap();
}

#[tokio::test]
async fn a_cut_connection_is_uncertain_and_never_sent_again() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup::default()).await;
    for fault in [Fault::cut("POST register"), Fault::apply_then_cut("POST register")] {
        meta.emulator.fail(fault);
        let failure = meta.on(&customer).register(&customer.number, &secret("123456")).await.unwrap_err();
        assert!(failure.is_uncertain() && failure.meta.is_none(), "{failure:?}");
    }
    assert_eq!(meta.count("POST /{phone}/register"), 2);
    assert!(meta.emulator.number(customer.number.as_str()).unwrap().registered, "the second one worked");
}

#[tokio::test]
async fn a_proxys_page_is_no_answer_of_metas() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(1);
    for (status, kind) in [
        (502, FailureKind::Transient),
        (404, FailureKind::Transient),
        (302, FailureKind::Transient),
        (429, FailureKind::Throttled),
    ] {
        meta.emulator.fail(Fault::status("GET {waba}", status));
        let failure = meta.on(&customer).waba().await.unwrap_err();
        assert_eq!((failure.kind, failure.meta), (kind, None), "{status}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_meta_said() {
    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup::default()).await;
    meta.emulator.fail(Fault::refusal(
        "POST register",
        FaultError { code: 100, subcode: Some(2_388_001), ..FaultError::default() },
    ));
    let failure = meta.on(&customer).register(&customer.number, &secret("123456")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::NameNotReady);
    assert!(failure.message.starts_with("Your display name could not be processed"));
    assert!(failure.meta.unwrap().fbtrace_id.is_some());
    let details =
        FaultError { code: 133_009, details: Some("Try again in 20 minutes".to_owned()), ..FaultError::default() };
    meta.emulator.fail(Fault::refusal("POST register", details));
    let failure = meta.on(&customer).register(&customer.number, &secret("123456")).await.unwrap_err();
    assert_eq!(failure.wait, Some(SignedDuration::from_mins(20)));
}

/// A gateway before Meta asks for patience in HTTP's own words.
#[tokio::test]
async fn a_gateways_retry_after_is_obeyed() {
    let url = canned(b"HTTP/1.1 429 Slow Down\r\nretry-after: 30\r\ncontent-length: 0\r\n\r\n").await;
    let client = client_of(url);
    let (waba, token) = (WabaId("710".to_owned()), secret("EAAtoken"));
    let account = client.on(&waba, &token);
    for _ in 0..2 {
        let failure = account.waba().await.unwrap_err();
        assert_eq!((failure.kind, failure.wait), (FailureKind::Throttled, Some(SignedDuration::from_secs(30))));
    }
    assert!(account.usage().blocked_until.is_some() && client.app_usage().blocked_until.is_none());
}

/// The client's clock stands at the epoch; the date is in the form of RFC 850.
#[tokio::test]
async fn a_retry_after_date_of_a_gateway_is_obeyed() {
    let answer =
        b"HTTP/1.1 429 Slow Down\r\nretry-after: Thursday, 01-Jan-70 00:02:00 GMT\r\ncontent-length: 0\r\n\r\n";
    let client = client_of(canned(answer).await);
    let (waba, token) = (WabaId("710".to_owned()), secret("EAAtoken"));
    let failure = client.on(&waba, &token).waba().await.unwrap_err();
    assert_eq!((failure.kind, failure.wait), (FailureKind::Throttled, Some(SignedDuration::from_mins(2))));
}

/// What no world would say.
#[tokio::test]
async fn answers_of_no_shape_are_failures() {
    let answers: [&'static [u8]; 9] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"success\":false}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"id\":\"71",
        b"HTTP/1.1 400 Bad Request\r\ncontent-length: 24\r\n\r\n{\"error\":{\"message\":\"x\"}}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{\"da\r\n",
        b"\xff\xfe not HTTP at all",
    ];
    for answer in answers {
        let url = canned(answer).await;
        let client = client_of(url);
        let (waba, token) = (WabaId("710".to_owned()), secret("EAAtoken"));
        let account = client.on(&waba, &token);
        let shown = String::from_utf8_lossy(answer);
        assert!(account.waba().await.unwrap_err().is_uncertain(), "{shown}");
        assert!(account.fleet().await.unwrap_err().is_uncertain(), "{shown}");
        assert!(account.subscribe().await.unwrap_err().is_uncertain(), "{shown}");
        assert!(client.debug_token(&token).await.unwrap_err().is_uncertain(), "{shown}");
        assert!(client.exchange_code(&token).await.unwrap_err().is_uncertain(), "{shown}");
    }
}

#[tokio::test]
async fn an_app_set_up_wrongly_is_told_so() {
    let meta = Meta::start().await;
    let (customer, _) = meta.fleet(1);
    let wrong = client(&meta.emulator, "740000000000001", "another-secret", Duration::from_secs(5));
    let read = wrong.on(&customer.waba, &customer.token).waba().await.unwrap_err();
    assert_eq!(read.kind, FailureKind::AppMisconfigured, "the proof is wrong: {}", read.message);
    let code = wrong.exchange_code(&secret("AQcode")).await.unwrap_err();
    assert_eq!(code.kind, FailureKind::AppMisconfigured, "{}", code.message);
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let with = |url: &str, version: &str, app_id: &str, app_secret: &str| {
        let settings = settings(url.parse().unwrap(), version, app_id, app_secret);
        Client::new(settings).map(|_| ()).map_err(|error| error.to_string())
    };
    let good = ("https://graph.facebook.com", "v25.0", "740", "s");
    assert_eq!(with(good.0, good.1, good.2, good.3), Ok(()));
    assert!(with("mailto:x@y.example", good.1, good.2, good.3).unwrap_err().contains("base URL"));
    assert!(with("https://u:pass@x.example", good.1, good.2, good.3).is_err_and(|e| !e.contains("pass")));
    assert!(with(good.0, "25", good.2, good.3).unwrap_err().contains("v25.0"));
    assert!(with(good.0, good.1, "abc", good.3).unwrap_err().contains("digits"));
    assert!(with(good.0, good.1, good.2, " ").unwrap_err().contains("secret"));
}

fn settings(base_url: url::Url, version: &str, app_id: &str, app_secret: &str) -> Settings {
    Settings {
        base_url,
        version: version.to_owned(),
        app_id: AppId(app_id.to_owned()),
        app_secret: secret(app_secret),
        deadline: Duration::from_secs(3),
        now: Arc::new(|| Timestamp::UNIX_EPOCH),
        observe: Arc::new(|_| ()),
    }
}

fn client_of(base_url: url::Url) -> Client {
    Client::new(settings(base_url, "v25.0", "740", "s")).unwrap()
}
