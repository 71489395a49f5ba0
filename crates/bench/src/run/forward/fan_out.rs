//! One event to several endpoints of an account: how many deliveries a second that comes to, and how long they
//! take at half of it.

use serde::Serialize;

use super::{Course, Passage};
use crate::run::database::Engine;
use crate::run::machine::load_average;
use crate::run::rows::Rows;
use crate::run::{Bench, say};

/// How many endpoints.
const ENDPOINTS: [usize; 3] = [1, 4, 16];

/// What is posted exceeds by so much what one endpoint takes, so that forwarding is what is slowest.
const TOO_MUCH: f64 = 1.6;

/// What was measured over one database.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FanOut {
    /// Over which database.
    pub(crate) engine: Engine,
    load_average: String,
    /// By how many endpoints.
    pub(crate) widths: Vec<Width>,
    /// What the database held afterwards.
    pub(crate) rows: Rows,
}

/// What was measured with so many endpoints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Width {
    /// Endpoints of the account.
    pub(crate) endpoints: usize,
    /// More was posted than is delivered at once.
    pub(crate) full: Passage,
    /// At half of the deliveries that came to.
    pub(crate) half: Passage,
}

/// Measures; endpoints are added to those before.
pub(crate) async fn measure(bench: &Bench<'_>, engine: Engine) -> anyhow::Result<FanOut> {
    let load_average = load_average();
    say(&format!("fan-out, {} (load average {load_average})", engine.as_str()));
    let most = ENDPOINTS.into_iter().max().unwrap_or_default();
    let mut course = Course::open(bench, engine, most).await?;
    let (mut made, mut per_second) = (0, None);
    let mut widths = Vec::new();
    for endpoints in ENDPOINTS {
        for door in made..endpoints {
            course.stage.add_endpoint(&course.sink.url(door)).await?;
        }
        made = endpoints;
        #[expect(clippy::cast_precision_loss, reason = "few")]
        let many = endpoints as f64;
        // what one endpoint takes is found out first
        let one = match per_second {
            Some(one) => one,
            None => course.pass(0.0, bench.pace.probe, endpoints)?.came.per_second(),
        };
        per_second = Some(one);
        let full = course.pass(one * TOO_MUCH / many, bench.pace.probe * 2.0, endpoints)?;
        let half = course.pass(full.came.per_second() / many / 2.0, bench.pace.half, endpoints)?;
        widths.push(Width { endpoints, full, half });
    }
    let rows = course.stage.end().await?;
    Ok(FanOut { engine, load_average, widths, rows })
}
