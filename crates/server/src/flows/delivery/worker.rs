//! One endpoint's worker: reads the log, sends, writes down what came of it. One task per endpoint, so that
//! each goes at its own pace and none waits for another. It reads and writes beside what it sends.
//!
//! What is on record at any instant is enough to go on from: the cursor never passes an event that was
//! neither taken nor set aside. After a crash the last moments are sent again, with the same ids.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::delivery::breaker::{Breaker, Gate};
use domain::delivery::pace::Pace;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::beside::Beside;
use super::outcome::{Book, Outcome};
use super::post::write;
use super::queue::Queue;
use super::replica_lease::ReplicaLease;
use super::send::{Sent, send, spend};
use crate::App;
use crate::flows::FlowError;
use crate::store;
use crate::store::deliveries::log::{Page, Reader};
use crate::store::endpoints::{self, Endpoint};
use crate::store::ids::{EndpointId, EventId};

mod reading;
mod settling;

use reading::LOOK_EVERY;
use settling::SETTLE_AFTER;

/// So many posts to one endpoint are under way at once.
const AT_ONCE: usize = 32;

/// That events were passed which the endpoint does not want is written down after so long at most: else one
/// that wants little would seem far behind, and would begin there after a restart …
const PASSED_AFTER: Duration = Duration::from_secs(5);

/// … and that there was nothing for it at all, after so long: what it has passed is owed to nobody, and may be removed.
const NOTHING_AFTER: Duration = Duration::from_mins(10);

/// After the database failed.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How long posts under way are waited for when the worker is to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// What a worker is given.
pub(super) struct Task {
    pub(super) app: App,
    pub(super) id: EndpointId,
    pub(super) me: ReplicaLease,
    /// Something arrived for its account.
    pub(super) arrived: watch::Receiver<()>,
    /// Ends it.
    pub(super) stop: CancellationToken,
}

/// Works until told to stop, or until the endpoint is no more.
pub(super) async fn work(task: Task) {
    while !task.stop.is_cancelled() {
        match Worker::begin(&task).await {
            Ok(Some(worker)) => match worker.run().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(endpoint = %task.id, %error, "delivering was interrupted"),
            },
            Ok(None) => return,
            Err(error) => tracing::warn!(endpoint = %task.id, %error, "an endpoint cannot be read"),
        }
        tokio::select! {
            () = tokio::time::sleep(TRY_AGAIN) => {}
            () = task.stop.cancelled() => {}
        }
    }
}

struct Worker<'a> {
    task: &'a Task,
    endpoint: Arc<Endpoint>,
    reader: Reader,
    queue: Queue,
    breaker: Breaker,
    /// Shared with what is under way: an event may be several posts.
    pace: Arc<Mutex<Pace>>,
    under_way: JoinSet<Sent>,
    book: Book,
    /// A look at the log.
    reading: Beside<Result<Page, store::Error>>,
    /// What came of posts is being written down: whether the endpoint is still ours, and how long it took.
    settling: Beside<(Result<bool, FlowError>, Duration)>,
    /// How long what is in the book may wait.
    settle_after: Duration,
    /// Something arrived since the log was read.
    arrived: watch::Receiver<()>,
    /// The log may hold more than was read.
    is_behind: bool,
    /// The last look at the log came to its end.
    is_at_end: bool,
    /// Until when it is to be written down that events were passed which it does not want.
    pass_by: Option<Instant>,
    looked_at: Instant,
    /// Behind which the events asked for again were not loaded yet; `None` when all are.
    replays_after: Option<EventId>,
    /// It said that it is gone, or took nothing for days.
    is_over: Option<&'static str>,
    /// What came of posts was not written down, and is forgotten: nothing more may be.
    is_lost: bool,
}

impl<'a> Worker<'a> {
    async fn begin(task: &'a Task) -> Result<Option<Self>, FlowError> {
        let mut tx = task.app.store.read().await?;
        let Some(endpoint) = endpoints::find(&mut tx, task.id).await? else { return Ok(None) };
        drop(tx);
        let mut it = Self {
            task,
            reader: Reader::of(&endpoint),
            queue: Queue::from(endpoint.cursor),
            breaker: endpoint.breaker,
            pace: Arc::new(Mutex::new(Pace::new(endpoint.settings.per_second))),
            under_way: JoinSet::new(),
            book: Book::default(),
            reading: Beside::default(),
            settling: Beside::default(),
            settle_after: SETTLE_AFTER,
            arrived: task.arrived.clone(),
            is_behind: true,
            is_at_end: false,
            pass_by: None,
            looked_at: Instant::now(),
            replays_after: Some(EventId(0)),
            endpoint: Arc::new(endpoint),
            is_over: None,
            is_lost: false,
        };
        it.load_waiting().await?;
        Ok(Some(it))
    }

