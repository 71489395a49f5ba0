//! The network between the service and PostgreSQL: it goes silent, and comes back.

use std::net::SocketAddr;
use std::path::PathBuf;

use futures::future::join_all;
use server::store::Engine;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixStream};
use tokio::sync::watch;

use super::service::Place;
use crate::support::stores::Database;

/// A proxy in front of the server's socket. While it is silent it accepts connections and forwards nothing.
struct Proxy {
    address: SocketAddr,
    is_silent: watch::Sender<bool>,
}

impl Proxy {
    async fn before(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let is_silent = watch::Sender::new(false);
        let silence = is_silent.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (socket, silence) = (socket.clone(), silence.clone());
                tokio::spawn(async move {
                    let server = UnixStream::connect(socket).await.unwrap();
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    let there = forward(from_client, to_server, silence.clone());
                    let back = forward(from_server, to_client, silence);
                    tokio::join!(there, back);
                });
            }
        });
        Self { address, is_silent }
    }
}

/// Forwards until either side ends. What was held back in silence is lost with its connection, as in a network.
async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut silence: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if *silence.borrow_and_update() {
            // this connection never works again
            std::future::pending::<()>().await;
        }
        if read == 0 || to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// The socket of the throw-away server and the name of a fresh database in it.
async fn database() -> (Database, PathBuf, String) {
    let database = Database::empty(Engine::Postgres).await;
    let rest = database.url.strip_prefix("postgres://postgres@").unwrap().replace("%2F", "/");
    let (folder, name) = rest.rsplit_once('/').unwrap();
    let (socket, name) = (PathBuf::from(folder).join(".s.PGSQL.5432"), name.to_owned());
    (database, socket, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_database_costs_posts_a_few_seconds_and_ends_by_itself() {
    let (_database, socket, name) = database().await;
    let proxy = Proxy::before(socket).await;
    let place = Place::at(format!("postgres://postgres@{}/{name}", proxy.address)).await;
    let service = place.serve().await;
    assert_eq!(service.post("before").await, 200);

    proxy.is_silent.send_replace(true);
    let names: Vec<String> = (0..20).map(|n| format!("in silence {n}")).collect();
    let posts = join_all(names.iter().map(|name| service.post(name)));
    let not_ready = service.until("readiness says so", async || service.ready().await.0 == 503);
    let (statuses, ()) = futures::join!(posts, not_ready);
    assert_eq!(statuses, [503; 20]);
    // a pool that times out is a second cause
    let causes = service.logged("the database is not available");
    assert!((1..=2).contains(&causes), "{}", service.log().join("\n"));

    proxy.is_silent.send_replace(false);
    service.until("it is ready again", async || service.ready().await.0 == 200).await;
    service.until("posts are stored again", async || service.post("afterwards").await == 200).await;
    service.until("the jobs run", async || place.waiting().await == 0).await;
    service.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_reached_is_named_at_once() {
    let (_database, socket, name) = database().await;
    let proxy = Proxy::before(socket).await;
    let mut place = Place::at(format!("postgres://postgres@{}/{name}", proxy.address)).await;
    for is_silent in [true, false] {
        if is_silent {
            proxy.is_silent.send_replace(true);
        } else {
            let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
            place.url = format!("postgres://postgres@{unused}/{name}");
        }
        let (status, text) = place.run(&["serve"]).await;
        assert_eq!(status, Some(1), "{text}");
        let address = place.url.split(['@', '/']).nth(3).unwrap();
        assert!(text.contains(&format!("PostgreSQL at {address} cannot be reached")), "{text}");
    }
}
