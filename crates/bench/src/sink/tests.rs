//! The receiver alone: it accepts, refuses and counts messages. No time is asserted.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::serve::{Read, post};
use super::{ReplyMode, Sink};
use crate::load::acks::Acks;

/// A post with one message of this number.
fn message(number: u64) -> String {
    let body = format!(r#"{{"id":"wamid.BENCH{number:016}.{:016}"}}"#, 1_700_000_000_000_000_u64);
    format!("POST /hook HTTP/1.1\r\nhost: sink\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn exchange(stream: &mut TcpStream, text: &str) -> String {
    stream.write_all(text.as_bytes()).unwrap();
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

#[test]
fn a_post_is_parsed_from_any_number_of_pieces() {
    let text = message(7);
    let head = text.find("{\"id").unwrap();
    for end in 1..text.len() {
        assert_eq!(post(&text.as_bytes()[..end]), Read::Part, "{end}");
    }
    assert_eq!(post(text.as_bytes()), Read::Whole { head, length: text.len() - head });
    assert_eq!(post(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"), Read::Nonsense);
}

#[test]
fn every_stub_endpoint_counts_each_message_once() {
    let sink = Sink::open(2).unwrap();
    let address = |endpoint: usize| sink.url(endpoint)["http://".len()..].trim_end_matches("/hook").to_owned();
    let mut one = TcpStream::connect(address(0)).unwrap();
    let mut other = TcpStream::connect(address(1)).unwrap();
    for number in [1, 2, 2, 9] {
        assert!(exchange(&mut one, &message(number)).starts_with("HTTP/1.1 200"));
    }
    sink.set(1, ReplyMode::TooManyRequests);
    assert!(exchange(&mut other, &message(1)).starts_with("HTTP/1.1 429"));
    sink.set(1, ReplyMode::Unavailable);
    assert!(exchange(&mut other, &message(1)).starts_with("HTTP/1.1 503"));
    sink.set(1, ReplyMode::Accept);
    assert!(exchange(&mut other, "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}").starts_with("HTTP/1.1 200"));
    let first = sink.summary(1).unwrap();
    assert_eq!((first.accepted, first.duplicates, first.unrecognized, first.refused, first.timed), (3, 1, 0, 0, 3));
    let both = sink.summary(2).unwrap();
    assert_eq!((both.accepted, both.duplicates, both.unrecognized, both.refused), (3, 1, 1, 2));
    let mut acknowledged = Acks::new(0);
    assert!(acknowledged.insert(2) && acknowledged.insert(3));
    assert_eq!((sink.missing(0, &acknowledged), sink.missing(1, &acknowledged)), (1, 2));
    sink.begin(1.0).unwrap();
    assert!(exchange(&mut one, &message(9)).starts_with("HTTP/1.1 200"));
    assert!(exchange(&mut one, &message(10)).starts_with("HTTP/1.1 200"));
    let anew = sink.summary(1).unwrap();
    assert_eq!((sink.accepted(0), anew.duplicates, anew.timed), (1, 1, 0), "a reset does not forget accepted messages");
}
