//! Customers' addresses as an attacker would write them: no listener inside the operator's network receives a byte.
//! Every listener is also reached once with its network allowed, so that its silence proves something.

use std::sync::Arc;

use outbound::{Guard, Refused, Rules, SendError};
use reqwest::{Method, Request};

use crate::forms;
use crate::names::{self, FakeLookup, PUBLIC};
use crate::trap::Trap;

/// The networks to allow so that every spelling in [`crate::forms::REACH_LOOPBACK`] arrives.
const LOOPBACK: [&str; 5] = ["127.0.0.0/8", "::1/128", "::ffff:0:0/96", "0.0.0.0/8", "::/128"];

/// A network without any listener of this test: plain http is on, so that it is not the reason of a refusal.
const ELSEWHERE: [&str; 1] = ["10.255.255.0/30"];

fn rules(allowed: &[&str]) -> Rules {
    let allowed: Vec<String> = allowed.iter().map(|&net| net.to_owned()).collect();
    Rules::parse(&allowed, true).unwrap()
}

/// Sends a POST with a body to the address.
async fn call(guard: &Guard, text: &str) -> Result<u16, SendError> {
    let url = guard.parse(text)?;
    let mut request = Request::new(Method::POST, url);
    *request.body_mut() = Some("a message of a customer".into());
    guard.send(request).await.map(|response| response.status().as_u16())
}

#[track_caller]
fn refusal(text: &str, outcome: Result<u16, SendError>) -> Refused {
    match outcome {
        Err(SendError::Refused(refused)) => refused,
        other => panic!("{text:?} was not refused: {other:?}"),
    }
}

/// The spelling with the port of this trap, over http and, where the scheme is lower case, over https.
fn spelled(form: &str, trap: &Trap) -> Vec<String> {
    let plain = form.replace("PORT", &trap.port().to_string());
    let secure = plain.strip_prefix("http:").map(|rest| format!("https:{rest}"));
    std::iter::once(plain).chain(secure).collect()
}

#[test]
fn there_are_more_than_a_hundred_forms() {
    let lists = [forms::REACH_LOOPBACK, forms::NOT_PUBLIC, forms::NO_ADDRESS].map(<[_]>::len);
    let count = lists.iter().sum::<usize>() + names::PRIVATE.len();
    assert!(count >= 100, "{count} forms");
    let mut all: Vec<&str> = [forms::REACH_LOOPBACK, forms::NOT_PUBLIC, forms::NO_ADDRESS].concat();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), lists.iter().sum::<usize>(), "one form is written twice");
}

#[tokio::test]
async fn no_spelling_of_loopback_is_reached() {
    let trap = Trap::on(&["127.0.0.1", "::1"]).await;
    let (open, shut) = (Guard::new(rules(&LOOPBACK)), Guard::new(rules(&ELSEWHERE)));
    let spellings = || forms::REACH_LOOPBACK.iter().flat_map(|form| spelled(form, &trap));
    let mut unreached = Vec::new();
    for text in spellings() {
        let before = trap.received();
        // over TLS the trap answers nonsense; the test counts that it received bytes
        let outcome = call(&open, &text).await;
        if !trap.received_since(before).await {
            unreached.push(format!("{text:?}: {outcome:?}"));
        }
    }
    assert!(unreached.is_empty(), "these spellings do not reach the trap:\n{}", unreached.join("\n"));
    let before = trap.at_rest().await;
    for text in spellings() {
        let refused = refusal(&text, call(&shut, &text).await);
        assert!(matches!(refused, Refused::Address { .. }), "{text:?}: {refused}");
    }
    trap.stays_silent(before).await;
}

