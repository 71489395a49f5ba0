//! A listener on this machine that counts who connects and what is said. Judges nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Connections and bytes.
pub(super) type Heard = (usize, usize);

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    bytes: AtomicUsize,
}

/// The listener, on one port of one or several addresses.
pub(super) struct Trap {
    port: u16,
    counts: Arc<Counts>,
}

impl Trap {
    /// On a free port of the first address, and the same port of the others.
    pub(super) async fn on(addresses: &[&str]) -> Self {
        Self::start(addresses, 0, "HTTP/1.1 200 OK\r\n").await
    }

    /// On this very port.
    pub(super) async fn at(address: &str, port: u16) -> Self {
        Self::start(&[address], port, "HTTP/1.1 200 OK\r\n").await
    }

    /// One that answers with another status and more headers.
    pub(super) async fn answering(address: &str, status: u16, head: &str) -> Self {
        Self::start(&[address], 0, &format!("HTTP/1.1 {status} As asked\r\n{head}\r\n")).await
    }

    async fn start(addresses: &[&str], mut port: u16, head: &str) -> Self {
        let counts = Arc::new(Counts::default());
        let answer: Arc<str> = format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").into();
        for address in addresses {
            let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), port);
            let listener = TcpListener::bind(address).await.unwrap();
            port = listener.local_addr().unwrap().port();
            tokio::spawn(listen(listener, Arc::clone(&counts), Arc::clone(&answer)));
        }
        Self { port, counts }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn heard(&self) -> Heard {
        (self.counts.connections.load(Ordering::SeqCst), self.counts.bytes.load(Ordering::SeqCst))
    }

    /// Whether somebody connected and spoke since; waits a little for it.
    pub(super) async fn heard_since(&self, before: Heard) -> bool {
        for _ in 0..200 {
            let (connections, bytes) = self.heard();
            if connections > before.0 && bytes > before.1 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// What was heard once everybody who had connected is done: a client over TLS says goodbye late.
    pub(super) async fn at_rest(&self) -> Heard {
        loop {
            let before = self.heard();
            tokio::time::sleep(Duration::from_millis(200)).await;
            if self.heard() == before {
                return before;
            }
        }
    }

    /// Fails the test when anybody connected since, or does so within a moment.
    #[track_caller]
    pub(super) fn stays_silent(&self, before: Heard) -> impl Future<Output = ()> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(self.heard(), before, "{caller}: connections and bytes");
        }
    }
}

async fn listen(listener: TcpListener, counts: Arc<Counts>, answer: Arc<str>) {
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(hear(stream, Arc::clone(&counts), Arc::clone(&answer)));
    }
}

async fn hear(mut stream: TcpStream, counts: Arc<Counts>, answer: Arc<str>) {
    let mut buffer = [0; 4096];
    let Ok(read @ 1..) = stream.read(&mut buffer).await else { return };
    counts.bytes.fetch_add(read, Ordering::SeqCst);
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    // reads on, so that closing does not cut the answer off
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        counts.bytes.fetch_add(read, Ordering::SeqCst);
    }
}
