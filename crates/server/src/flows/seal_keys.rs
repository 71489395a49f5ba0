//! The seal keys of a running service: it takes the keys of a changed key file without a restart, and notes in the database
//! which key it encrypts with, so that a rotation can wait for it. The command that rotates is `admin::reseal`.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::quarantine;
use crate::App;
use crate::config::Seal;
use crate::seal::Keyring;
use crate::store::ids::ServiceId;
use crate::store::{self, services};

/// How often the key file is read.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// How often a service notes that it runs.
const SEEN_INTERVAL: SignedDuration = SignedDuration::from_secs(30);

/// A service that has not noted it for this long is gone.
const GONE_AFTER: SignedDuration = SignedDuration::from_secs(90);

/// How long a rotation waits for the services to take the new key.
const TAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a rotation looks whether they have.
const TAKE_POLL: Duration = Duration::from_millis(200);

/// The seal keys of the configuration.
pub fn load(seal: &Seal) -> anyhow::Result<Keyring> {
    let lines = match &seal.keys {
        Some(keys) => keys.clone(),
        None => read_key_file(&seal.key_file)?,
    };
    Keyring::parse(&lines).context("the seal keys cannot be used")
}

fn read_key_file(path: &Path) -> anyhow::Result<SecretString> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(
            "there is no seal key at {}; create one with `linekeeper key seal --new`, and keep a copy apart from the \
             backups of the database",
            path.display()
        ),
        Err(error) => Err(error).with_context(|| format!("the seal keys in {} cannot be read", path.display())),
    }
}

/// Follows the key file until the app stops. Keys that are set directly never change, and only their use is noted.
pub async fn follow(app: App) {
    let mut follower = Follower { id: ServiceId::fresh(app.clock.now()), app, seen_at: None, problem: None };
    while !follower.app.shutdown.is_cancelled() {
        follower.tick().await;
        tokio::select! {
            () = tokio::time::sleep(READ_INTERVAL) => {}
            () = follower.app.shutdown.cancelled() => {}
        }
    }
    if let Err(error) = follower.leave().await {
        tracing::debug!("the end of the service could not be noted: {}", error.chain());
    }
}

struct Follower {
    app: App,
    id: ServiceId,
    /// When the database last heard of the service, and of its key.
    seen_at: Option<Timestamp>,
    /// Why the key file cannot be used; logged when it changes.
    problem: Option<String>,
}

impl Follower {
    async fn tick(&mut self) {
        let has_new_key = self.app.config.seal.keys.is_none() && self.take_keys();
        // a key may also have come back while no service ran
        if (has_new_key || self.seen_at.is_none())
            && let Err(error) = quarantine::retry(&self.app).await
            && !error.is_outage()
        {
            tracing::warn!("quarantined events were not tried again: {}", error.chain());
        }
        let now = self.app.clock.now();
        let is_due = self.seen_at.is_none_or(|at| now >= at + SEEN_INTERVAL || now < at);
        if (has_new_key || is_due)
            && let Err(error) = self.note(now).await
            && !error.is_retryable()
        {
            tracing::warn!("the service could not note its seal key: {}", error.chain());
        }
    }

    /// Takes the keys of the file; true when one of them is new.
    fn take_keys(&mut self) -> bool {
        match load(&self.app.config.seal) {
            Ok(keys) => {
                self.problem = None;
                let is_new = self.app.store.keyring().take(&keys);
                if is_new {
                    tracing::info!(
                        encrypts = hex::encode(keys.current()),
                        "the key file changed: its seal keys are used"
                    );
                }
                is_new
            }
            Err(error) => {
                let problem = format!("{error:#}");
                if self.problem.as_ref() != Some(&problem) {
                    tracing::error!("the service keeps the seal keys it has: {problem}");
                    self.problem = Some(problem);
                }
                false
            }
        }
    }

    async fn note(&mut self, now: Timestamp) -> Result<(), store::Error> {
        // noted anew at once if it fails
        self.seen_at = None;
        let mut tx = self.app.store.write().await?;
        services::seen(&mut tx, self.id, now, now - GONE_AFTER).await?;
        tx.commit().await?;
        self.seen_at = Some(now);
        Ok(())
    }

    async fn leave(&self) -> Result<(), store::Error> {
        let mut tx = self.app.store.write().await?;
        services::left(&mut tx, self.id).await?;
        tx.commit().await
    }
}

/// Waits until every running service encrypts with the current key; the names of those that do not in time.
pub(super) async fn wait_for_services(app: &App) -> Result<Vec<ServiceId>, store::Error> {
    let until = tokio::time::Instant::now() + TAKE_TIMEOUT;
    loop {
        let mut tx = app.store.read().await?;
        let others = services::with_another_key(&mut tx, app.clock.now() - GONE_AFTER).await?;
        drop(tx);
        if others.is_empty() || tokio::time::Instant::now() >= until {
            return Ok(others.into_iter().map(|service| service.id).collect());
        }
        tokio::time::sleep(TAKE_POLL).await;
    }
}
