//! Whether a healthy endpoint suffers from sick ones beside it: one where nobody listens, one that answers after
//! ten seconds, one that wants to be left alone. Runs with and without them take turns, so that whatever else
//! changes on the machine changes for both.

use std::time::Duration;

use serde::Serialize;

use super::Course;
use crate::run::database::Engine;
use crate::run::machine::{load_average, median};
use crate::run::product::free_address;
use crate::run::{Bench, say};
use crate::sink::Manner;

/// The door of the healthy one, and those of the sick.
const HEALTHY: usize = 0;
const SLOW: usize = 1;
const BUSY: usize = 2;

/// What is posted exceeds by so much what the healthy one takes.
const TOO_MUCH: f64 = 1.6;

/// Posts under way at a removed endpoint end within this.
const ENDS: Duration = Duration::from_secs(6);

/// An interval is to hold the true median at least so surely.
const SURE: f64 = 0.95;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Isolation {
    /// Over which database.
    pub(crate) engine: Engine,
    load_average: String,
    /// Posts per second.
    pub(crate) rate: f64,
    /// In the order they were run.
    pub(crate) pairs: Vec<Pair>,
    /// What they come to.
    pub(crate) share: Interval,
    /// Acknowledged and never taken by the healthy one.
    pub(crate) missing: u64,
}

/// Two runs that follow each other.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Pair {
    /// Messages per second at the healthy endpoint by itself.
    pub(crate) alone: f64,
    /// The same beside the sick.
    pub(crate) beside: f64,
    /// The second over the first.
    pub(crate) share: f64,
}

/// A median and where the true one is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Interval {
    /// Of the values.
    pub(crate) median: f64,
    /// The lower end.
    pub(crate) from: f64,
    /// The upper end.
    pub(crate) to: f64,
    /// How surely it is in between.
    pub(crate) sure: f64,
}

impl Interval {
    /// By order statistics: values lie on either side of the true median like tossed coins, whatever they are
    /// drawn from. The narrowest that is sure enough, or the widest there is.
    pub(crate) fn of(values: &mut [f64]) -> Self {
        let median = median(values);
        let mut it = Self { median, from: median, to: median, sure: 0.0 };
        let (mut outside, mut ways, tosses) = (0.0, 1.0, 0.5_f64.powi(i32::try_from(values.len()).unwrap_or(i32::MAX)));
        for rank in 0..values.len() / 2 {
            outside += ways * tosses;
            let sure = 1.0 - 2.0 * outside;
            if rank > 0 && sure < SURE {
                break;
            }
            if let (Some(from), Some(to)) = (values.get(rank), values.get(values.len() - 1 - rank)) {
                (it.from, it.to, it.sure) = (*from, *to, sure);
            }
            #[expect(clippy::cast_precision_loss, reason = "few")]
            let next = (values.len() - rank) as f64 / (rank + 1) as f64;
            ways *= next;
        }
        it
    }
}

/// Measures.
pub(crate) async fn measure(bench: &Bench<'_>, engine: Engine, pairs: usize) -> anyhow::Result<Isolation> {
    let load_average = load_average();
    say(&format!("isolation, {} (load average {load_average})", engine.as_str()));
    let mut course = Course::open(bench, engine, 3).await?;
    course.stage.add_endpoint(&course.sink.url(HEALTHY)).await?;
    course.sink.set(SLOW, Manner::IsSlow);
    course.sink.set(BUSY, Manner::IsBusy);
    let flood = course.pass(0.0, bench.pace.probe, 1)?;
    let (rate, mut missing) = (flood.came.per_second() * TOO_MUCH, flood.missing);
    let mut done = Vec::new();
    for pair in 0..pairs {
        let (mut alone, mut beside) = (0.0, 0.0);
        // by turns who goes first
        for is_beside in [pair % 2 == 1, pair % 2 == 0] {
            let sick = if is_beside { add_the_sick(&course).await? } else { Vec::new() };
            let passage = course.pass(rate, bench.pace.probe * 2.0, 1)?;
            missing += passage.missing;
            *(if is_beside { &mut beside } else { &mut alone }) = passage.came.per_second();
            for id in &sick {
                course.stage.remove_endpoint(id).await?;
            }
            if !sick.is_empty() {
                tokio::time::sleep(ENDS).await;
            }
        }
        done.push(Pair { alone, beside, share: if alone > 0.0 { beside / alone } else { 0.0 } });
    }
    course.stage.end().await?;
    let mut shares: Vec<f64> = done.iter().map(|pair| pair.share).collect();
    Ok(Isolation { engine, load_average, rate, pairs: done, share: Interval::of(&mut shares), missing })
}

async fn add_the_sick(course: &Course) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    let nobody = format!("http://{}/hook", free_address()?);
    for url in [nobody, course.sink.url(SLOW), course.sink.url(BUSY)] {
        ids.push(course.stage.add_endpoint(&url).await?);
    }
    Ok(ids)
}

#[test]
fn an_interval_of_the_median_is_that_of_order_statistics() {
    let of = |values: &[f64]| Interval::of(&mut values.to_vec());
    let seven = of(&[7.0, 1.0, 6.0, 2.0, 5.0, 3.0, 4.0]);
    assert_eq!((seven.median, seven.from, seven.to), (4.0, 1.0, 7.0));
    assert!((seven.sure - 0.984_375).abs() < 1e-9, "{seven:?}");
    let nine = of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    assert_eq!((nine.median, nine.from, nine.to), (5.0, 2.0, 8.0));
    assert!((nine.sure - 0.960_937_5).abs() < 1e-9, "{nine:?}");
    assert_eq!(of(&[3.0]), Interval { median: 3.0, from: 3.0, to: 3.0, sure: 0.0 });
}
