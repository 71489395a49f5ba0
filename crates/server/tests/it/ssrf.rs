//! Customers' addresses as an attacker would write them: nothing inside the operator's network hears a
//! byte of them. Every listener is first reached with its network allowed, so that its silence counts.

use std::sync::Arc;

use reqwest::{Method, Request};
use server::outbound::{Guard, Refused, Rules, SendError};

mod forms;
mod names;
mod trap;

use names::{Book, PUBLIC};
use trap::Trap;

/// What has to be allowed for every spelling in [`forms::REACH_LOOPBACK`] to arrive.
const LOOPBACK: [&str; 5] = ["127.0.0.0/8", "::1/128", "::ffff:0:0/96", "0.0.0.0/8", "::/128"];

/// A network nobody in here is in: plain http is on, and not what refuses.
const ELSEWHERE: [&str; 1] = ["10.255.255.0/30"];

fn rules(allowed: &[&str]) -> Rules {
    let allowed: Vec<String> = allowed.iter().map(|&net| net.to_owned()).collect();
    Rules::read(&allowed, true).unwrap()
}

/// Sends a POST with a body to whatever is written there.
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

/// A spelling for this trap, over http and, where it is spelled plainly, over https.
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
async fn no_spelling_of_this_machine_is_reached() {
    let trap = Trap::on(&["127.0.0.1", "::1"]).await;
    let (open, shut) = (Guard::new(rules(&LOOPBACK)), Guard::new(rules(&ELSEWHERE)));
    let spellings = || forms::REACH_LOOPBACK.iter().flat_map(|form| spelled(form, &trap));
    let mut astray = Vec::new();
    for text in spellings() {
        let before = trap.heard();
        // over TLS the trap answers nonsense: what counts is that it was spoken to
        let outcome = call(&open, &text).await;
        if !trap.heard_since(before).await {
            astray.push(format!("{text:?}: {outcome:?}"));
        }
    }
    assert!(astray.is_empty(), "these do not lead to the trap:\n{}", astray.join("\n"));
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
        let Refused::Address { ip, why, .. } = &refused else { panic!("{text:?}: {refused}") };
        let sentence = refused.to_string();
        assert!(sentence.contains(&ip.to_string()) && sentence.contains(why.what), "{sentence}");
        assert!(sentence.contains("delivery.allow_subnets"), "{sentence}");
    }
    for text in forms::NO_ADDRESS.iter().map(|form| form.replace("PORT", &trap.port().to_string())) {
        let refused = refusal(&text, call(&shut, &text).await);
        assert!(!matches!(refused, Refused::Address { .. } | Refused::Plain { .. }), "{text:?}: {refused}");
        // nor is it called where all of this machine is allowed
        refusal(&text, call(&Guard::new(rules(&LOOPBACK)), &text).await);
    }
    trap.stays_silent((0, 0)).await;
    let open = Guard::new(rules(&LOOPBACK));
    assert_eq!(call(&open, &format!("http://127.1.2.3:{}/", trap.port())).await.unwrap(), 200);
    assert!(trap.heard_since((0, 0)).await);
}

#[tokio::test]
async fn no_name_leads_inside() {
    let trap = Trap::on(&["127.0.0.1", "::1"]).await;
    for (name, stands_for) in names::PRIVATE {
        let book = Arc::new(Book::of(name, &[stands_for]));
        let shut = Guard::with_lookup(rules(&ELSEWHERE), book.clone());
        for text in spelled(&format!("http://{name}:PORT/hook"), &trap) {
            let refused = refusal(&text, call(&shut, &text).await);
            let is_named = matches!(refused, Refused::Address { .. } | Refused::Plain { .. });
            assert!(is_named && refused.to_string().starts_with(name), "{text:?}: {refused}");
            // the same for whoever writes it down
            shut.check_names(&shut.parse(&text).unwrap()).await.unwrap_err();
        }
        assert_eq!(book.asked(), 4, "{name} was not looked up each time");
    }
    trap.stays_silent((0, 0)).await;
    for (name, stands_for) in names::REACHED {
        let open = Guard::with_lookup(rules(&LOOPBACK), Arc::new(Book::of(name, &[stands_for])));
        let before = trap.heard();
        assert_eq!(call(&open, &format!("http://{name}:{}/", trap.port())).await.unwrap(), 200);
        assert!(trap.heard_since(before).await, "{name}");
    }
}

