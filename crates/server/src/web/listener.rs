//! The listener: one task per connection, no delay on small answers, a deadline on slow senders, and
//! an orderly end. Written out because `axum::serve` sets no deadline on headers.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::router::{router, router_without_storing};
use crate::App;

/// How long a client may take to send the head of a request, or stay idle between two.
const HEADER_DEADLINE: Duration = Duration::from_secs(75);

/// How long requests under way may take to end once the process is asked to.
const DRAIN: Duration = Duration::from_secs(20);

/// Accepts until `app.shutdown` is cancelled, then waits for what is under way.
pub async fn serve(app: App, listener: TcpListener) -> anyhow::Result<()> {
    let shutdown = app.shutdown.clone();
    accept(router(app), listener, shutdown).await
}

/// The same, but Meta's posts are verified and not kept: what `make bench` compares the product with.
pub async fn serve_without_storing(app: App, listener: TcpListener) -> anyhow::Result<()> {
    let shutdown = app.shutdown.clone();
    accept(router_without_storing(app), listener, shutdown).await
}

async fn accept(service: Router, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let connections = TaskTracker::new();
    let server = server();
    tracing::info!(address = %listener.local_addr()?, "listening");
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(attend(server.clone(), stream, service.clone(), shutdown.clone()));
            }
            Err(error) => {
                // out of file descriptors, or the client was gone: neither ends the server
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "some connections did not end in time");
    }
    Ok(())
}

fn server() -> http1::Builder {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE);
    server
}

async fn attend(server: http1::Builder, stream: TcpStream, service: Router, shutdown: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small answers may be delayed");
    }
    let service = service.map_request(|request: Request<Incoming>| request.map(Body::new));
    let service = TowerToHyperService::new(service);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
