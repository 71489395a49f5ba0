//! The lease of this process on its endpoints, as the workers see it. Must not renew it: the supervisor does.

use jiff::Timestamp;
use tokio::sync::watch;

use crate::store::ids::ReplicaId;

/// The id of this process among all that forward events, and how long its leases cover a new request.
#[derive(Debug, Clone)]
pub(super) struct ReplicaLease {
    id: ReplicaId,
    covered_until: watch::Receiver<Timestamp>,
}

impl ReplicaLease {
    pub(super) const fn new(id: ReplicaId, covered_until: watch::Receiver<Timestamp>) -> Self {
        Self { id, covered_until }
    }

    pub(super) const fn id(&self) -> ReplicaId {
        self.id
    }

    /// Whether a request started now ends before the lease does.
    pub(super) fn covers(&self, now: Timestamp) -> bool {
        now < *self.covered_until.borrow()
    }
}