/// The bare client, used past [`Guard::send`], still judges names.
#[tokio::test]
async fn the_client_alone_judges_names_and_sends_nothing_in_the_clear() {
    let trap = Trap::on(&["127.0.0.1"]).await;
    let book = |stands_for: &'static [&'static str]| Arc::new(Book::of("hooks.example.com", &[stands_for]));
    let shut = Guard::with_lookup(rules(&ELSEWHERE), book(&["127.0.0.1"]));
    let url = format!("https://hooks.example.com:{}/", trap.port());
    let error = SendError::from(shut.client().unwrap().get(&url).send().await.unwrap_err());
    assert!(matches!(error, SendError::Refused(Refused::Address { .. })), "{error:?}");
    shut.client().unwrap().get(format!("http://127.0.0.1:{}/", trap.port())).send().await.unwrap_err();
    trap.stays_silent((0, 0)).await;
    let open = Guard::with_lookup(rules(&LOOPBACK), book(&["127.0.0.1"]));
    open.client().unwrap().get(&url).send().await.unwrap_err();
    assert!(trap.heard_since((0, 0)).await);
}

#[tokio::test]
async fn a_name_that_turns_between_check_and_connect_is_refused() {
    let trap = Trap::on(&["127.0.0.1"]).await;
    let turning = || Arc::new(Book::of("turning.example.com", &[&[PUBLIC], &["127.0.0.1"]]));
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://turning.example.com:{}/", trap.port());
        let mut allowed = ELSEWHERE.to_vec();
        // so that plain http passes the check as well
        allowed.push(PUBLIC);
        let shut = Guard::with_lookup(rules(&allowed), turning());
        shut.check_names(&shut.parse(&url).unwrap()).await.unwrap();
        let refused = refusal(&url, call(&shut, &url).await);
        assert!(is_refused(&refused, "127.0.0.1"), "{refused:?}");
    }
    trap.stays_silent((0, 0)).await;
    let url = format!("http://turning.example.com:{}/", trap.port());
    allowed_reaches(&trap, Guard::with_lookup(rules(&[&LOOPBACK[..], &[PUBLIC]].concat()), turning()), &url).await;
}

/// For standing for this address, which it does not tell.
fn is_refused(refused: &Refused, address: &str) -> bool {
    let is_it = matches!(refused, Refused::Address { ip, .. } if ip.to_string() == address);
    is_it && refused.to_string().starts_with("turning.example.com stands for") && !refused.to_string().contains(address)
}

async fn allowed_reaches(trap: &Trap, open: Guard, url: &str) {
    open.check_names(&open.parse(url).unwrap()).await.unwrap();
    assert_eq!(call(&open, url).await.unwrap(), 200);
    assert!(trap.heard_since((0, 0)).await);
}

#[tokio::test]
async fn a_name_that_turns_between_two_requests_is_refused_the_second_time() {
    let good = Trap::on(&["127.0.0.1"]).await;
    let inside = Trap::at("127.0.0.2", good.port()).await;
    let url = format!("http://turning.example.com:{}/", good.port());
    let turning = || Arc::new(Book::of("turning.example.com", &[&["127.0.0.1"], &["127.0.0.2"]]));
    let guard = Guard::with_lookup(rules(&["127.0.0.1"]), turning());
    assert_eq!(call(&guard, &url).await.unwrap(), 200);
    assert!(good.heard_since((0, 0)).await);
    let refused = refusal(&url, call(&guard, &url).await);
    assert!(is_refused(&refused, "127.0.0.2"), "{refused:?}");
    inside.stays_silent((0, 0)).await;
    let open = Guard::with_lookup(rules(&LOOPBACK), turning());
    call(&open, &url).await.unwrap();
    assert_eq!(call(&open, &url).await.unwrap(), 200);
    assert!(inside.heard_since((0, 0)).await);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let inside = Trap::on(&["127.0.0.2"]).await;
    let target = format!("http://127.0.0.2:{}/latest/meta-data", inside.port());
    let guard = Guard::new(rules(&["127.0.0.1"]));
    for status in [301, 302, 303, 307, 308] {
        for head in [format!("location: {target}"), format!("location: //127.0.0.2:{}/", inside.port())] {
            let server = Trap::answering("127.0.0.1", status, &format!("{head}\r\nrefresh: 0; url={target}")).await;
            let url = format!("http://127.0.0.1:{}/hook", server.port());
            assert_eq!(call(&guard, &url).await.unwrap(), status);
            assert!(server.heard_since((0, 0)).await);
        }
    }
    inside.stays_silent((0, 0)).await;
    // allowed or not: what an address answers is not an address somebody wrote down
    let server = Trap::answering("127.0.0.1", 307, &format!("location: {target}")).await;
    let open = Guard::new(rules(&LOOPBACK));
    assert_eq!(call(&open, &format!("http://127.0.0.1:{}/", server.port())).await.unwrap(), 307);
    inside.stays_silent((0, 0)).await;
    assert_eq!(call(&open, &target).await.unwrap(), 200);
    assert!(inside.heard_since((0, 0)).await);
}
