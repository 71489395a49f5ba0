//! Processes of a run: started with a log file, stopped when dropped, inspected through /proc.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

/// Time that a process gets to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A process started by this program.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
    signal: &'static str,
}

/// Memory of a process in megabytes of a million bytes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Resident memory, with the program text.
    pub(crate) rss_mb: f64,
    /// Anonymous memory, which no file backs.
    pub(crate) anonymous_mb: f64,
}

impl Process {
    /// Starts a command; its output goes to the file `log`.
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

    /// Sets the signal that stops the process, in place of SIGTERM.
    pub(crate) fn ended_by(mut self, signal: &'static str) -> Self {
        self.signal = signal;
        self
    }

    /// The process id as text.
    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Fails with the end of the log if the process has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let from = log.len().saturating_sub(2000);
        bail!("a process ended with {status}:\n{}", log.get(from..).unwrap_or(&log))
    }

    /// Stops the process and waits for its end.
    pub(crate) fn stop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _ = Command::new("kill").arg(self.signal).arg(self.id()).status();
        let until = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < until {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The current memory of the process.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(&self.id())
    }
}

impl Memory {
    /// The current memory of a process by its id.
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

/// Processor seconds that a process has used.
pub(crate) fn cpu_seconds(id: &str) -> Option<f64> {
    /// Linux reports processor time in hundredths of a second.
    const TICKS: f64 = 100.0;
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

/// Runs a command to its end and returns its standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_owned();
    let output = command.output().with_context(|| format!("{} cannot be started", name.display()))?;
    if !output.status.success() {
        bail!("{}: {}", name.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
