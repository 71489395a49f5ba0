//! How the workers of a process are woken, and what they may do: who arrived for whom, and until when the
//! process's leases last. Knows no endpoint.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::AccountId;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use crate::store::ids::ReplicaId;

/// How long whoever changes an endpoint waits for it to be taken up: posts under way are let end first.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(2);

/// Wakes workers of this process. A call that is lost costs a moment: every worker looks by itself too.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    /// Every worker sees every change, also one that is busy when it comes; many are seen as one.
    by_account: Mutex<HashMap<AccountId, watch::Sender<()>>>,
    changed: Notify,
    /// Rounds of the supervisor that were begun; 0 where there is none in this process.
    begun: AtomicU64,
    /// The last round that ended.
    ended: watch::Sender<u64>,
}

impl Hub {
    /// Events of these accounts were committed.
    pub fn arrived(&self, accounts: impl IntoIterator<Item = AccountId>) {
        let waiting = self.0.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        for workers in accounts.into_iter().filter_map(|account| waiting.get(&account)) {
            workers.send_replace(());
        }
    }

    /// Endpoints were made, changed, or asked to send again.
    pub fn changed(&self) {
        self.0.changed.notify_one();
    }

    /// The same, and waits until this process works by it; another process does within seconds.
    pub async fn changed_and_taken_up(&self) {
        let begun = self.0.begun.load(Ordering::SeqCst);
        self.changed();
        if begun > 0 {
            let mut ended = self.0.ended.subscribe();
            let taken_up = ended.wait_for(|ended| *ended > begun);
            // a slow endpoint may keep its worker; the change is on record all the same
            let _ = tokio::time::timeout(TAKEN_UP_WITHIN, taken_up).await;
        }
    }

    /// A round of the supervisor begins; its number.
    pub(super) fn begin_round(&self) -> u64 {
        self.0.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn end_round(&self, round: u64) {
        self.0.ended.send_replace(round);
    }

    /// Until somebody says so.
    pub(super) async fn wait_for_change(&self) {
        self.0.changed.notified().await;
    }

    /// What a worker for this account waits on.
    pub(super) fn of(&self, account: AccountId) -> watch::Receiver<()> {
        let mut waiting = self.0.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.entry(account).or_default().subscribe()
    }
}

/// A process among those that deliver, and until when what it leased is its own.
#[derive(Debug, Clone)]
pub(super) struct Me {
    id: ReplicaId,
    until: watch::Receiver<Timestamp>,
}

impl Me {
    pub(super) const fn new(id: ReplicaId, until: watch::Receiver<Timestamp>) -> Self {
        Self { id, until }
    }

    pub(super) const fn id(&self) -> ReplicaId {
        self.id
    }

    /// Whether a post begun now would be over while the lease lasts.
    pub(super) fn may_send(&self, now: Timestamp) -> bool {
        now < *self.until.borrow()
    }
}