#[tokio::test]
async fn nothing_that_is_not_public_is_called() {
    let trap = Trap::on(&["127.0.0.1", "127.1.2.3", "::1"]).await;
    let shut = Guard::new(rules(&ELSEWHERE));
    for text in forms::NOT_PUBLIC.iter().flat_map(|form| spelled(form, &trap)) {
        let refused = refusal(&text, call(&shut, &text).await);
        let Refused::Address { ip, range, .. } = &refused else { panic!("{text:?}: {refused}") };
        let sentence = refused.to_string();
        assert!(sentence.contains(&ip.to_string()) && sentence.contains(range.description), "{sentence}");
        assert!(sentence.contains("delivery.allow_subnets"), "{sentence}");
    }
    for text in forms::NO_ADDRESS.iter().map(|form| form.replace("PORT", &trap.port().to_string())) {
        let refused = refusal(&text, call(&shut, &text).await);
        assert!(!matches!(refused, Refused::Address { .. } | Refused::Plain { .. }), "{text:?}: {refused}");
        // nor is it called when every loopback network is allowed
        refusal(&text, call(&Guard::new(rules(&LOOPBACK)), &text).await);
    }
    trap.stays_silent((0, 0)).await;
    let open = Guard::new(rules(&LOOPBACK));
    assert_eq!(call(&open, &format!("http://127.1.2.3:{}/", trap.port())).await.unwrap(), 200);
    assert!(trap.received_since((0, 0)).await);
}

#[tokio::test]
async fn no_name_that_resolves_to_a_private_address_is_called() {
    let trap = Trap::on(&["127.0.0.1", "::1"]).await;
    for (name, addresses) in names::PRIVATE {
        let lookup = Arc::new(FakeLookup::of(name, &[addresses]));
        let shut = Guard::with_lookup(rules(&ELSEWHERE), lookup.clone());
        for text in spelled(&format!("http://{name}:PORT/hook"), &trap) {
            let refused = refusal(&text, call(&shut, &text).await);
            let is_named = matches!(refused, Refused::Address { .. } | Refused::Plain { .. });
            assert!(is_named && refused.to_string().starts_with(name), "{text:?}: {refused}");
            // the check made when an endpoint is saved refuses it too
            shut.check_resolved(&shut.parse(&text).unwrap()).await.unwrap_err();
        }
        assert_eq!(lookup.count(), 4, "{name} was not resolved each time");
    }
    trap.stays_silent((0, 0)).await;
    for (name, addresses) in names::REACHED {
        let open = Guard::with_lookup(rules(&LOOPBACK), Arc::new(FakeLookup::of(name, &[addresses])));
        let before = trap.received();
        assert_eq!(call(&open, &format!("http://{name}:{}/", trap.port())).await.unwrap(), 200);
        assert!(trap.received_since(before).await, "{name}");
    }
}

/// The bare client, used without [`Guard::send`], still checks resolved names.
#[tokio::test]
async fn the_bare_client_checks_names_and_sends_nothing_over_plain_http() {
    let trap = Trap::on(&["127.0.0.1"]).await;
    let lookup = |addresses: &'static [&'static str]| Arc::new(FakeLookup::of("hooks.example.com", &[addresses]));
    let shut = Guard::with_lookup(rules(&ELSEWHERE), lookup(&["127.0.0.1"]));
    let url = format!("https://hooks.example.com:{}/", trap.port());
    let error = SendError::from(shut.client().unwrap().get(&url).send().await.unwrap_err());
    assert!(matches!(error, SendError::Refused(Refused::Address { .. })), "{error:?}");
    shut.client().unwrap().get(format!("http://127.0.0.1:{}/", trap.port())).send().await.unwrap_err();
    trap.stays_silent((0, 0)).await;
    let open = Guard::with_lookup(rules(&LOOPBACK), lookup(&["127.0.0.1"]));
    open.client().unwrap().get(&url).send().await.unwrap_err();
    assert!(trap.received_since((0, 0)).await);
}

