//! One open HTTP/1.1 connection with at most one post in flight. It parses just enough of HTTP to read a status; everything
//! else is an error.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

/// A connection of the load generator.
pub(super) struct Connection {
    stream: TcpStream,
    /// Buffer of the post that is being sent, reused.
    pub(super) out: Vec<u8>,
    written: usize,
    read: Vec<u8>,
    /// Number of the post in flight.
    pub(super) in_flight: Option<u64>,
}

impl Connection {
    /// Connects and registers for events.
    pub(super) fn open(target: SocketAddr, token: Token, registry: &Registry) -> anyhow::Result<Self> {
        let stream = std::net::TcpStream::connect(target).with_context(|| format!("nobody listens at {target}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, out: Vec::new(), written: 0, read: Vec::new(), in_flight: None })
    }

    /// Starts to send the buffer `out`.
    pub(super) fn send(&mut self, post: u64) -> io::Result<()> {
        self.in_flight = Some(post);
        self.written = 0;
        self.continue_sending()
    }

    /// Sends the rest of the buffer.
    pub(super) fn continue_sending(&mut self) -> io::Result<()> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads from the connection; returns the status once an answer is complete.
    pub(super) fn receive(&mut self) -> anyhow::Result<Option<u16>> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(count) => {
                    self.read.extend_from_slice(buffer.get(..count).unwrap_or_default());
                    if count < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let status = answer(&self.read)?;
        if status.is_some() {
            self.read.clear();
        }
        Ok(status)
    }
}

/// The status of a complete answer; `None` while a part is missing.
pub(super) fn answer(read: &[u8]) -> anyhow::Result<Option<u16>> {
    let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(read.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status = status.and_then(|rest| rest.get(..3)?.parse().ok()).context("no status line")?;
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = length.context("an answer without a length")?.1.trim().parse()?;
    match read.len().cmp(&(end + 4 + length)) {
        std::cmp::Ordering::Less => Ok(None),
        std::cmp::Ordering::Equal => Ok(Some(status)),
        std::cmp::Ordering::Greater => bail!("more than one answer to one post"),
    }
}
