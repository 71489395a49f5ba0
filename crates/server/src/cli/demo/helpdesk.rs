//! The demo's customers and its helpdesk. Customers send messages to the live number, and its events are forwarded
//! to a receiver inside the demo. The receiver refuses every fifth request, so that retries can be seen. It does
//! not read the requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use domain::channel::Channel;
use domain::delivery::Format;
use graph_emulator::Emulator;
use server::App;
use server::flows::forwarding::endpoints::{self, CreateEndpoint, EndpointPatch};
use tokio::net::TcpListener;

use super::environment::Environment;

/// Time between two messages.
const MESSAGE_INTERVAL: Duration = Duration::from_secs(6);

/// The helpdesk refuses one of this many requests.
const REFUSAL_INTERVAL: usize = 5;

/// Sender and text of the messages, sent in turn.
const MESSAGES: [(&str, &str); 4] = [
    ("15550170001", "Are you open on Sunday?"),
    ("15550170002", "Two loaves of rye for tomorrow, please."),
    ("15550170003", "Do you deliver to Mill Lane?"),
    ("15550170001", "And until when?"),
];

/// Starts the helpdesk, creates an endpoint for it, and starts sending messages of customers to a number.
pub(super) async fn open(environment: &Environment, number: &Channel) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/whatsapp", listener.local_addr()?);
    let posts = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let count = posts.fetch_add(1, Ordering::Relaxed) + 1;
        let is_refused = count.is_multiple_of(REFUSAL_INTERVAL);
        async move { if is_refused { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
    };
    let stop = environment.app.shutdown.clone();
    let served = axum::serve(listener, Router::new().fallback(answer));
    tokio::spawn(async move { served.with_graceful_shutdown(stop.cancelled_owned()).await });
    let patch = EndpointPatch { name: Some("Helpdesk".to_owned()), url: Some(url.into()), ..EndpointPatch::default() };
    let wanted = CreateEndpoint {
        account: environment.account,
        inbox: Some(number.id),
        format: Format::Standard,
        secret: None,
        settings: patch,
    };
    endpoints::create(&environment.app, wanted).await?;
    tokio::spawn(customers(environment.app.clone(), environment.meta.clone(), number.clone()));
    Ok(())
}

async fn customers(app: App, meta: Emulator, number: Channel) {
    for (from, text) in MESSAGES.iter().cycle() {
        tokio::select! {
            () = tokio::time::sleep(MESSAGE_INTERVAL) => {}
            () = app.shutdown.cancelled() => return,
        }
        if let Err(error) = meta.receive_text(number.phone_number_id.as_str(), from, text).await {
            tracing::warn!(%error, "a message of a customer could not be sent");
        }
    }
}