#[tokio::test]
async fn a_name_that_changes_between_check_and_connect_is_refused() {
    let trap = Trap::on(&["127.0.0.1"]).await;
    let changing = || Arc::new(FakeLookup::of("changing.example.com", &[&[PUBLIC], &["127.0.0.1"]]));
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://changing.example.com:{}/", trap.port());
        let mut allowed = ELSEWHERE.to_vec();
        // so that plain http passes the check as well
        allowed.push(PUBLIC);
        let shut = Guard::with_lookup(rules(&allowed), changing());
        shut.check_resolved(&shut.parse(&url).unwrap()).await.unwrap();
        let refused = refusal(&url, call(&shut, &url).await);
        assert!(is_refused(&refused, "127.0.0.1"), "{refused:?}");
    }
    trap.stays_silent((0, 0)).await;
    let url = format!("http://changing.example.com:{}/", trap.port());
    allowed_reaches(&trap, Guard::with_lookup(rules(&[&LOOPBACK[..], &[PUBLIC]].concat()), changing()), &url).await;
}

/// Whether the name was refused because of this address, and the sentence hides the address.
fn is_refused(refused: &Refused, address: &str) -> bool {
    let is_it = matches!(refused, Refused::Address { ip, .. } if ip.to_string() == address);
    is_it
        && refused.to_string().starts_with("changing.example.com resolves to")
        && !refused.to_string().contains(address)
}

async fn allowed_reaches(trap: &Trap, open: Guard, url: &str) {
    open.check_resolved(&open.parse(url).unwrap()).await.unwrap();
    assert_eq!(call(&open, url).await.unwrap(), 200);
    assert!(trap.received_since((0, 0)).await);
}

#[tokio::test]
async fn a_name_that_changes_between_two_requests_is_refused_the_second_time() {
    let good = Trap::on(&["127.0.0.1"]).await;
    let inside = Trap::at("127.0.0.2", good.port()).await;
    let url = format!("http://changing.example.com:{}/", good.port());
    let changing = || Arc::new(FakeLookup::of("changing.example.com", &[&["127.0.0.1"], &["127.0.0.2"]]));
    let guard = Guard::with_lookup(rules(&["127.0.0.1"]), changing());
    assert_eq!(call(&guard, &url).await.unwrap(), 200);
    assert!(good.received_since((0, 0)).await);
    let refused = refusal(&url, call(&guard, &url).await);
    assert!(is_refused(&refused, "127.0.0.2"), "{refused:?}");
    inside.stays_silent((0, 0)).await;
    let open = Guard::with_lookup(rules(&LOOPBACK), changing());
    call(&open, &url).await.unwrap();
    assert_eq!(call(&open, &url).await.unwrap(), 200);
    assert!(inside.received_since((0, 0)).await);
}

#[tokio::test]
async fn a_redirect_is_returned_and_not_followed() {
    let inside = Trap::on(&["127.0.0.2"]).await;
    let target = format!("http://127.0.0.2:{}/latest/meta-data", inside.port());
    let guard = Guard::new(rules(&["127.0.0.1"]));
    for status in [301, 302, 303, 307, 308] {
        for head in [format!("location: {target}"), format!("location: //127.0.0.2:{}/", inside.port())] {
            let server = Trap::answering("127.0.0.1", status, &format!("{head}\r\nrefresh: 0; url={target}")).await;
            let url = format!("http://127.0.0.1:{}/hook", server.port());
            assert_eq!(call(&guard, &url).await.unwrap(), status);
            assert!(server.received_since((0, 0)).await);
        }
    }
    inside.stays_silent((0, 0)).await;
    // not even to an allowed network: the redirect's target was not configured by anybody
    let server = Trap::answering("127.0.0.1", 307, &format!("location: {target}")).await;
    let open = Guard::new(rules(&LOOPBACK));
    assert_eq!(call(&open, &format!("http://127.0.0.1:{}/", server.port())).await.unwrap(), 307);
    inside.stays_silent((0, 0)).await;
    assert_eq!(call(&open, &target).await.unwrap(), 200);
    assert!(inside.received_since((0, 0)).await);
}
