//! The loop of the receiver. It parses just enough of HTTP/1.1 to find the end of a post and to answer it, and closes a
//! connection that it cannot parse.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::{ReplyMode, SLOW_REPLY, StubEndpoint};

/// Interval at which the loop checks whether to stop.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

struct Connection {
    /// Distinguishes this connection from later ones in the same slot.
    number: u64,
    endpoint: usize,
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer that waits for its delay.
struct DelayedReply {
    at: Instant,
    place: usize,
    number: u64,
}

/// The state of the loop: listeners, connections and delayed answers.
pub(super) struct Server {
    poll: Poll,
    listeners: Vec<TcpListener>,
    endpoints: Arc<[StubEndpoint]>,
    stop: Arc<AtomicBool>,
    connections: Vec<Option<Connection>>,
    opened: u64,
    /// Delayed answers in the order they are due.
    delayed: VecDeque<DelayedReply>,
    buffer: Box<[u8]>,
}

impl Server {
    pub(super) fn new(
        mut listeners: Vec<TcpListener>,
        endpoints: Arc<[StubEndpoint]>,
        stop: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        for (endpoint, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener, Token(endpoint), Interest::READABLE)?;
        }
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        Ok(Self {
            poll,
            listeners,
            endpoints,
            stop,
            connections: Vec::new(),
            opened: 0,
            delayed: VecDeque::new(),
            buffer,
        })
    }

    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.stop.load(Ordering::Relaxed) {
            let until = self.delayed.front().map(|delayed| delayed.at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, Some(until.unwrap_or(POLL_INTERVAL).min(POLL_INTERVAL))) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token().0.checked_sub(self.listeners.len()) {
                    None => self.accept(event.token().0)?,
                    Some(place) => self.handle_events(place),
                }
            }
            self.answer_late();
        }
        Ok(())
    }

    fn accept(&mut self, endpoint: usize) -> anyhow::Result<()> {
        loop {
            let Some(listener) = self.listeners.get(endpoint) else { return Ok(()) };
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The client closed the connection before it was accepted.
                Err(_) => continue,
            };
            stream.set_nodelay(true)?;
            let free = self.connections.iter().position(Option::is_none);
            let place = free.unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let token = Token(self.listeners.len() + place);
            self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
            self.opened += 1;
            let connection = Connection { number: self.opened, endpoint, stream, read: Vec::new() };
            if let Some(slot) = self.connections.get_mut(place) {
                *slot = Some(connection);
            }
        }
    }

    /// Reads from a connection and answers every complete post.
    fn handle_events(&mut self, place: usize) {
        let Some(slot) = self.connections.get_mut(place) else { return };
        let Some(connection) = slot else { return };
        let mut is_open;
        loop {
            match connection.stream.read(&mut self.buffer) {
                Ok(count @ 1..) => {
                    connection.read.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => {
                    is_open = other.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        while is_open {
            let (head, length) = match post(&connection.read) {
                Read::Whole { head, length } => (head, length),
                Read::Part => break,
                Read::Nonsense => {
                    is_open = false;
                    break;
                }
            };
            if let Some(endpoint) = self.endpoints.get(connection.endpoint) {
                let mode = endpoint.mode();
                endpoint.note(connection.read.get(head..head + length).unwrap_or_default(), mode);
                if mode == ReplyMode::AcceptSlowly {
                    self.delayed.push_back(DelayedReply {
                        at: Instant::now() + SLOW_REPLY,
                        place,
                        number: connection.number,
                    });
                } else {
                    // An answer is short and the only one in flight: it fits the buffer, or the client is gone.
                    is_open = connection.stream.write_all(mode.answer()).is_ok();
                }
            }
            connection.read.drain(..head + length);
        }
        if !is_open {
            *slot = None;
        }
    }

    fn answer_late(&mut self) {
        let now = Instant::now();
        while let Some(delayed) = self.delayed.pop_front_if(|delayed| delayed.at <= now) {
            let Some(slot) = self.connections.get_mut(delayed.place) else { continue };
            let Some(connection) = slot.as_mut().filter(|it| it.number == delayed.number) else { continue };
            if connection.stream.write_all(ReplyMode::AcceptSlowly.answer()).is_err() {
                *slot = None;
            }
        }
    }
}

/// How much of a post has been read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// All of it, with the lengths of head and body.
    Whole { head: usize, length: usize },
    /// A part of it is missing.
    Part,
    /// It is not a post with a length.
    Nonsense,
}

/// Finds the end of the first post in the bytes that were read.
pub(super) fn post(read: &[u8]) -> Read {
    let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else { return Read::Part };
    let Ok(head) = std::str::from_utf8(read.get(..end).unwrap_or_default()) else { return Read::Nonsense };
    let mut fields = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let Some(length) = length.and_then(|(_, length)| length.trim().parse::<usize>().ok()) else {
        return Read::Nonsense;
    };
    let head = end + 4;
    if read.len() < head + length { Read::Part } else { Read::Whole { head, length } }
}
