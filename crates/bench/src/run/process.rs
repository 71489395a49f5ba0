//! Processes of a run: started with a log, ended when dropped, looked at through /proc.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// How long a process may take to end when asked to.
const END: Duration = Duration::from_secs(30);

/// A running process of ours.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    signal: &'static str,
}

/// What a process holds in memory, in megabytes of a million bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Resident: program text read from the disk included.
    pub(crate) rss_mb: f64,
    /// Its own, not backed by a file.
    pub(crate) anonymous_mb: f64,
}

impl Process {
    /// Starts it; what it prints goes into `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{} cannot be started", command.get_program().display()))?;
        Ok(Self { child, log: log.to_owned(), signal: "-TERM" })
    }

    /// Asks it to end with another signal than SIGTERM.
    pub(crate) fn ended_by(mut self, signal: &'static str) -> Self {
        self.signal = signal;
        self
    }

    /// Its id.
    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Fails, with the end of its log, once it has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.len().saturating_sub(2000);
        bail!("a process ended with {status}:\n{}", log.get(from..).unwrap_or(&log))
    }

    /// Asks it to end and waits.
    pub(crate) fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _ = Command::new("kill").arg(self.signal).arg(self.id()).status();
        let until = Instant::now() + END;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// What it holds in memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(&self.id())
    }
}

impl Memory {
    /// What a process holds.
    pub(crate) fn of(id: &str) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
        let field = |name: &str| -> anyhow::Result<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).context("smaps_rollup lacks a line")?;
            let kib: f64 = line.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse()?;
            Ok(kib * 1024.0 / 1e6)
        };
        Ok(Self { rss_mb: field("Rss")?, anonymous_mb: field("Anonymous")? })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Processor seconds a process has used.
pub(crate) fn cpu_seconds(id: &str) -> Option<f64> {
    /// Linux counts in hundredths for everybody who asks.
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

/// Runs a command to its end; what it printed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("{} cannot be started", name.display()))?;
    if !output.status.success() {
        bail!("{}: {}", name.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
