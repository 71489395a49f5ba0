//! Measures Linekeeper from outside, as Meta and an operator meet it: built program, own process, real
//! sockets, durable disk. Nothing here is shipped, and no test asserts a time.
//!
//! `bench run` is all of it; `bench backlog` and `bench soak` are the long ones; `bench peers` and
//! `bench conformance` put other receivers beside it, `bench consumers` one behind it; `bench load` and `bench ceiling`
//! are the processes they start.

use clap::{Parser, Subcommand};

mod ceiling;
mod load;
mod run;
mod sink;

// the ceiling must not differ from the product in its allocator
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Linekeeper from outside.
#[derive(Debug, Parser)]
#[command(name = "bench", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure everything and write a document of it under docs/measurements.
    Run(run::Run),
    /// Let events pile up before an endpoint that is down and write docs/measurements/backlog.md.
    Backlog(run::forward::backlog::Long),
    /// Forward a steady load for minutes and write docs/measurements/soak.md.
    Soak(run::forward::soak::Soak),
    /// Measure other receivers beside ours and write docs/measurements/peers.md.
    Peers(run::peers::Peers),
    /// Try ours and other receivers with the conformance suite and write docs/measurements/conformance.md.
    Conformance(run::conformance::Conformance),
    /// Forward to a consumer that is not ours and write docs/measurements/consumers.md.
    Consumers(run::consumers::Consumers),
    /// Post signed webhooks on a fixed schedule and say how long the answers took, as JSON.
    Load(load::Load),
    /// Serve with the product's own listener, router and signature check, and store nothing.
    Ceiling(ceiling::Ceiling),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run(command) => runtime()?.block_on(command.run()),
        Command::Backlog(command) => runtime()?.block_on(command.run()),
        Command::Soak(command) => runtime()?.block_on(command.run()),
        Command::Peers(command) => runtime()?.block_on(command.run()),
        Command::Conformance(command) => runtime()?.block_on(command.run()),
        Command::Consumers(command) => runtime()?.block_on(command.run()),
        Command::Load(command) => command.run(),
        Command::Ceiling(command) => runtime()?.block_on(command.run()),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
