//! No secret in any log line, any failure, or any address Meta is asked at.

use std::io;
use std::sync::{Arc, Mutex};

use graph_emulator::{Fault, FaultError, Popup};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::{Meta, callback, every_event_is_wanted, secret, shown};

/// Everything any library says, down to the last trace.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Meta quoting the token back, as it does for a malformed one.
fn quoting(route: &str, token: &str) -> Fault {
    let message = format!("Malformed access token {token}");
    let error =
        FaultError { code: 190, message: Some(message), user_msg: Some(token.to_owned()), ..FaultError::default() };
    Fault::refusal(route, error)
}

#[tokio::test]
async fn no_secret_is_logged_or_stands_in_an_address() {
    every_event_is_wanted();
    let lines = Lines::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(lines.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let meta = Meta::start().await;
    let customer = meta.sign_up(Popup::default()).await;
    let (token, pin, verify) = (shown(&customer.token), secret("908172"), secret("verify-me-please"));
    let (account, url) = (meta.on(&customer), callback().await);
    account.fleet().await.unwrap();
    account.register(&customer.number, &pin).await.unwrap();
    account.subscribe().await.unwrap();
    account.subscribe_with_override(&url, &verify).await.unwrap();
    meta.client.subscribe_app(&url, &verify, &["messages".to_owned()]).await.unwrap();
    meta.client.debug_token(&customer.token).await.unwrap();
    meta.emulator.fail(quoting("GET {phone}", &token));
    let refused = account.number(&customer.number).await.unwrap_err();
    meta.emulator.fail(Fault::cut("GET debug_token"));
    let cut = meta.client.debug_token(&customer.token).await.unwrap_err();
    drop(guard);

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("POST") && log.contains("/{phone}/register"), "calls are logged: {log}");
    for (name, said) in [
        ("token", token.as_str()),
        ("pin", "908172"),
        ("verify token", "verify-me-please"),
        ("app secret", "emulated-app-secret"),
    ] {
        assert!(!log.contains(said), "the {name} is in the log");
        assert!(!format!("{refused:?} {cut:?}").contains(said), "the {name} is in a failure");
    }
    assert!(!log.contains("appsecret_proof"), "no query is in the log");
    for call in meta.emulator.log() {
        let holds = ["access_token", "client_secret", "code", "pin", "verify_token"];
        assert!(holds.iter().all(|name| !call.query.contains_key(*name)), "{}", call.route);
        assert!(!call.path.contains(&token));
        assert_eq!(call.query.contains_key("input_token"), call.route == "GET /debug_token", "{}", call.route);
    }
}
