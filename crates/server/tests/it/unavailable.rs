//! The database server is down: whoever asks the API is told soon, and is served again once it is back.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use server::flows::database;
use server::seal::Keyring;
use server::store::{Engine, Store};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::task::JoinSet;

use crate::app::TestApp;

/// Passes connections on to the socket of a PostgreSQL server, until it is dropped.
struct Relay {
    port: u16,
    _connections: JoinSet<()>,
}

impl Relay {
    /// A relay to the server of a database's address; on a free port when `port` is 0.
    async fn start(url: &str, port: u16) -> Self {
        let host = url.split(['@', '/']).nth(3).unwrap();
        let socket = format!("{}/.s.PGSQL.5432", host.replace("%2F", "/"));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass_on(client, socket.clone()));
            }
        });
        Self { port, _connections: accepting }
    }
}

async fn pass_on(mut client: TcpStream, socket: String) {
    let mut server = UnixStream::connect(socket).await.unwrap();
    // either end may hang up
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_request_without_its_postgres_is_503_within_seconds() {
    let app = TestApp::on(Engine::Postgres).await;
    let relay = Relay::start(&app.database.url, 0).await;
    let (port, name) = (relay.port, app.database.url.rsplit('/').next().unwrap());
    let url = format!("postgres://postgres@127.0.0.1:{port}/{name}");
    let store = Store::open(&url, Keyring::parse(&app.keys).unwrap()).await.unwrap();
    let database = database::Database::new(store);
    let other = server::startup::build(app.app.config.clone(), database, app.clock.clone()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let accounts = format!("http://{}/api/v1/accounts", listener.local_addr().unwrap());
    tokio::spawn(server::web::serve(other.clone(), listener));
    let ask = async || {
        let request = reqwest::Client::new().get(&accounts).bearer_auth(app.key.expose_secret());
        request.timeout(Duration::from_mins(1)).send().await.unwrap()
    };
    assert_eq!(ask().await.status(), StatusCode::OK);
    drop(relay);
    for _ in 0..2 {
        let began = Instant::now();
        let refused = ask().await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.headers().contains_key("retry-after"));
        assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    }
    let _relay = Relay::start(&app.database.url, port).await;
    let is_back = async {
        while ask().await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_back).await.unwrap();
    other.stop().await;
}
