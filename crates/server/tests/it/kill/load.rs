//! `kill -9` under load, at random moments: every event that was answered with 200 is delivered, in the order
//! of its conversation, and a post that comes twice has the same id.
//!
//! A few rounds run with every test; `make kill` runs a hundred of each and writes
//! docs/measurements/kill.md.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use graph_emulator::Popup;
use server::store::Engine;

use self::outcome::{Outcome, compare};
use self::sender::Senders;
use super::process::{Installation, Process};
use crate::support::chance::Chance;
use crate::support::receiver::{Receiver, Reply};

mod outcome;
mod sender;

/// The rounds that run with every test.
const ROUNDS: usize = 5;

/// How much faster than the wall clock the program runs, so that leases end in seconds.
const CLOCK_SPEED: i32 = 4;

/// How long the last posts may take to arrive, and how much longer per kill.
const PATIENCE: Duration = Duration::from_mins(3);
const PATIENCE_PER_KILL: Duration = Duration::from_secs(6);

/// How many percent of the posts the receiver refuses. Which ones is random: regular refusals would meet the
/// retries again and again, until they wait for longer than [`PATIENCE`].
const REFUSED_PERCENT: usize = 3;

#[expect(clippy::disallowed_methods, reason = "how the long form is requested")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn rounds() -> usize {
    setting("KILL_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap())
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
    place.clock_speed = CLOCK_SPEED;
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
    let outcome = wait_for_all(&receiver, &answered, patience).await;
    for process in running {
        process.end().await;
    }
    assert!(outcome.is_right(), "{name}: {outcome:?}");
    report(name, rounds, &outcome, began.elapsed());
}

/// Waits until everything that was answered has arrived, or for `patience`; returns the comparison.
async fn wait_for_all(receiver: &Receiver, answered: &HashMap<String, usize>, patience: Duration) -> Outcome {
    let until = Instant::now() + patience;
    let all: usize = answered.values().sum();
    loop {
        let is_over = Instant::now() > until;
        // the comparison reads every post: not before there are enough of them
        if receiver.count() >= all || is_over {
            let outcome = compare(&receiver.taken(), answered);
            if outcome.missing == 0 || is_over {
                return outcome;
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Appends a row to the table of docs/measurements/kill.md, when the long form was requested.
fn report(name: &str, rounds: usize, outcome: &Outcome, took: Duration) {
    use std::io::Write as _;

    let Outcome { answered, taken, missing, out_of_order, again, other_id } = outcome;
    let line = format!(
        "| {name} | {rounds} | {answered} | {taken} | {missing} | {out_of_order} | {again} | {other_id} | {} s |",
        took.as_secs()
    );
    println!("{line}");
    if let Some(path) = setting("KILL_REPORT") {
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}