    async fn run(mut self) -> Result<(), FlowError> {
        let ended = self.work_on().await;
        // whatever happened, what is being written down comes before what is read next
        let settled = self.end_settling().await;
        ended.and(settled)?;
        if self.is_lost {
            return Ok(());
        }
        self.drain().await;
        self.settle();
        self.end_settling().await?;
        match self.is_over {
            Some(why) => super::disabling::disable(&self.task.app, &self.endpoint, why).await,
            None => Ok(()),
        }
    }

    async fn work_on(&mut self) -> Result<(), FlowError> {
        while !self.task.stop.is_cancelled() && self.is_over.is_none() {
            self.read_on();
            self.load_replays().await?;
            let wait_until = self.start();
            let has_passed = self.pass_by.is_some_and(|by| Instant::now() >= by);
            if self.settling.is_idle() && (self.book.is_due(self.settle_after) || has_passed) {
                self.settle();
            }
            self.wait(wait_until).await?;
        }
        Ok(())
    }

    /// Starts whatever may be sent now; until when there is nothing more to start.
    fn start(&mut self) -> Option<Timestamp> {
        loop {
            let now = self.task.app.clock.now();
            if self.under_way.len() >= AT_ONCE || !self.task.me.covers(now) || self.is_unsettled() {
                return None;
            }
            let event = match self.breaker.gate(now) {
                Gate::Wait(until) => return Some(until),
                Gate::Probe if self.under_way.is_empty() => self.queue.probe(),
                Gate::Probe => None,
                Gate::Open => self.queue.next(now),
            };
            let Some(event) = event else { return self.queue.next_due().filter(|due| *due > now) };
            if let Err(until) = spend(&self.pace, now) {
                return Some(until);
            }
            let todo = self.queue.send(event)?;
            let (app, endpoint, pace) = (self.task.app.clone(), Arc::clone(&self.endpoint), Arc::clone(&self.pace));
            self.under_way.spawn(async move { send(&app, &endpoint, &pace, event, todo).await });
        }
    }

    /// Until something happened that there is something to do about.
    async fn wait(&mut self, until: Option<Timestamp>) -> Result<(), FlowError> {
        let app = &self.task.app;
        // what is in the book waits for what is being written down, however long it has waited
        let patience = if self.settling.is_idle() { self.book.patience(self.settle_after) } else { None };
        let due = async {
            match until {
                Some(until) => app.clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(sent) = self.under_way.join_next() => {
                self.take_down(sent.ok());
                // whatever else came back meanwhile is written down with it
                while let Some(sent) = self.under_way.try_join_next() {
                    self.take_down(sent.ok());
                }
            }
            read = self.reading.end() => match read {
                Some(page) => self.take_in(page?),
                None => self.task.stop.cancel(),
            },
            settled = self.settling.end() => match settled {
                Some((settled, took)) => self.has_settled(settled, took)?,
                None => self.lose(),
            },
            // the hub outlives every worker
            Ok(()) = self.arrived.changed() => self.is_behind = true,
            () = due => {}
            () = tokio::time::sleep(patience.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)) => {}
            () = self.task.stop.cancelled() => {}
        }
        Ok(())
    }

    /// What came of a post.
    fn take_down(&mut self, sent: Option<Sent>) {
        // a task that panicked: its event stays where it is, and the worker begins anew
        let Some(sent) = sent else {
            self.task.stop.cancel();
            return;
        };
        let now = self.task.app.clock.now();
        let outcome = Outcome::of(&sent, self.queue.get(sent.event), now);
        match &outcome {
            Outcome::Taken => {
                if self.breaker.is_open() {
                    self.queue.hurry(now);
                }
                self.breaker.taken();
            }
            Outcome::Unwanted => {}
            Outcome::Gone => self.is_over = Some(super::disabling::GONE),
            Outcome::Again { first, leave_until, .. } | Outcome::GivenUp { first, leave_until, .. } => {
                self.breaker.failed(*first, now, crate::runtime::clock::random_fraction());
                if let Some(until) = leave_until {
                    self.breaker.hold(*until);
                }
                if self.breaker.is_hopeless(now) {
                    self.is_over = Some(super::disabling::HOPELESS);
                }
            }
        }
        if let Some(label) = outcome.label() {
            self.task.app.metrics.delivery_attempt(label);
        }
        self.book.enter(sent, outcome, &mut self.queue, now);
    }

    async fn drain(&mut self) {
        let until = Instant::now() + DRAIN;
        while let Ok(Some(sent)) = tokio::time::timeout_at(until, self.under_way.join_next()).await {
            self.take_down(sent.ok());
        }
        self.under_way.abort_all();
    }
}
