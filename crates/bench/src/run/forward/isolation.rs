//! Whether failing endpoints slow down a healthy one: one refuses connections, one answers after ten seconds, one answers
//! 429. Runs with and without them alternate, so that other changes on the machine affect both.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::forwarding_rig::ForwardingRig;
use crate::progress::log_progress;
use crate::run::database::Engine;
use crate::run::machine::{load_average, median};
use crate::run::product::free_address;
use crate::run::rig::Rig;
use crate::sink::ReplyMode;

/// Index of the healthy stub endpoint; the failing ones follow.
const HEALTHY: usize = 0;
const SLOW: usize = 1;
const BUSY: usize = 2;

/// Posts exceed the deliveries of the healthy endpoint by this factor.
const OVERLOAD: f64 = 1.6;

/// Time within which attempts to a removed endpoint end.
const REMOVAL_TIME: Duration = Duration::from_secs(6);

/// Confidence that the interval contains the true median.
const CONFIDENCE: f64 = 0.95;

/// The results over one engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Isolation {
    pub(crate) engine: Engine,
    load_average: String,
    pub(crate) rate: f64,
    /// Pairs in the order of their runs.
    pub(crate) pairs: Vec<Pair>,
    /// Median of the shares with its interval.
    pub(crate) share: Interval,
    /// Messages acknowledged and never delivered to the healthy endpoint.
    pub(crate) missing: u64,
}

/// Two consecutive runs, without and with failing endpoints.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Pair {
    /// Messages per second at the healthy endpoint alone.
    pub(crate) alone: f64,
    /// Messages per second beside the failing endpoints.
    pub(crate) beside: f64,
    /// The second rate divided by the first.
    pub(crate) share: f64,
}

/// A median with its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Interval {
    pub(crate) median: f64,
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Probability that the interval contains the true median.
    pub(crate) confidence: f64,
}

impl Interval {
    /// The interval by order statistics: each value lies above the true median with probability one half, whatever the
    /// distribution. Returns the narrowest interval with enough confidence, else the widest.
    pub(crate) fn of(values: &mut [f64]) -> Self {
        let median = median(values);
        let mut it = Self { median, from: median, to: median, confidence: 0.0 };
        let (mut outside, mut ways, tosses) = (0.0, 1.0, 0.5_f64.powi(i32::try_from(values.len()).unwrap_or(i32::MAX)));
        for rank in 0..values.len() / 2 {
            outside += ways * tosses;
            let confidence = 1.0 - 2.0 * outside;
            if rank > 0 && confidence < CONFIDENCE {
                break;
            }
            if let (Some(from), Some(to)) = (values.get(rank), values.get(values.len() - 1 - rank)) {
                (it.from, it.to, it.confidence) = (*from, *to, confidence);
            }
            #[expect(clippy::cast_precision_loss, reason = "few")]
            let next = (values.len() - rank) as f64 / (rank + 1) as f64;
            ways *= next;
        }
        it
    }
}

/// Runs pairs of loads without and with failing endpoints over one engine.
pub(crate) async fn measure(rig: &Rig, engine: Engine, pairs: usize) -> anyhow::Result<Isolation> {
    let load_average = load_average();
    log_progress(&format!("isolation, {engine} (load average {load_average})"));
    let mut forwarding = ForwardingRig::open(rig, engine, 3).await?;
    forwarding.test_bed.add_endpoint(&forwarding.sink.url(HEALTHY)).await?;
    forwarding.sink.set(SLOW, ReplyMode::AcceptSlowly);
    forwarding.sink.set(BUSY, ReplyMode::TooManyRequests);
    let flood = forwarding.run_load(0.0, rig.durations.probe, 1)?;
    let (rate, mut missing) = (flood.received.per_second() * OVERLOAD, flood.missing);
    let mut done = Vec::new();
    for pair in 0..pairs {
        let (mut alone, mut beside) = (0.0, 0.0);
        // The order within a pair alternates.
        for is_beside in [pair % 2 == 1, pair % 2 == 0] {
            let failing = if is_beside { add_failing_endpoints(&forwarding).await? } else { Vec::new() };
            let result = forwarding.run_load(rate, rig.durations.probe * 2.0, 1)?;
            missing += result.missing;
            *(if is_beside { &mut beside } else { &mut alone }) = result.received.per_second();
            for id in &failing {
                forwarding.test_bed.remove_endpoint(id).await?;
            }
            if !failing.is_empty() {
                tokio::time::sleep(REMOVAL_TIME).await;
            }
        }
        done.push(Pair { alone, beside, share: if alone > 0.0 { beside / alone } else { 0.0 } });
    }
    forwarding.test_bed.end().await?;
    let mut shares: Vec<f64> = done.iter().map(|pair| pair.share).collect();
    Ok(Isolation { engine, load_average, rate, pairs: done, share: Interval::of(&mut shares), missing })
}

async fn add_failing_endpoints(forwarding: &ForwardingRig) -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    let refusing = format!("http://{}/hook", free_address()?);
    for url in [refusing, forwarding.sink.url(SLOW), forwarding.sink.url(BUSY)] {
        ids.push(forwarding.test_bed.add_endpoint(&url).await?);
    }
    Ok(ids)
}

#[test]
fn an_interval_of_the_median_is_that_of_order_statistics() {
    let of = |values: &[f64]| Interval::of(&mut values.to_vec());
    let seven = of(&[7.0, 1.0, 6.0, 2.0, 5.0, 3.0, 4.0]);
    assert_eq!((seven.median, seven.from, seven.to), (4.0, 1.0, 7.0));
    assert!((seven.confidence - 0.984_375).abs() < 1e-9, "{seven:?}");
    let nine = of(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    assert_eq!((nine.median, nine.from, nine.to), (5.0, 2.0, 8.0));
    assert!((nine.confidence - 0.960_937_5).abs() < 1e-9, "{nine:?}");
    assert_eq!(of(&[3.0]), Interval { median: 3.0, from: 3.0, to: 3.0, confidence: 0.0 });
}
