//! The supervisor: leases endpoints for this process, and starts and stops their workers. Must not send events.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::replica_lease::ReplicaLease;
use super::worker::{self, Assignment};
use crate::App;
use crate::flows::FlowError;
use crate::store::endpoints::lease::{self, Leased};
use crate::store::ids::{EndpointId, ReplicaId};
use crate::store::{Engine, endpoints};

/// How long a lease lasts without a renewal.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// The interval of renewals and of claims of further endpoints.
const TICK: Duration = Duration::from_secs(2);

/// A process that has not renewed for this long counts no more when endpoints are shared out.
const REPLICA_TIMEOUT: SignedDuration = SignedDuration::from_secs(20);

/// Runs the workers of this process until the app stops.
pub async fn supervise(app: App) {
    let covered_until = watch::Sender::new(Timestamp::MIN);
    let lease = ReplicaLease::new(ReplicaId::fresh(app.clock.now()), covered_until.subscribe());
    let mut supervisor = Supervisor { app, lease, covered_until, workers: HashMap::new() };
    while !supervisor.app.shutdown.is_cancelled() {
        let round = supervisor.app.notifier.start_round();
        if let Err(error) = supervisor.tick().await
            && !error.is_outage()
        {
            tracing::warn!("the forwarding supervisor failed; it retries: {}", error.chain());
        }
        supervisor.app.notifier.end_round(round);
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = supervisor.app.notifier.endpoints_changed() => {}
            () = supervisor.app.shutdown.cancelled() => {}
        }
    }
    supervisor.release_all().await;
}

struct Supervisor {
    app: App,
    lease: ReplicaLease,
    /// Until when a new request ends before the leases do.
    covered_until: watch::Sender<Timestamp>,
    workers: HashMap<EndpointId, RunningWorker>,
}

struct RunningWorker {
    generation: i64,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervisor {
    async fn tick(&mut self) -> Result<(), FlowError> {
        let mut tx = self.app.store.read().await?;
        let any = lease::any(&mut tx).await?;
        drop(tx);
        if !any && self.workers.is_empty() {
            return Ok(());
        }
        let now = self.app.clock.now();
        let (leased, surplus) = self.renew_and_claim(now).await?;
        self.covered_until.send_replace(now + LEASE - self.max_request_time());
        let generations: HashMap<EndpointId, i64> = leased.iter().map(|it| (it.id, it.generation)).collect();
        let stale: Vec<EndpointId> = self
            .workers
            .iter()
            .filter(|(id, worker)| generations.get(id) != Some(&worker.generation) || worker.task.is_finished())
            .map(|(id, _)| *id)
            .collect();
        self.stop(&stale).await;
        if let Some(surplus) = surplus {
            self.stop(&[surplus]).await;
            let mut tx = self.app.store.write().await?;
            lease::release(&mut tx, self.lease.id(), surplus).await?;
            tx.commit().await?;
        }
        for it in leased.into_iter().filter(|it| Some(it.id) != surplus) {
            if !self.workers.contains_key(&it.id) {
                self.start(it).await?;
            }
        }
        Ok(())
    }

    /// Renews the leases, claims up to this process's share, and names one endpoint above the share.
    async fn renew_and_claim(&self, now: Timestamp) -> Result<(Vec<Leased>, Option<EndpointId>), FlowError> {
        let replica = self.lease.id();
        let mut tx = self.app.store.write().await?;
        let shares = lease::heartbeat(&mut tx, replica, now, now - REPLICA_TIMEOUT).await?;
        let mut leased = lease::renew(&mut tx, replica, now + LEASE).await?;
        // with SQLite there is one process: any other lease belongs to a process that was killed
        let (share, expired_at) = match self.app.store.engine() {
            Engine::Sqlite => (shares.endpoints, Timestamp::MAX),
            Engine::Postgres => (shares.endpoints.div_ceil(shares.replicas.max(1)), now),
        };
        let missing = share.saturating_sub(leased.len());
        if missing > 0 {
            leased.extend(lease::claim(&mut tx, replica, expired_at, now + LEASE, missing).await?);
        }
        tx.commit().await?;
        let surplus = (leased.len() > share).then(|| leased.last().map(|it| it.id)).flatten();
        Ok((leased, surplus))
    }

    /// The longest time that one request may take; shorter than a lease (checked in `config::delivery`).
    fn max_request_time(&self) -> SignedDuration {
        let deadline = i64::try_from(self.app.config.delivery.deadline_seconds).unwrap_or(i64::MAX);
        SignedDuration::from_secs(deadline.min(LEASE.as_secs() - 5))
    }

    async fn start(&mut self, leased: Leased) -> Result<(), FlowError> {
        let mut tx = self.app.store.read().await?;
        let Some(account) = endpoints::account_of(&mut tx, leased.id).await? else { return Ok(()) };
        drop(tx);
        let stop = self.app.shutdown.child_token();
        let assignment = Assignment {
            app: self.app.clone(),
            id: leased.id,
            lease: self.lease.clone(),
            events_committed: self.app.notifier.events_of(account),
            stop: stop.clone(),
        };
        let task = self.app.tasks.spawn(worker::run(assignment));
        self.workers.insert(leased.id, RunningWorker { generation: leased.generation, stop, task });
        Ok(())
    }

    async fn stop(&mut self, ids: &[EndpointId]) {
        let stopping: Vec<RunningWorker> = ids.iter().filter_map(|id| self.workers.remove(id)).collect();
        for worker in &stopping {
            worker.stop.cancel();
        }
        for worker in stopping {
            // the panic hook has logged a panic
            let _ = worker.task.await;
        }
    }

    /// Stops every worker and releases the leases, so that another process need not wait until they expire.
    async fn release_all(&mut self) {
        let all: Vec<EndpointId> = self.workers.keys().copied().collect();
        self.stop(&all).await;
        let Ok(mut tx) = self.app.store.write().await else { return };
        if lease::release_all(&mut tx, self.lease.id()).await.is_ok() {
            // without a commit the leases expire by themselves
            let _ = tx.commit().await;
        }
    }
}
