//! From Meta's post to one endpoint: the highest rate forwarding keeps up with, and the times at half of it.

use serde::Serialize;

use super::{Course, Passage};
use crate::run::database::Engine;
use crate::run::machine::load_average;
use crate::run::rows::Rows;
use crate::run::search::{STEP, TRIES, narrow};
use crate::run::{Bench, say};

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Delivered {
    /// Over which database.
    pub(crate) engine: Engine,
    load_average: String,
    /// Posts that came as fast as they were answered.
    pub(crate) flood: Passage,
    /// At the highest rate it keeps up with; `None` when it kept up with none that was tried.
    pub(crate) held: Option<Passage>,
    /// At half of that, or at the rate that was asked for.
    pub(crate) half: Option<Passage>,
    /// At half of what is acknowledged, forwarding aside, where that was measured before.
    pub(crate) half_of_ingest: Option<Passage>,
    /// What the database held afterwards.
    pub(crate) rows: Rows,
}

/// Measures; `rate` is asked for instead of half of what is held, `ingest` is what was acknowledged per second.
pub(crate) async fn measure(
    bench: &Bench<'_>,
    engine: Engine,
    rate: Option<f64>,
    ingest: Option<f64>,
) -> anyhow::Result<Delivered> {
    let load_average = load_average();
    say(&format!("delivered, {} (load average {load_average})", engine.as_str()));
    let pace = bench.pace;
    let mut course = Course::with_endpoints(bench, engine, 1).await?;
    let flood = course.pass(0.0, pace.probe, 1)?;
    let mut held = None;
    if rate.is_none() {
        let mut from = narrow(flood.came.per_second(), |rate| Ok(course.pass(rate, pace.probe, 1)?.keeps_up()))?;
        for _ in 0..TRIES {
            let passage = course.pass(from, pace.hold, 1)?;
            if passage.keeps_up() {
                held = Some(passage);
                break;
            }
            from *= STEP;
        }
    }
    let half = match rate.or_else(|| held.as_ref().map(|held| held.sent.rate / 2.0)) {
        Some(rate) => Some(course.pass(rate, pace.half, 1)?),
        None => None,
    };
    let half_of_ingest = match ingest {
        Some(ingest) => Some(course.pass(ingest / 2.0, pace.half, 1)?),
        None => None,
    };
    let rows = course.stage.end().await?;
    Ok(Delivered { engine, load_average, flood, held, half, half_of_ingest, rows })
}
