//! A slot for at most one background task of a worker, such as a fetch or a flush. The task runs on while the worker
//! does other work, and is aborted when the slot is dropped. Must not know what the task does.

use std::future::pending;

use tokio::task::JoinHandle;

/// A slot that is idle, or holds one running task that ends in a `T`.
#[derive(Debug)]
pub(super) struct BackgroundTask<T>(Option<JoinHandle<T>>);

impl<T> Default for BackgroundTask<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Drop for BackgroundTask<T> {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl<T: Send + 'static> BackgroundTask<T> {
    /// Whether no task is running.
    pub(super) const fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    /// Starts a task. The slot must be idle.
    pub(super) fn start(&mut self, task: impl Future<Output = T> + Send + 'static) {
        self.0 = Some(tokio::spawn(task));
    }

    /// Waits for the result; `None` when the task panicked. Never returns while the slot is idle. Cancel safe: a
    /// dropped call can be repeated.
    pub(super) async fn join(&mut self) -> Option<T> {
        let Some(task) = &mut self.0 else { return pending().await };
        let result = task.await;
        self.0 = None;
        result.ok()
    }
}
