//! Wakes the tasks of this process when something they wait for was committed. A wake-up that is lost
//! costs a delay only: each waiter also looks at the database by itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::AccountId;
use tokio::sync::{Notify, watch};

use crate::store::Committed;

/// How long [`Notifier::apply_endpoint_changes`] waits: attempts in flight are allowed to end first.
const APPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// Wakes the job runner and the forwarding workers of this process; clones wake the same tasks.
#[derive(Debug, Clone, Default)]
pub struct Notifier(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    jobs: Notify,
    /// A `watch`, so that a worker that is busy when events are committed sees it afterwards.
    events_by_account: Mutex<HashMap<AccountId, watch::Sender<()>>>,
    endpoints: Notify,
    /// Supervisor rounds that were started; 0 when this process does not forward.
    rounds_started: AtomicU64,
    /// The last supervisor round that ended.
    last_round: watch::Sender<u64>,
}

impl Notifier {
    /// Wakes what waits for the content of a committed transaction. The store calls it after each commit.
    pub fn committed(&self, committed: &Committed) {
        if committed.jobs {
            self.notify_jobs();
        }
        if committed.endpoints {
            self.notify_endpoints();
        }
        self.notify_events(committed.accounts.iter().copied());
    }

    /// A job was enqueued.
    fn notify_jobs(&self) {
        self.0.jobs.notify_waiters();
        self.0.jobs.notify_one();
    }

    /// Returns once a job was enqueued by this process.
    pub async fn jobs_enqueued(&self) {
        self.0.jobs.notified().await;
    }

    /// Events of these accounts were committed.
    fn notify_events(&self, accounts: impl IntoIterator<Item = AccountId>) {
        let waiting = self.0.events_by_account.lock().unwrap_or_else(PoisonError::into_inner);
        for workers in accounts.into_iter().filter_map(|account| waiting.get(&account)) {
            workers.send_replace(());
        }
    }

    /// Subscribes a forwarding worker to the events of an account.
    pub fn events_of(&self, account: AccountId) -> watch::Receiver<()> {
        let mut waiting = self.0.events_by_account.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(account).or_default().subscribe()
    }

    /// Endpoints were created, changed, or asked for a replay.
    pub fn notify_endpoints(&self) {
        self.0.endpoints.notify_one();
    }

    /// Returns once an endpoint was changed by this process.
    pub async fn endpoints_changed(&self) {
        self.0.endpoints.notified().await;
    }

    /// Wakes the forwarding supervisor and waits until the forwarding supervisor of this process has
    /// applied the changes. The supervisors of other processes apply them within seconds.
    pub async fn apply_endpoint_changes(&self) {
        let started = self.0.rounds_started.load(Ordering::SeqCst);
        self.notify_endpoints();
        if started > 0 {
            let mut last_round = self.0.last_round.subscribe();
            let applied = last_round.wait_for(|ended| *ended > started);
            // a slow endpoint may keep its worker busy; the change is in the database all the same
            let _ = tokio::time::timeout(APPLY_TIMEOUT, applied).await;
        }
    }

    /// Called by the forwarding supervisor as a round starts; returns the round's number.
    pub fn start_round(&self) -> u64 {
        self.0.rounds_started.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Called by the forwarding supervisor as a round ends.
    pub fn end_round(&self, round: u64) {
        self.0.last_round.send_replace(round);
    }
}
