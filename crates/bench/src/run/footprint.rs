//! What the product costs without load: idle memory, time to start on an existing database, size of the program.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::machine::{median, quantile};
use super::process::{Memory, Process};
use super::product::{ProductConfig, Programs};

/// Time without a request before the memory is read.
const IDLE_TIME: Duration = Duration::from_secs(10);

/// The results over one engine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Footprint {
    /// Memory after a start on an existing database and ten seconds without a request.
    pub(crate) idle: Memory,
    /// Median time from exec to the first 200 of `/healthz`.
    pub(crate) cold_start_ms: f64,
    pub(crate) cold_start_max_ms: f64,
    pub(crate) starts: usize,
}

/// Measures over an existing database.
pub(crate) async fn measure(config: &ProductConfig, programs: &Programs, starts: usize) -> anyhow::Result<Footprint> {
    let process = config.serve(programs).await?;
    tokio::time::sleep(IDLE_TIME).await;
    let idle = process.memory()?;
    drop(process);
    let mut times = Vec::with_capacity(starts);
    for _ in 0..starts {
        times.push(start_once(config, programs)?);
    }
    let cold_start_max_ms = quantile(&mut times, 1.0);
    Ok(Footprint { idle, cold_start_ms: median(&mut times), cold_start_max_ms, starts })
}

fn start_once(config: &ProductConfig, programs: &Programs) -> anyhow::Result<f64> {
    let mut command: Command = config.command(&programs.linekeeper);
    let began = Instant::now();
    let mut process = Process::start(command.arg("serve"), &config.folder.join("start.log"))?;
    while !answers(config) {
        process.check()?;
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

fn answers(config: &ProductConfig) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(config.listen)?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}

/// Size of a program in megabytes of a million bytes; `None` if it is not built.
pub(crate) fn size_mb(program: &Path) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "no program has 2^52 bytes")]
    std::fs::metadata(program).ok().map(|found| found.len() as f64 / 1e6)
}
