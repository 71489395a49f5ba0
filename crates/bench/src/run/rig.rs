//! What every measurement needs: the programs, a folder for databases and logs, and how long each load lasts. Must not
//! measure anything itself.

use std::path::{Path, PathBuf};

use super::product::{ProductConfig, Programs};
use super::rate_search::{Durations, Loader};

/// Connections of the load generator, unless a command says otherwise.
pub(crate) const CONNECTIONS: usize = 512;

/// The set-up that the measurements of one command share.
pub(crate) struct Rig {
    pub(crate) programs: Programs,
    /// Folder for databases and logs.
    pub(crate) folder: PathBuf,
    pub(crate) durations: Durations,
    /// Connections of the load generator.
    pub(crate) connections: usize,
    /// PostgreSQL settings beside its defaults, each as `name=value`.
    pub(crate) postgres_settings: Vec<String>,
}

impl Rig {
    /// A rig with the programs beside this one and PostgreSQL's default settings.
    pub(crate) fn new(folder: &Path, durations: Durations) -> anyhow::Result<Self> {
        Ok(Self {
            programs: Programs::beside_us()?,
            folder: folder.to_owned(),
            durations,
            connections: CONNECTIONS,
            postgres_settings: Vec::new(),
        })
    }

    /// A load generator for one server; `numbers` are pairs of phone number id and WABA id.
    pub(crate) fn loader(&self, config: &ProductConfig, changes: usize, numbers: Vec<String>) -> Loader {
        Loader {
            programs: self.programs.clone(),
            target: config.listen,
            numbers,
            changes,
            people: 1,
            warmup: self.durations.warmup,
            connections: self.connections,
            folder: self.folder.clone(),
            first: 1,
            acks: Vec::new(),
        }
    }
}
