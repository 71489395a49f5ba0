//! Assembles an [`App`] and starts its background tasks. It stands above the flows; nothing but the
//! commands, the tests and the measurements may call it.

use crate::config::Config;
use crate::flows::database::Database;
use crate::runtime::clock::Clock;
use crate::{App, flows, runner};

/// Builds an app over an open database and starts its ingest writer. Needs a Tokio runtime around it.
pub fn build(config: Config, database: Database, clock: Clock) -> anyhow::Result<App> {
    let (app, posts) = App::new(config, database, clock)?;
    flows::ingest::writer::start(&app, posts)?;
    Ok(app)
}

/// Starts the job runner, the forwarding of events, the measurement of the database's size, the watch on the seal keys and
/// the upkeep of the metrics. They run until [`App::stop`]. These are loops of the process; work that is stored and
/// retried is a job of `flows::queue`.
pub fn start_background_tasks(app: &App) {
    app.tasks.spawn(runner::run(app.clone()));
    app.tasks.spawn(flows::capacity::watch(app.clone()));
    app.tasks.spawn(flows::seal_keys::follow(app.clone()));
    app.tasks.spawn(app.metrics.clone().fold_samples(app.shutdown.clone()));
    start_forwarding(app);
}

/// Starts the forwarding of events alone.
pub fn start_forwarding(app: &App) {
    app.tasks.spawn(flows::forwarding::supervise(app.clone()));
}
