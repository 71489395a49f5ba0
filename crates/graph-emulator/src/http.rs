//! The HTTP listener: Graph on every path, the control API under `/_emulator`. Must not hold rules.

mod control;
mod graph;
mod page;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::runtime::Runtime;

/// Marks a response that is not sent: the connection closes instead.
#[derive(Debug, Clone, Copy)]
struct Cut;

#[derive(Debug, thiserror::Error)]
#[error("the connection is cut on purpose")]
struct CutOnPurpose;

pub(crate) async fn listen(listener: TcpListener, shared: Arc<Runtime>, stop: CancellationToken) {
    let router = Router::new()
        .nest("/_emulator", control::router())
        .route("/_emulator/", axum::routing::get(page::show))
        .fallback(graph::answer)
        .with_state(shared);
    loop {
        let accepted = stop.run_until_cancelled(listener.accept()).await;
        match accepted {
            None => return,
            Some(Ok((stream, _))) => {
                let (router, stop) = (router.clone(), stop.clone());
                tokio::spawn(async move { stop.run_until_cancelled(serve(stream, router)).await });
            }
            Some(Err(error)) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let _nodelay = stream.set_nodelay(true);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let router = router.clone();
        async move {
            let answer: Result<Response, Infallible> = router.oneshot(request.map(Body::new)).await;
            match answer {
                Ok(response) if response.extensions().get::<Cut>().is_some() => Err(CutOnPurpose),
                Ok(response) => Ok(response),
                Err(never) => match never {},
            }
        }
    });
    // HTTP/1 only: a cut call must not end other calls on the same connection.
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "connection ended");
    }
}
