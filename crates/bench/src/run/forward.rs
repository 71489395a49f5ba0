//! Forwarding: from the instant a post is due at the product until its message is at an endpoint. The product and the load
//! generator are processes of their own; the receiver is a thread of this process ([`crate::sink`]).

use serde::{Deserialize, Serialize};

pub(crate) mod backlog;
pub(crate) mod delivered;
pub(crate) mod fan_out;
pub(crate) mod forwarding_rig;
pub(crate) mod isolation;
pub(crate) mod long;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod soak;

use self::forwarding_rig::LoadResult;

/// All results about forwarding.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Forwarding {
    /// Forwarding to one endpoint.
    pub(crate) delivered: Vec<delivered::Delivered>,
    /// Forwarding to several endpoints.
    pub(crate) fan_out: Vec<fan_out::FanOut>,
    /// Forwarding to an endpoint that was down.
    pub(crate) backlog: Vec<backlog::Backlog>,
    /// Forwarding to a healthy endpoint beside failing ones.
    pub(crate) isolation: Vec<isolation::Isolation>,
}

impl Forwarding {
    /// Whether every acknowledged event was delivered and is in the database once.
    pub(crate) fn is_complete(&self) -> bool {
        let delivered = self.delivered.iter().flat_map(|it| {
            [Some(&it.flood), it.sustained.as_ref(), it.half.as_ref(), it.half_of_ingest.as_ref()].into_iter().flatten()
        });
        let fan_out = self.fan_out.iter().flat_map(|it| it.widths.iter().flat_map(|width| [&width.full, &width.half]));
        let is_delivered = |result: &LoadResult| {
            result.missing == 0 && result.received.unrecognized == 0 && result.received.accepted > 0
        };
        let rows = self.delivered.iter().map(|it| it.rows).chain(self.fan_out.iter().map(|it| it.rows));
        delivered.chain(fan_out).all(is_delivered)
            && self.backlog.iter().all(backlog::Backlog::is_complete)
            && self.isolation.iter().all(|it| it.missing == 0)
            && rows.chain(self.backlog.iter().map(|it| it.rows)).all(|rows| rows.is_complete())
    }
}
