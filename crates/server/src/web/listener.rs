//! The listener: one task per connection, `TCP_NODELAY`, a deadline for slow senders, and a graceful shutdown. It exists
//! because `axum::serve` has no deadline for request headers.

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

/// Maximum time to receive the head of a request, including idle time between two requests.
const HEADER_DEADLINE: Duration = Duration::from_secs(75);

/// Maximum time that open requests may take after shutdown begins.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// Accepts connections until `app.shutdown` is cancelled, then waits for open requests.
pub async fn serve(app: App, listener: TcpListener) -> anyhow::Result<()> {
    let shutdown = app.shutdown.clone();
    accept(router(app), listener, shutdown).await
}

/// The same, except that Meta's posts are verified and not stored: the upper bound that `make bench` compares with.
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
                connections.spawn(serve_connection(server.clone(), stream, service.clone(), shutdown.clone()));
            }
            Err(error) => {
                // no file descriptor left, or the client disconnected: the server continues
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "open connections were closed at shutdown");
    }
    Ok(())
}

fn server() -> http1::Builder {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE);
    server
}

async fn serve_connection(server: http1::Builder, stream: TcpStream, service: Router, shutdown: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
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
        tracing::debug!(%error, "a connection failed");
    }
}
