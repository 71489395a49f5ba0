//! One thing a worker has under way beside its posts: a task of its own, so that it goes on whatever the worker
//! does, and at most one at a time. Ends with the worker. Knows nothing of what it is.

use std::future::pending;

use tokio::task::JoinHandle;

/// Nothing, or something under way that ends in a `T`.
#[derive(Debug)]
pub(super) struct Beside<T>(Option<JoinHandle<T>>);

impl<T> Default for Beside<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Drop for Beside<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl<T: Send + 'static> Beside<T> {
    /// Whether nothing is under way.
    pub(super) const fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    /// Begins something; whoever calls has seen that nothing is under way.
    pub(super) fn begin(&mut self, what: impl Future<Output = T> + Send + 'static) {
        self.0 = Some(tokio::spawn(what));
    }

    /// What it ended in, or `None` where it panicked; never returns while nothing is under way. May be given up
    /// and called again.
    pub(super) async fn end(&mut self) -> Option<T> {
        let Some(task) = &mut self.0 else { return pending().await };
        let ended = task.await;
        self.0 = None;
        ended.ok()
    }
}
