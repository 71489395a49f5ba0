//! Simulation: at least a thousand generated histories of numbers, through the real flows, with faults: none
//! stuck, none locked out, and never more calls than the policy allows. `docs/measurements/simulate.md` has the
//! figures of the long form (`make simulate`).
//!
//! `LINEKEEPER_SIMULATION_HISTORIES` and `LINEKEEPER_SIMULATION_SEED` run other histories than CI does;
//! `LINEKEEPER_SIMULATION_ONLY=seed:company` runs one company's histories alone and prints every line.

use std::fmt::Write as _;
use tokio::runtime::Handle;

use futures::StreamExt as _;

use self::report::Figures;
use self::stage::{How, play};
use self::watch::Ended;

mod bounds;
mod report;
mod scripted;
mod stage;
mod story;
mod watch;

/// The histories that CI runs.
const SEED: u64 = 20_261_102;
const HISTORIES: usize = 1_000;

/// How many companies share one emulated world.
const COMPANIES_PER_WORLD: u64 = 24;

/// How many worlds run at once. Each waits for its database most of the time.
const CONCURRENT_WORLDS: usize = 8;

/// The least time between two reads of an account, in seconds. Longer than the product's default (five
/// minutes): changes are found late, and the simulation computes less.
const SLOW_READS: u64 = 6 * 3_600;

#[expect(clippy::disallowed_methods, reason = "how a failed history is run again by hand")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How many companies, from the first on, have `histories` numbers together.
fn companies_for(seed: u64, histories: usize) -> u64 {
    let (mut places, mut numbers) = (0, 0);
    while numbers < histories {
        numbers += story::company(seed, places).len();
        places += 1;
    }
    places
}

async fn play_all(how: How, histories: usize) -> Vec<Ended> {
    let places = companies_for(how.seed, histories);
    let batches = (0..places).step_by(usize::try_from(COMPANIES_PER_WORLD).unwrap());
    // a thread for each world: the story's futures borrow too much to move between threads
    let worlds = batches.map(|from| {
        let who = from..(from + COMPANIES_PER_WORLD).min(places);
        tokio::task::spawn_blocking(move || Handle::current().block_on(play(how, who)))
    });
    let ended: Vec<_> = futures::stream::iter(worlds).buffer_unordered(CONCURRENT_WORLDS).collect().await;
    ended.into_iter().flat_map(Result::unwrap).collect()
}

/// The violations, each with the history it happened in.
fn violations(seed: u64, ended: &[Ended]) -> String {
    let mut text = String::new();
    for one in ended.iter().filter(|one| !one.found.is_empty()) {
        writeln!(text, "LINEKEEPER_SIMULATION_ONLY={seed}:{}  {}", one.place, one.found.join("; ")).unwrap();
        writeln!(text, "{}\n", one.lines.join("\n")).unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_generated_histories_end_live_without_a_lock() {
    if let Some(one) = setting("LINEKEEPER_SIMULATION_ONLY") {
        let (seed, place) = one.split_once(':').expect("seed:company");
        let (seed, place): (u64, u64) = (seed.parse().unwrap(), place.parse().unwrap());
        let ended = play(How { seed, pace: SLOW_READS }, place..place + 1).await;
        for one in &ended {
            println!("{}\n{:?}\n", one.lines.join("\n"), one.found);
        }
        assert!(ended.iter().all(|one| one.found.is_empty()));
        return;
    }
    let histories = setting("LINEKEEPER_SIMULATION_HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap());
    let seed = setting("LINEKEEPER_SIMULATION_SEED").map_or(SEED, |text| text.parse().unwrap());
    let ended = play_all(How { seed, pace: SLOW_READS }, histories).await;
    println!("seed {seed}\n\n{}", Figures::of(&ended));
    let violations = violations(seed, &ended);
    assert!(violations.is_empty(), "{violations}");
    assert!(ended.len() >= histories);
}
