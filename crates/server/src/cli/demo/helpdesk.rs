//! The demo's customers and its helpdesk: a few people write to the live number now and then, and what
//! Meta posts about it is forwarded to a receiver of the demo's own, which refuses a post here and there so
//! that one sees it come again. Reads nothing of what it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use domain::channel::Channel;
use domain::delivery::Format;
use graph_emulator::Emulator;
use server::App;
use server::flows::endpoints::{self, Wanted, Wish};
use tokio::net::TcpListener;

use super::stage::Stage;

/// How often a customer writes.
const EVERY: Duration = Duration::from_secs(6);

/// One post out of so many is refused.
const REFUSES: usize = 5;

/// Who writes what, by turns.
const SAID: [(&str, &str); 4] = [
    ("15550170001", "Are you open on Sunday?"),
    ("15550170002", "Two loaves of rye for tomorrow, please."),
    ("15550170003", "Do you deliver to Mill Lane?"),
    ("15550170001", "And until when?"),
];

/// Opens the helpdesk, makes an endpoint for it, and lets customers write to a number.
pub(super) async fn open(stage: &Stage, number: &Channel) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let url = format!("http://{}/whatsapp", listener.local_addr()?);
    let posts = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let count = posts.fetch_add(1, Ordering::Relaxed) + 1;
        let is_refused = count.is_multiple_of(REFUSES);
        async move { if is_refused { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK } }
    };
    let stop = stage.app.shutdown.clone();
    let served = axum::serve(listener, Router::new().fallback(answer));
    tokio::spawn(async move { served.with_graceful_shutdown(stop.cancelled_owned()).await });
    let wish = Wish { name: Some("Helpdesk".to_owned()), url: Some(url.into()), ..Wish::default() };
    let wanted =
        Wanted { account: stage.account, inbox: Some(number.id), format: Format::Standard, secret: None, wish };
    endpoints::create(&stage.app, wanted).await?;
    tokio::spawn(customers(stage.app.clone(), stage.meta.clone(), number.clone()));
    Ok(())
}

async fn customers(app: App, meta: Emulator, number: Channel) {
    for (from, text) in SAID.iter().cycle() {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = app.shutdown.cancelled() => return,
        }
        if let Err(error) = meta.receive_text(number.phone_number_id.as_str(), from, text).await {
            tracing::warn!(%error, "a customer could not write");
        }
    }
}
