//! At least a thousand drawn lives of numbers, through the real flows, with faults: none stuck, none
//! locked out, and never more calls than the policy allows. `docs/measurements/simulate.md` has the
//! figures of the long form (`make simulate`).
//!
//! `LINEKEEPER_HISTORIES` and `LINEKEEPER_SEED` play others than CI does; `LINEKEEPER_SIMULATE=seed:company`
//! tells one company's stories alone, with every line.

use std::fmt::Write as _;

use futures::StreamExt as _;

use self::report::Figures;
use self::stage::{How, play};
use self::watch::Ended;

mod bounds;
mod report;
mod stage;
mod story;
mod told;
mod watch;

/// What CI plays.
const SEED: u64 = 20_261_102;
const HISTORIES: usize = 1_000;

/// Companies in one world.
const TOGETHER: u64 = 24;

/// Worlds at one time.
const SIDE_BY_SIDE: usize = 3;

/// Slower than the product reads by itself (five minutes): what readings beside the planner's own
/// would find early is found late here, and less is computed.
const SLOW_PACE: u64 = 6 * 3_600;

#[expect(clippy::disallowed_methods, reason = "how a story is told again by hand")]
fn asked_for(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// How many companies from the first on it takes for so many numbers.
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
    let batches = (0..places).step_by(usize::try_from(TOGETHER).unwrap());
    let worlds = batches.map(|from| tokio::spawn(play(how, from..(from + TOGETHER).min(places))));
    let ended: Vec<_> = futures::stream::iter(worlds).buffer_unordered(SIDE_BY_SIDE).collect().await;
    ended.into_iter().flat_map(Result::unwrap).collect()
}

/// What must not be, with the stories it happened in.
fn complaints(seed: u64, ended: &[Ended]) -> String {
    let mut text = String::new();
    for one in ended.iter().filter(|one| !one.found.is_empty()) {
        writeln!(text, "LINEKEEPER_SIMULATE={seed}:{}  {}", one.place, one.found.join("; ")).unwrap();
        writeln!(text, "{}\n", one.lines.join("\n")).unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_drawn_histories_end_live_without_a_lock() {
    if let Some(one) = asked_for("LINEKEEPER_SIMULATE") {
        let (seed, place) = one.split_once(':').expect("seed:company");
        let (seed, place): (u64, u64) = (seed.parse().unwrap(), place.parse().unwrap());
        let ended = play(How { seed, pace: SLOW_PACE }, place..place + 1).await;
        for one in &ended {
            println!("{}\n{:?}\n", one.lines.join("\n"), one.found);
        }
        assert!(ended.iter().all(|one| one.found.is_empty()));
        return;
    }
    let histories = asked_for("LINEKEEPER_HISTORIES").map_or(HISTORIES, |text| text.parse().unwrap());
    let seed = asked_for("LINEKEEPER_SEED").map_or(SEED, |text| text.parse().unwrap());
    let ended = play_all(How { seed, pace: SLOW_PACE }, histories).await;
    println!("seed {seed}\n\n{}", Figures::of(&ended));
    let complaints = complaints(seed, &ended);
    assert!(complaints.is_empty(), "{complaints}");
    assert!(ended.len() >= histories);
}
