//! The listener: one task per connection, `TCP_NODELAY`, a deadline for slow senders, a bound on connections and their
//! buffers, and a graceful shutdown. It refuses requests that do not name one host. It exists because `axum::serve` has
//! no deadline for request headers and no bound.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Request, Version, header};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::error::{ApiError, Code};
use super::extract::client_address::Peer;
use super::router::{router, router_without_storing};
use crate::App;

/// Maximum time to receive the head of a request, including idle time between two requests.
const HEADER_DEADLINE: Duration = Duration::from_secs(75);

/// Maximum time that open requests may take after shutdown begins.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The largest head of a request in bytes, and the most bytes that a connection buffers beside a body that is read.
const MAX_BUFFER: usize = 64 * 1024;

/// How often the log says that the limit of connections is reached.
const WARN_INTERVAL: Duration = Duration::from_mins(1);

/// Accepts connections until `app.shutdown` is cancelled, then waits for open requests.
pub async fn serve(app: App, listener: TcpListener) -> anyhow::Result<()> {
    accept(&app, router(app.clone()), listener).await
}

/// The same, except that Meta's posts are verified and not stored: the upper bound that `make bench` compares with.
pub async fn serve_without_storing(app: App, listener: TcpListener) -> anyhow::Result<()> {
    accept(&app, router_without_storing(app.clone()), listener).await
}

async fn accept(app: &App, service: Router, listener: TcpListener) -> anyhow::Result<()> {
    let connections = TaskTracker::new();
    let server = server();
    tracing::info!(address = %listener.local_addr()?, "listening");
    let mut listener = BoundedListener::new(listener, app.config.limits.max_connections);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = app.shutdown.cancelled() => break,
        };
        match accepted {
            Ok((connection, permit)) => {
                let (app, server, service) = (app.clone(), server.clone(), service.clone());
                connections.spawn(async move {
                    serve_connection(&app, server, connection, service).await;
                    drop(permit);
                });
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

/// Accepts a connection only while fewer than `limit` are open.
struct BoundedListener {
    listener: TcpListener,
    limit: usize,
    free: Arc<Semaphore>,
    warned_at: Option<Instant>,
}

impl BoundedListener {
    fn new(listener: TcpListener, limit: usize) -> Self {
        Self { listener, limit, free: Arc::new(Semaphore::new(limit)), warned_at: None }
    }

    /// The next connection. It counts as open until its permit is dropped.
    async fn accept(&mut self) -> io::Result<((TcpStream, SocketAddr), OwnedSemaphorePermit)> {
        if self.free.available_permits() == 0 && self.warned_at.is_none_or(|at| at.elapsed() >= WARN_INTERVAL) {
            self.warned_at = Some(Instant::now());
            let limit = self.limit;
            tracing::warn!(
                limit,
                "every connection is in use, others wait; raise limits.max_connections if they are real"
            );
        }
        let permit = Arc::clone(&self.free).acquire_owned().await.map_err(io::Error::other)?;
        Ok((self.listener.accept().await?, permit))
    }
}

fn server() -> http1::Builder {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_DEADLINE).max_buf_size(MAX_BUFFER);
    server
}

async fn serve_connection(app: &App, server: http1::Builder, (stream, peer): (TcpStream, SocketAddr), service: Router) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was not set");
    }
    let service = service_fn(|request: Request<Incoming>| {
        let (mut request, service) = (request.map(Body::new), service.clone());
        async move {
            if !names_one_host(request.version(), request.headers()) {
                return Ok::<Response, Infallible>(refuse_host(app));
            }
            request.extensions_mut().insert(Peer(peer.ip()));
            service.oneshot(request).await
        }
    });
    let connection = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = app.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

/// Whether the request has the one valid `Host` that HTTP/1.1 requires (RFC 9112 §3.2). Proxies and caches could
/// otherwise understand different hosts. HTTP/1.0 may leave it out.
fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            Authority::try_from(host.as_bytes()).is_ok_and(|authority| !authority.as_str().contains('@'))
        }
        (None, None) => version < Version::HTTP_11,
        _ => false,
    }
}

fn refuse_host(app: &App) -> Response {
    let id = format!("req_{}", app.clock.uuid().simple());
    tracing::debug!(request_id = id, "a request did not name one host");
    ApiError::new(Code::MalformedRequest, "Send one Host header with the host that the request is for.")
        .as_json(Some(&id))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn a_connection_beyond_the_limit_waits_until_another_one_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut listener = BoundedListener::new(listener, 2);
        let clients = [(); 3].map(|()| TcpStream::connect(address));
        let clients = futures::future::try_join_all(clients).await.unwrap();
        let (first, second) = (listener.accept().await.unwrap(), listener.accept().await.unwrap());
        assert!(futures::poll!(Box::pin(listener.accept())).is_pending());
        drop(first);
        let (third, _) = listener.accept().await.unwrap();
        assert_eq!(third.1, clients[2].local_addr().unwrap());
        drop(second);
    }

    #[test]
    fn a_request_names_one_host() {
        let check = |version: Version, hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            names_one_host(version, &headers)
        };
        for host in ["numbers.example.com", "127.0.0.1:8080", "[::1]:8080", "x"] {
            assert!(check(Version::HTTP_11, &[host]), "{host}");
        }
        for hosts in [&[][..], &["a", "b"], &["a", "a"], &[""], &["a b"], &["a/b"], &["me@a"]] {
            assert!(!check(Version::HTTP_11, hosts), "{hosts:?}");
        }
        assert!(check(Version::HTTP_10, &[]) && !check(Version::HTTP_10, &["a", "b"]));
    }
}
