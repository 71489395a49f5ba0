//! Forwarding: what Meta sent, and what is announced, goes to whoever an account named.
//!
//! Events are a log (`store::events`); every endpoint has a place in it. A [`supervise`] task per process
//! leases endpoints and runs one [`worker`] for each. With PostgreSQL several processes share the endpoints;
//! with SQLite there is one process and everything is its own. Ingest never waits for any of this.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::FlowError;
use crate::App;
use crate::store::endpoints::lease::{self, Leased};
use crate::store::ids::{EndpointId, ReplicaId};
use crate::store::{Engine, endpoints};

mod beside;
mod disabling;
mod outcome;
pub(crate) mod post;
mod queue;
mod redact;
mod replica_lease;
mod send;
mod worker;

pub(crate) use send::one as send_one;

use replica_lease::ReplicaLease;
use worker::Task;

/// How long a process may keep an endpoint without saying so again.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// How often it says so, and looks for more.
const TICK: Duration = Duration::from_secs(2);

/// A process not seen for so long takes no share any more.
const GONE_AFTER: SignedDuration = SignedDuration::from_secs(20);

/// Runs the workers of this process until the app stops.
pub async fn supervise(app: App) {
    let until = watch::Sender::new(Timestamp::MIN);
    let me = ReplicaLease::new(ReplicaId::fresh(app.clock.now()), until.subscribe());
    let mut supervisor = Supervisor { app, me, until, workers: HashMap::new() };
    while !supervisor.app.shutdown.is_cancelled() {
        let round = supervisor.app.notifier.start_round();
        if let Err(error) = supervisor.tick().await {
            tracing::warn!(%error, "endpoints cannot be looked after");
        }
        supervisor.app.notifier.end_round(round);
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = supervisor.app.notifier.endpoints_changed() => {}
            () = supervisor.app.shutdown.cancelled() => {}
        }
    }
    supervisor.end().await;
}

struct Supervisor {
    app: App,
    me: ReplicaLease,
    /// Until when a post may still begin.
    until: watch::Sender<Timestamp>,
    workers: HashMap<EndpointId, Running>,
}

struct Running {
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
        let (leased, surplus) = self.lease(now).await?;
        self.until.send_replace(now + LEASE - self.longest_post());
        let mine: HashMap<EndpointId, i64> = leased.iter().map(|it| (it.id, it.generation)).collect();
        let over: Vec<EndpointId> = self
            .workers
            .iter()
            .filter(|(id, running)| mine.get(id) != Some(&running.generation) || running.task.is_finished())
            .map(|(id, _)| *id)
            .collect();
        self.stop(&over).await;
        if let Some(one) = surplus {
            self.stop(&[one]).await;
            let mut tx = self.app.store.write().await?;
            lease::release(&mut tx, self.me.id(), one).await?;
            tx.commit().await?;
        }
        for it in leased.into_iter().filter(|it| Some(it.id) != surplus) {
            if !self.workers.contains_key(&it.id) {
                self.begin(it).await?;
            }
        }
        Ok(())
    }

    /// What is this process's from now on, and one that should be another's.
    async fn lease(&self, now: Timestamp) -> Result<(Vec<Leased>, Option<EndpointId>), FlowError> {
        let me = self.me.id();
        let mut tx = self.app.store.write().await?;
        let shares = lease::seen(&mut tx, me, now, now - GONE_AFTER).await?;
        let mut leased = lease::renew(&mut tx, me, now + LEASE).await?;
        // there is one process with SQLite: what another one leased, it left behind when it was killed
        let (share, ended) = match self.app.store.engine() {
            Engine::Sqlite => (shares.endpoints, Timestamp::MAX),
            Engine::Postgres => (shares.endpoints.div_ceil(shares.replicas.max(1)), now),
        };
        let room = share.saturating_sub(leased.len());
        if room > 0 {
            leased.extend(lease::claim(&mut tx, me, ended, now + LEASE, room).await?);
        }
        tx.commit().await?;
        let surplus = (leased.len() > share).then(|| leased.last().map(|it| it.id)).flatten();
        Ok((leased, surplus))
    }

    /// No event's first post begins that could outlive the lease; a deadline is shorter (`config::delivery`).
    fn longest_post(&self) -> SignedDuration {
        let deadline = i64::try_from(self.app.config.delivery.deadline_seconds).unwrap_or(i64::MAX);
        SignedDuration::from_secs(deadline.min(LEASE.as_secs() - 5))
    }

    async fn begin(&mut self, leased: Leased) -> Result<(), FlowError> {
        let mut tx = self.app.store.read().await?;
        let Some(account) = endpoints::account_of(&mut tx, leased.id).await? else { return Ok(()) };
        drop(tx);
        let stop = self.app.shutdown.child_token();
        let task = Task {
            app: self.app.clone(),
            id: leased.id,
            me: self.me.clone(),
            arrived: self.app.notifier.events_of(account),
            stop: stop.clone(),
        };
        let task = self.app.tasks.spawn(worker::work(task));
        self.workers.insert(leased.id, Running { generation: leased.generation, stop, task });
        Ok(())
    }

    async fn stop(&mut self, ids: &[EndpointId]) {
        let stopping: Vec<Running> = ids.iter().filter_map(|id| self.workers.remove(id)).collect();
        for running in &stopping {
            running.stop.cancel();
        }
        for running in stopping {
            // one that panicked has been logged
            let _ = running.task.await;
        }
    }

    /// Gives everything back, so that another process need not wait for the leases to end.
    async fn end(&mut self) {
        let all: Vec<EndpointId> = self.workers.keys().copied().collect();
        self.stop(&all).await;
        let Ok(mut tx) = self.app.store.write().await else { return };
        if lease::release_all(&mut tx, self.me.id()).await.is_ok() {
            // whoever cannot commit leaves leases that end by themselves
            let _ = tx.commit().await;
        }
    }
}
