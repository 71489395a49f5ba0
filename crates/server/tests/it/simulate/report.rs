//! The figures of a simulation, and the page they are written on.

use std::fmt;

use jiff::SignedDuration;

use super::watch::Ended;

/// What many histories came to.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    histories: usize,
    live: usize,
    plain: usize,
    calls: usize,
    least: usize,
    /// Ready to live, sorted.
    waits: Vec<SignedDuration>,
    most: [usize; 3],
    stuck: usize,
    locked: usize,
}

impl Figures {
    pub(super) fn of(ended: &[Ended]) -> Self {
        let mut waits: Vec<SignedDuration> =
            ended.iter().flat_map(|one| one.waits.iter().map(|wait| wait.lasted())).collect();
        waits.sort_unstable();
        let most = |n: usize| ended.iter().map(|one| one.most[n]).max().unwrap_or(0);
        Self {
            histories: ended.len(),
            live: ended.iter().filter(|one| one.is_live).count(),
            plain: ended.iter().filter(|one| one.was_plain).count(),
            calls: ended.iter().map(|one| one.calls).sum(),
            least: ended.iter().map(|one| one.least).sum(),
            waits,
            most: [most(0), most(1), most(2)],
            stuck: ended.iter().filter(|one| one.found.iter().any(|what| what.starts_with("stuck"))).count(),
            locked: ended.iter().filter(|one| one.was_locked).count(),
        }
    }

    /// The wait that so many percent do not exceed.
    fn percentile(&self, percent: usize) -> SignedDuration {
        let last = self.waits.len().saturating_sub(1);
        self.waits.get(last * percent / 100).copied().unwrap_or_default()
    }

    /// What each number cost above the calls it could not do without.
    fn above(&self) -> f64 {
        let count = |n: usize| f64::from(u32::try_from(n).unwrap());
        (count(self.calls) - count(self.least)) / count(self.histories.max(1))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hours = |wait: SignedDuration| format!("{:.1} h", wait.as_secs_f64() / 3_600.0);
        writeln!(f, "| figure | value |\n| --- | --- |")?;
        writeln!(f, "| histories | {} ({} with nothing but a review in the way) |", self.histories, self.plain)?;
        writeln!(f, "| live at the end | {} |", self.live)?;
        writeln!(f, "| stuck while Meta would accept | {} |", self.stuck)?;
        writeln!(f, "| locked by 133016 | {} |", self.locked)?;
        writeln!(f, "| calls above the least possible, mean | {:.2} |", self.above())?;
        let waits = [50, 90, 95, 99, 100].map(|percent| hours(self.percentile(percent)));
        writeln!(f, "| ready to live: median, p90, p95, p99, longest | {} |", waits.join(", "))?;
        writeln!(f, "| most calls in 72 h without a person | {} |", self.most[0])?;
        writeln!(f, "| most of them while nothing said the name is good | {} |", self.most[1])?;
        writeln!(f, "| most calls in 72 h at all | {} |", self.most[2])
    }
}
