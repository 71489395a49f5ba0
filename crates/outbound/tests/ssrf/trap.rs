//! A listener on this machine that counts connections and bytes. Checks nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// Connections and bytes received.
pub(super) type Received = (usize, usize);

/// Pause between two looks at a counter.
const POLL: Duration = Duration::from_millis(5);

/// The longest wait for a counter.
const DEADLINE: Duration = Duration::from_secs(10);

/// The bytes that the test itself sends through [`Trap::barrier`].
const BARRIER: &[u8] = b"barrier";

#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    bytes: AtomicUsize,
    /// Connections whose peer has not closed yet.
    open: AtomicUsize,
    /// Connections of [`Trap::barrier`], which [`Trap::received`] leaves out.
    barriers: AtomicUsize,
}

/// The listener, on one port of one or several addresses.
pub(super) struct Trap {
    addresses: Vec<SocketAddr>,
    counts: Arc<Counts>,
}

impl Trap {
    /// Listens on a free port of the first address, and on the same port of the others.
    pub(super) async fn on(addresses: &[&str]) -> Self {
        Self::start(addresses, 0, "HTTP/1.1 200 OK\r\n").await
    }

    /// Listens on the given port.
    pub(super) async fn at(address: &str, port: u16) -> Self {
        Self::start(&[address], port, "HTTP/1.1 200 OK\r\n").await
    }

    /// Answers with the given status and headers.
    pub(super) async fn answering(address: &str, status: u16, head: &str) -> Self {
        Self::start(&[address], 0, &format!("HTTP/1.1 {status} As asked\r\n{head}\r\n")).await
    }

    async fn start(ips: &[&str], mut port: u16, head: &str) -> Self {
        let counts = Arc::new(Counts::default());
        let answer: Arc<str> = format!("{head}content-length: 0\r\nconnection: close\r\n\r\n").into();
        let mut addresses = Vec::new();
        for ip in ips {
            let listener = TcpListener::bind(SocketAddr::new(ip.parse::<IpAddr>().unwrap(), port)).await.unwrap();
            let address = listener.local_addr().unwrap();
            port = address.port();
            addresses.push(address);
            tokio::spawn(listen(listener, Arc::clone(&counts), Arc::clone(&answer)));
        }
        Self { addresses, counts }
    }

    pub(super) fn port(&self) -> u16 {
        self.addresses[0].port()
    }

    /// The counts without the barriers.
    pub(super) fn received(&self) -> Received {
        let barriers = self.counts.barriers.load(Ordering::SeqCst);
        let connections = self.counts.connections.load(Ordering::SeqCst);
        (connections - barriers, self.counts.bytes.load(Ordering::SeqCst) - barriers * BARRIER.len())
    }

    /// Whether a connection and bytes arrived since; waits for them.
    pub(super) async fn received_since(&self, before: Received) -> bool {
        self.wait(|| {
            let (connections, bytes) = self.received();
            connections > before.0 && bytes > before.1
        })
        .await
    }

    /// The counts after every peer has closed its connection: a client over TLS sends an alert late.
    pub(super) async fn at_rest(&self) -> Received {
        self.barrier().await;
        assert!(self.wait(|| self.counts.open.load(Ordering::SeqCst) == 0).await, "a connection stayed open");
        self.received()
    }

    /// Fails the test when anything connected since. A listener accepts in order, so a connection made before the
    /// barrier is counted before it.
    #[track_caller]
    pub(super) fn stays_silent(&self, before: Received) -> impl Future<Output = ()> + use<'_> {
        let caller = std::panic::Location::caller();
        async move {
            self.barrier().await;
            assert_eq!(self.received(), before, "{caller}: connections and bytes");
        }
    }

    /// Connects to every address, and returns when each has answered.
    async fn barrier(&self) {
        for address in &self.addresses {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(BARRIER).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            self.counts.barriers.fetch_add(1, Ordering::SeqCst);
        }
    }

    async fn wait(&self, condition: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + DEADLINE;
        while !condition() {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(POLL).await;
        }
        true
    }
}

async fn listen(listener: TcpListener, counts: Arc<Counts>, answer: Arc<str>) {
    while let Ok((stream, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::SeqCst);
        counts.open.fetch_add(1, Ordering::SeqCst);
        let (counts, answer) = (Arc::clone(&counts), Arc::clone(&answer));
        tokio::spawn(async move {
            serve(stream, &counts, &answer).await;
            counts.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn serve(mut stream: TcpStream, counts: &Counts, answer: &str) {
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
