//! The queue between the requests that receive Meta's posts and the one writer that stores them.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::store;
use crate::store::events::SealedEvent;

/// How many posts may wait. Beyond it Meta gets 503 and sends the post again.
const MAX_QUEUED_POSTS: usize = 4096;

/// The answer to a post: its events are on disk, or why they are not.
pub type Stored = Result<(), Arc<store::Error>>;

/// One post that waits for the writer.
pub struct QueuedPost {
    pub events: Vec<SealedEvent>,
    /// Where the request waits for the commit.
    pub on_stored: oneshot::Sender<Stored>,
}

impl std::fmt::Debug for QueuedPost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QueuedPost({} events)", self.events.len())
    }
}

/// The receiving end, which the writer owns.
pub type QueuedPosts = mpsc::Receiver<QueuedPost>;

/// The sending end; cheap to clone.
#[derive(Debug, Clone)]
pub struct IngestQueue(mpsc::Sender<QueuedPost>);

impl IngestQueue {
    /// A bounded queue and its receiving end.
    pub fn new() -> (Self, QueuedPosts) {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_POSTS);
        (Self(sender), receiver)
    }

    /// Queues a post's events. `None` when the queue is full or the writer has stopped; else the
    /// receiver of the writer's answer.
    pub fn push(&self, events: Vec<SealedEvent>) -> Option<oneshot::Receiver<Stored>> {
        let (on_stored, answer) = oneshot::channel();
        self.0.try_send(QueuedPost { events, on_stored }).ok()?;
        Some(answer)
    }
}
