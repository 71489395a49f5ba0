//! How the workers of a process are woken, and what they may do: who arrived for whom, and until when the
//! process's leases last. Knows no endpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::AccountId;
use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use crate::store::ids::ReplicaId;

/// Wakes workers of this process. A call that is lost costs a moment: every worker looks by itself too.
#[derive(Debug, Clone, Default)]
pub struct Hub(Arc<Parts>);

#[derive(Debug, Default)]
struct Parts {
    by_account: Mutex<HashMap<AccountId, Arc<Notify>>>,
    changed: Notify,
}

impl Hub {
    /// Events of these accounts were committed.
    pub fn arrived(&self, accounts: impl IntoIterator<Item = AccountId>) {
        let waiting = self.0.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        for notify in accounts.into_iter().filter_map(|account| waiting.get(&account)) {
            notify.notify_waiters();
            notify.notify_one();
        }
    }

    /// Endpoints were made, changed, or asked to send again.
    pub fn changed(&self) {
        self.0.changed.notify_one();
    }

    /// Until somebody says so.
    pub(super) async fn wait_for_change(&self) {
        self.0.changed.notified().await;
    }

    /// What a worker for this account waits on.
    pub(super) fn of(&self, account: AccountId) -> Arc<Notify> {
        let mut waiting = self.0.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(waiting.entry(account).or_default())
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
