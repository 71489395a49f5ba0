//! The generator against a server of the test: its posts have Meta's form and its counts are right. No time is asserted.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};

use secrecy::SecretString;

use super::acks::Acks;
use super::body::{Mark, Template, mark_of, number_of};
use super::{Load, drive};

const SECRET: &str = "bench-secret";

fn key() -> aws_lc_rs::hmac::Key {
    aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes())
}

#[test]
fn bodies_have_a_valid_signature_and_can_be_split_into_changes() {
    for changes in [1, 10] {
        let template = Template::new("106:102", 7, changes, &key());
        let mut body = Vec::new();
        let first = Mark { number: 42, due_us: 1_700_000_000_123_456 };
        let signature = template.write(first, &mut body);
        let header = format!("sha256={}", std::str::from_utf8(&signature).unwrap());
        let verified = graph_api::webhook::verify(&[SecretString::from(SECRET)], Some(&header), &body);
        assert_eq!((verified, body.len()), (Ok(()), template.len()));
        let read = graph_api::webhook::split(&body).unwrap();
        let numbers: Vec<_> = read.iter().map(|change| number_of(change.value.get().as_bytes()).unwrap()).collect();
        assert_eq!(numbers, (42..42 + changes as u64).collect::<Vec<_>>());
        assert_eq!(mark_of(&body), Some(Mark { number: 41 + changes as u64, ..first }), "the last one's");
        let peek = read[0].peek();
        assert_eq!(peek.time, Some(1_700_000_000));
        assert_eq!(peek.messages.inbound, 1);
        assert_eq!(peek.subject.phone_number_id.unwrap().as_str(), "106");
        assert!((1900..2200).contains(&read[0].value.get().len()), "{}", read[0].value.get().len());
    }
}

/// Answers every tenth post 503 and the others 200, on this number of connections.
fn answer_most(listener: &TcpListener, connections: usize) {
    let counter = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            let counter = &counter;
            scope.spawn(move || {
                let mut read = Vec::new();
                let mut buffer = [0; 8192];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    read.extend_from_slice(&buffer[..count]);
                    if !read.ends_with(b"]}]}") {
                        continue;
                    }
                    read.clear();
                    let turn = counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let line = if turn % 10 == 9 { "503 Service Unavailable" } else { "200 OK" };
                    let length = if turn % 10 == 9 { "2\r\n\r\n{}" } else { "0\r\n\r\n" };
                    stream.write_all(format!("HTTP/1.1 {line}\r\ncontent-length: {length}").as_bytes()).unwrap();
                }
            });
        }
    });
}

fn load(target: SocketAddr) -> Load {
    Load {
        target,
        rate: 200.0,
        seconds: 0.4,
        warmup: 0.1,
        changes: 1,
        connections: 4,
        secret: SECRET.to_owned(),
        people: 3,
        numbers: vec!["106:102".to_owned()],
        first: 7,
        abort_above: None,
        acks: None,
    }
}

#[test]
fn every_post_is_counted_and_only_stored_ones_are_acknowledged() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || answer_most(&listener, 4));
    let file = std::env::temp_dir().join(format!("bench-acks-{}", std::process::id()));
    let load = Load { changes: 10, acks: Some(file.clone()), ..load(target) };
    let outcome = drive::drive(&load).unwrap();
    server.join().unwrap();
    let acks = Acks::read(&file).unwrap();
    std::fs::remove_file(file).unwrap();
    assert_eq!((outcome.sent, outcome.unanswered, outcome.statuses[&503]), (100, 0, 10));
    assert!(!outcome.is_all_stored());
    assert_eq!((outcome.stored() * 10, acks.first), (acks.len(), 7));
    assert!(acks.iter().all(|message| (7..1007).contains(&message)));
}

#[test]
fn a_load_that_cannot_be_sustained_stops_early() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || answer_most(&listener, 4));
    // With a limit of zero every answer is too slow, so the first counted answers stop the load.
    let outcome = drive::drive(&Load { abort_above: Some(0.0), seconds: 60.0, ..load(target) }).unwrap();
    server.join().unwrap();
    assert!(outcome.aborted && outcome.unanswered == 0, "{outcome:?}");
    assert!((120..2000).contains(&outcome.sent), "{outcome:?}");
}

#[test]
fn the_set_of_acknowledged_messages_survives_its_file() {
    let mut acks = Acks::new(100);
    assert!(acks.insert(100) && acks.insert(1000) && !acks.insert(1000) && !acks.insert(99));
    assert_eq!(acks.iter().collect::<Vec<_>>(), [100, 1000]);
    assert!(acks.contains(1000) && !acks.contains(999) && !acks.contains(99));
}
