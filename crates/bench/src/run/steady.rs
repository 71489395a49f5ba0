//! What it costs to have it stand there: memory at rest, time to start on a database that exists, size
//! of the program.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::machine::{median, quantile};
use super::process::{Memory, Process};
use super::product::{Programs, Setting};

/// How long it is left alone before its memory is looked at.
const QUIET: Duration = Duration::from_secs(10);

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Steady {
    /// After a start on an existing database and ten seconds without a request.
    pub(crate) idle: Memory,
    /// From exec to the first 200 of `/healthz`, milliseconds: the median.
    pub(crate) cold_start_ms: f64,
    /// The slowest.
    pub(crate) cold_start_max_ms: f64,
    /// How many starts.
    pub(crate) starts: usize,
}

/// Measures over a database that exists.
pub(crate) async fn measure(setting: &Setting, programs: &Programs, starts: usize) -> anyhow::Result<Steady> {
    let process = setting.serve(programs).await?;
    tokio::time::sleep(QUIET).await;
    let idle = process.memory()?;
    drop(process);
    let mut times = Vec::with_capacity(starts);
    for _ in 0..starts {
        times.push(start_once(setting, programs)?);
    }
    let cold_start_max_ms = quantile(&mut times, 1.0);
    Ok(Steady { idle, cold_start_ms: median(&mut times), cold_start_max_ms, starts })
}

fn start_once(setting: &Setting, programs: &Programs) -> anyhow::Result<f64> {
    let mut command: Command = setting.command(&programs.linekeeper);
    let began = Instant::now();
    let mut process = Process::start(command.arg("serve"), &setting.folder.join("start.log"))?;
    while !answers(setting) {
        process.check()?;
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

fn answers(setting: &Setting) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(setting.listen)?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// The size of a program in megabytes of a million bytes; `None` where it is not built.
pub(crate) fn size_mb(program: &Path) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "no program has 2^52 bytes")]
    std::fs::metadata(program).ok().map(|found| found.len() as f64 / 1e6)
}
