//! `kill -9` under load, at moments nobody chose: every event that was answered with 200 is delivered, in
//! the order of its conversation, and what comes twice has the same id.
//!
//! A few rounds run with every test; `make kill` plays a hundred of each and writes
//! docs/measurements/kill.md.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use graph_emulator::Popup;
use server::store::Engine;

use self::judge::{Judged, judge};
use self::sender::Senders;
use super::process::{Installation, Process};
use crate::support::chance::Chance;
use crate::support::receiver::{Receiver, Reply};

mod judge;
mod sender;

/// What runs with every test.
const ROUNDS: usize = 5;

/// Lets leases end in seconds; the program's own times stay in proportion.
const PACE: i32 = 4;

/// So long the last of it may take to arrive, and so much more for every kill before it.
const PATIENCE: Duration = Duration::from_mins(3);
const PATIENCE_PER_KILL: Duration = Duration::from_secs(6);

/// Of a hundred posts so many are refused by the receiver, whatever they are. Which ones is drawn: refusals in a
/// row would meet those that are tried again alone, again and again, until they wait for longer than patience.
const REFUSED_PERCENT: usize = 3;

#[expect(clippy::disallowed_methods, reason = "how the long form is asked for")]
fn asked_for(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn rounds() -> usize {
    asked_for("LINEKEEPER_KILL_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_nothing_answered_is_lost_on_sqlite() {
    tell("sqlite", Engine::Sqlite, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_nothing_answered_is_lost_on_postgresql() {
    tell("postgresql", Engine::Postgres, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_nothing_answered_is_lost_by_two_processes_on_postgresql() {
    tell("postgresql, two processes", Engine::Postgres, 2).await;
}

async fn tell(name: &str, engine: Engine, processes: usize) {
    let rounds = rounds();
    let began = Instant::now();
    let mut place = Installation::new(&format!("killed under load, {name}"), engine).await;
    place.pace = PACE;
    let receiver = Receiver::start().await;
    place.forward_to(&receiver.url).await;
    let addresses = place.addresses(processes);
    let mut running = Vec::with_capacity(processes);
    for address in &addresses {
        running.push(place.start_at(address, None).await);
    }
    let signup = place.meta.sign_up(Popup::default()).await;
    assert_eq!(place.authorize(&signup).await.unwrap(), Some(200));
    let luck = std::sync::Mutex::new(Chance::at(20_261_125, 0));
    receiver.answer(move |_| {
        let is_refused = luck.lock().unwrap().below(100) < REFUSED_PERCENT;
        Reply::status(if is_refused { 503 } else { 200 })
    });
    let senders = Senders::start(&addresses, &signup);
    let mut chance = Chance::at(20_261_125, u64::try_from(processes).unwrap());
    for round in 0..rounds {
        tokio::time::sleep(Duration::from_millis(200 + u64::try_from(chance.below(1_000)).unwrap())).await;
        let which = round % processes;
        let doomed: Process = running.remove(which);
        doomed.kill_now().await;
        running.insert(which, place.start_at(&addresses[which], None).await);
    }
    let answered = senders.stop().await;
    let patience = PATIENCE + PATIENCE_PER_KILL * u32::try_from(rounds).unwrap();
    let judged = wait_for_all(&receiver, &answered, patience).await;
    for process in running {
        process.end().await;
    }
    assert!(judged.is_right(), "{name}: {judged:?}");
    report(name, rounds, &judged, began.elapsed());
}

/// Until everything answered arrived, or patience ends; what there is to say of it.
async fn wait_for_all(receiver: &Receiver, answered: &HashMap<String, usize>, patience: Duration) -> Judged {
    let until = Instant::now() + patience;
    let all: usize = answered.values().sum();
    loop {
        let is_over = Instant::now() > until;
        // judging reads every post: not before there are enough of them
        if receiver.count() >= all || is_over {
            let judged = judge(&receiver.taken(), answered);
            if judged.missing == 0 || is_over {
                return judged;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// One line of the table of docs/measurements/kill.md, where the long form was asked for.
fn report(name: &str, rounds: usize, judged: &Judged, took: Duration) {
    use std::io::Write as _;

    let Judged { answered, taken, missing, out_of_order, again, other_id } = judged;
    let line = format!(
        "| {name} | {rounds} | {answered} | {taken} | {missing} | {out_of_order} | {again} | {other_id} | {} s |",
        took.as_secs()
    );
    println!("{line}");
    if let Some(path) = asked_for("LINEKEEPER_KILL_REPORT") {
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}
