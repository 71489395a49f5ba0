//! Until when a process may act for the endpoints it leased. Knows no endpoint.

use jiff::Timestamp;
use tokio::sync::watch;

use crate::store::ids::ReplicaId;

/// This process among the replicas that forward, and until when its leases last.
#[derive(Debug, Clone)]
pub(super) struct ReplicaLease {
    id: ReplicaId,
    until: watch::Receiver<Timestamp>,
}

impl ReplicaLease {
    pub(super) const fn new(id: ReplicaId, until: watch::Receiver<Timestamp>) -> Self {
        Self { id, until }
    }

    pub(super) const fn id(&self) -> ReplicaId {
        self.id
    }

    /// Whether an attempt started at `now` ends before the lease does.
    pub(super) fn covers(&self, now: Timestamp) -> bool {
        now < *self.until.borrow()
    }
}
