//! The loop of the receiver. Knows just enough of HTTP/1.1 to find where a post ends and to answer it; what it
//! cannot read it hangs up on.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::{Door, Manner, SLOW};

/// How often it is looked whether to stop.
const NAP: Duration = Duration::from_millis(50);

struct Connection {
    /// Another one in the same place later has another number.
    number: u64,
    door: usize,
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer that is held back.
struct Late {
    at: Instant,
    place: usize,
    number: u64,
}

/// Every listener and connection.
pub(super) struct Server {
    poll: Poll,
    listeners: Vec<TcpListener>,
    doors: Arc<[Door]>,
    stop: Arc<AtomicBool>,
    connections: Vec<Option<Connection>>,
    opened: u64,
    /// In the order they are due.
    late: VecDeque<Late>,
    buffer: Box<[u8]>,
}

impl Server {
    pub(super) fn new(
        mut listeners: Vec<TcpListener>,
        doors: Arc<[Door]>,
        stop: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        for (door, listener) in listeners.iter_mut().enumerate() {
            poll.registry().register(listener, Token(door), Interest::READABLE)?;
        }
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        Ok(Self { poll, listeners, doors, stop, connections: Vec::new(), opened: 0, late: VecDeque::new(), buffer })
    }

    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1024);
        while !self.stop.load(Ordering::Relaxed) {
            let until = self.late.front().map(|late| late.at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, Some(until.unwrap_or(NAP).min(NAP))) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token().0.checked_sub(self.listeners.len()) {
                    None => self.accept(event.token().0)?,
                    Some(place) => self.attend(place),
                }
            }
            self.answer_late();
        }
        Ok(())
    }

    fn accept(&mut self, door: usize) -> anyhow::Result<()> {
        loop {
            let Some(listener) = self.listeners.get(door) else { return Ok(()) };
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // whoever hung up before it was met
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
            let connection = Connection { number: self.opened, door, stream, read: Vec::new() };
            if let Some(slot) = self.connections.get_mut(place) {
                *slot = Some(connection);
            }
        }
    }

    /// Reads what came and answers every whole post of it.
    fn attend(&mut self, place: usize) {
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
            if let Some(door) = self.doors.get(connection.door) {
                let manner = door.manner();
                door.note(connection.read.get(head..head + length).unwrap_or_default(), manner);
                if manner == Manner::IsSlow {
                    self.late.push_back(Late { at: Instant::now() + SLOW, place, number: connection.number });
                } else {
                    // an answer is short and the only one under way: it fits, or nobody is there
                    is_open = connection.stream.write_all(manner.answer()).is_ok();
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
        while let Some(late) = self.late.pop_front_if(|late| late.at <= now) {
            let Some(slot) = self.connections.get_mut(late.place) else { continue };
            let Some(connection) = slot.as_mut().filter(|it| it.number == late.number) else { continue };
            if connection.stream.write_all(Manner::IsSlow.answer()).is_err() {
                *slot = None;
            }
        }
    }
}

/// How far a post was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// All of it: how long its head is, and its body.
    Whole { head: usize, length: usize },
    /// Some of it is missing.
    Part,
    /// It is no post with a length.
    Nonsense,
}

/// Where the first post in what was read ends.
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
