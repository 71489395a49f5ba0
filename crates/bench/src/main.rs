//! Measures Linekeeper from outside: the built program in its own process, with real sockets and a durable disk. Nothing
//! here is shipped, and no test asserts a time.
//!
//! `bench run` measures everything; `bench backlog` and `bench soak` take longer; `bench peers` and `bench conformance`
//! compare other receivers, `bench consumers` forwards to one. `bench render` renders the pages again from their raw figures.
//! `bench load` and `bench ceiling` are the processes that measurements start.

use clap::{Parser, Subcommand};

mod ceiling;
mod load;
mod progress;
mod render;
mod run;
mod sink;

// The ceiling must use the same allocator as the product.
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
    /// Measure everything and write a page under docs/measurements.
    Run(run::Run),
    /// Let events pile up for an endpoint that is down and write docs/measurements/backlog.md.
    Backlog(run::forward::long::BacklogCommand),
    /// Forward a steady load for minutes and write docs/measurements/soak.md.
    Soak(run::forward::long::SoakCommand),
    /// Measure other receivers for comparison and write docs/measurements/peers.md.
    Peers(run::peers::Peers),
    /// Run the conformance suite against Linekeeper and other receivers and write docs/measurements/conformance.md.
    Conformance(run::conformance::Conformance),
    /// Forward to pywa, an independent consumer, and write docs/measurements/consumers.md.
    Consumers(run::consumers::Consumers),
    /// Render pages again from their raw figures, without a measurement.
    Render(render::Render),
    /// Post signed webhooks on a fixed schedule and print the times of the answers as JSON.
    Load(load::Load),
    /// Serve with the product's listener, router and signature check, and store nothing.
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
        Command::Render(command) => command.run(),
        Command::Load(command) => command.run(),
        Command::Ceiling(command) => runtime()?.block_on(command.run()),
    }
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}
