//! The machine of a measurement: processor, kernel, file system and load. Figures need these to be comparable.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::process::output;

/// The machine that figures were measured on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gb: f64,
    pub(crate) kernel: String,
    /// File system of the databases.
    pub(crate) file_system: String,
    /// Median of 200 writes of 4 KiB with fdatasync, in microseconds.
    pub(crate) fsync_us: f64,
    /// The measured commit, and whether the tree had changes.
    pub(crate) commit: String,
    /// Version of PostgreSQL, if it is installed.
    pub(crate) postgres: Option<String>,
}

impl Machine {
    /// Inspects the machine; `folder` will contain the databases.
    pub(crate) fn inspect(folder: &Path, postgres: Option<String>) -> anyhow::Result<Self> {
        let first = |file: &str, name: &str| -> Option<String> {
            let text = fs::read_to_string(file).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'))?;
            Some(line.1.trim().to_owned())
        };
        let memory = first("/proc/meminfo", "MemTotal").unwrap_or_default();
        let memory: f64 = memory.trim_end_matches("kB").trim().parse().unwrap_or_default();
        Ok(Self {
            processor: first("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get),
            memory_gb: memory * 1024.0 / 1e9,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            file_system: file_system(folder)?,
            fsync_us: fsync(folder)?,
            commit: commit(),
            postgres,
        })
    }
}

/// The load averages of the last 1, 5 and 15 minutes.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn file_system(folder: &Path) -> anyhow::Result<String> {
    let text = output(Command::new("stat").args(["--file-system", "--format=%T"]).arg(folder))?;
    let device = output(Command::new("df").arg("--output=source").arg(folder)).unwrap_or_default();
    Ok(format!("{} on {}", text.trim(), device.lines().last().unwrap_or_default().trim()))
}

fn fsync(folder: &Path) -> anyhow::Result<f64> {
    use std::io::Write as _;
    let path = folder.join("fsync");
    let mut file = fs::File::create(&path)?;
    let mut times = Vec::with_capacity(200);
    for _ in 0..200 {
        let began = std::time::Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    fs::remove_file(path)?;
    Ok(median(&mut times))
}

/// The median of some values.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// The smallest value that at least this share of the values does not exceed.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn commit() -> String {
    let git = |args: &[&str]| output(Command::new("git").args(args)).unwrap_or_default().trim().to_owned();
    let changed = if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { " with changes" };
    format!("{}{changed}", git(&["rev-parse", "--short=12", "HEAD"]))
}
