//! The figures of a simulation: a table of two columns, for all histories and for those in whose way only
//! the name stood.

use std::fmt;

use jiff::SignedDuration;

use super::watch::{Ended, KINDS, Wait};

/// What many histories came to.
#[derive(Debug, Clone)]
struct Column {
    histories: usize,
    live: usize,
    stuck: usize,
    locked: usize,
    calls: usize,
    least: usize,
    /// Ready to live, sorted.
    first: Vec<SignedDuration>,
    /// Dropped to live again, sorted.
    again: Vec<SignedDuration>,
    most: [usize; 3],
    most_of: [usize; KINDS.len()],
}

impl Column {
    fn of<'a>(ended: impl Iterator<Item = &'a Ended>) -> Self {
        let ended: Vec<&Ended> = ended.collect();
        let count = |which: fn(&Ended) -> bool| ended.iter().filter(|one| which(one)).count();
        let waits = |part: fn(&[Wait]) -> &[Wait]| {
            let mut waits: Vec<_> = ended.iter().flat_map(|one| part(&one.waits)).map(|wait| wait.lasted()).collect();
            waits.sort_unstable();
            waits
        };
        Self {
            histories: ended.len(),
            live: count(|one| one.is_live),
            stuck: count(|one| one.found.iter().any(|what| what.starts_with("stuck"))),
            locked: count(|one| one.was_locked),
            calls: ended.iter().map(|one| one.calls).sum(),
            least: ended.iter().map(|one| one.least).sum(),
            first: waits(|waits| waits.get(..1).unwrap_or_default()),
            again: waits(|waits| waits.get(1..).unwrap_or_default()),
            most: std::array::from_fn(|n| ended.iter().map(|one| one.most[n]).max().unwrap_or(0)),
            most_of: std::array::from_fn(|n| ended.iter().map(|one| one.most_of[n]).max().unwrap_or(0)),
        }
    }

    /// What each number cost above the calls it could not do without.
    fn above(&self) -> f64 {
        let count = |n: usize| f64::from(u32::try_from(n).unwrap());
        (count(self.calls) - count(self.least)) / count(self.histories.max(1))
    }

    /// The rows, in the order of [`TITLES`].
    fn cells(&self) -> Vec<String> {
        let mut cells: Vec<String> =
            [self.histories, self.live, self.stuck, self.locked].iter().map(usize::to_string).collect();
        cells.push(format!("{:.2}", self.above()));
        cells.extend([spread(&self.first), spread(&self.again)]);
        cells.extend(self.most.iter().chain(&self.most_of).map(usize::to_string));
        cells
    }
}

/// What the rows say, the last by [`KINDS`].
const TITLES: [&str; 10] = [
    "histories",
    "live at the end",
    "stuck while Meta would accept",
    "locked by 133016",
    "calls above the possible minimum, mean",
    "ready to live: median, p90, p95, p99, longest",
    "disconnected to live again: the same figures",
    "most calls in 72 h without a person",
    "most of them without evidence of a good name",
    "most calls in 72 h in total",
];

/// The waits that so many percent do not exceed.
fn spread(sorted: &[SignedDuration]) -> String {
    if sorted.is_empty() {
        return "–".to_owned();
    }
    let hours = |percent: usize| {
        let wait = sorted[(sorted.len() * percent).div_ceil(100) - 1];
        format!("{:.1} h", wait.as_secs_f64() / 3_600.0)
    };
    [50, 90, 95, 99, 100].map(hours).join(", ")
}

/// Both columns of the table.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    all: Column,
    untouched: Column,
}

impl Figures {
    pub(super) fn of(ended: &[Ended]) -> Self {
        Self { all: Column::of(ended.iter()), untouched: Column::of(ended.iter().filter(|one| one.was_untouched)) }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | every history | only its name in the way |\n| --- | --- | --- |")?;
        let of_kind = KINDS.map(|kind| format!("most {kind} calls in 72 h"));
        let titles = TITLES.iter().map(|title| (*title).to_owned()).chain(of_kind);
        for (title, (all, untouched)) in titles.zip(self.all.cells().into_iter().zip(self.untouched.cells())) {
            writeln!(f, "| {title} | {all} | {untouched} |")?;
        }
        Ok(())
    }
}
