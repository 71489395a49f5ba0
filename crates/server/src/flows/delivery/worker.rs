//! One endpoint's worker: reads the log, sends, writes down what came of it. One task per endpoint, so that
//! each goes at its own pace and none waits for another. It reads and writes beside what it sends.
//!
//! What is on record at any instant is enough to go on from: the cursor never passes an event that was
//! neither taken nor set aside. After a crash the last moments are sent again, with the same ids.

use std::sync::Arc;
use std::time::Duration;

use domain::delivery::breaker::{Breaker, Gate};
use domain::delivery::pace::Pace;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::beside::Beside;
use super::hub::Me;
use super::outcome::{Book, Outcome};
use super::post::write;
use super::queue::Queue;
use super::send::{Sent, send};
use crate::App;
use crate::flows::FlowError;
use crate::store;
use crate::store::deliveries::log::{self, Page, Reader};
use crate::store::deliveries::{self, Delivery, DeliveryState};
use crate::store::endpoints::lease::Progress;
use crate::store::endpoints::{self, Endpoint};
use crate::store::ids::{EndpointId, EventId};

/// So many posts to one endpoint are under way at once.
const AT_ONCE: usize = 32;

/// What came of posts is written down after so long, or as soon as it is so many.
const SETTLE_AFTER: Duration = Duration::from_millis(20);
const SETTLE_AT: usize = 256;

/// A database that is busy is written to less often and more at once, so that a worker spends a fifth of its
/// time on it at most; up to a point, since what was taken meanwhile is sent again after a crash.
const SETTLE_SHARE: u32 = 5;
const SETTLE_AT_LATEST: Duration = Duration::from_millis(250);

/// That events were passed which the endpoint does not want is written down after so long at most: else one
/// that wants little would seem far behind, and would begin there after a restart.
const PASSED_AFTER: Duration = Duration::from_secs(5);

/// How long the log is left alone when nobody said that something arrived: another process may have
/// written to it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// After the database failed.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// So much of the log is read at once, and not less while there is enough to send: one look costs as much.
const READ_AT_ONCE: usize = 256;

/// How long posts under way are waited for when the worker is to stop.
const DRAIN: Duration = Duration::from_secs(5);

/// What a worker is given.
pub(super) struct Task {
    pub(super) app: App,
    pub(super) id: EndpointId,
    pub(super) me: Me,
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
    pace: Pace,
    under_way: JoinSet<Sent>,
    book: Book,
    /// A look at the log, and at most how many events it brings.
    reading: Beside<(Result<Page, store::Error>, usize)>,
    /// What came of posts is being written down: whether the endpoint is still ours, and how long it took.
    settling: Beside<(Result<bool, FlowError>, Duration)>,
    /// How long what is in the book may wait.
    settle_after: Duration,
    /// Something arrived since the log was read.
    arrived: watch::Receiver<()>,
    /// The log may hold more than was read.
    is_behind: bool,
    /// Since when events it does not want were passed, and nothing of it is written down.
    passed_at: Option<Instant>,
    looked_at: Instant,
    /// Behind which the events asked for again were not loaded yet; `None` when all are.
    replays_after: Option<EventId>,
    /// It said that it is gone, or took nothing for days.
    is_over: Option<&'static str>,
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
            pace: Pace::new(endpoint.settings.per_second),
            under_way: JoinSet::new(),
            book: Book::default(),
            reading: Beside::default(),
            settling: Beside::default(),
            settle_after: SETTLE_AFTER,
            arrived: task.arrived.clone(),
            is_behind: true,
            passed_at: None,
            looked_at: Instant::now(),
            replays_after: Some(EventId(0)),
            endpoint: Arc::new(endpoint),
            is_over: None,
        };
        it.load_waiting().await?;
        Ok(Some(it))
    }

    async fn run(mut self) -> Result<(), FlowError> {
        let ended = self.work_on().await;
        // whatever happened, what is being written down comes before what is read next
        let settled = self.end_settling().await;
        ended.and(settled)?;
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
            let has_passed = self.passed_at.is_some_and(|at| at.elapsed() >= PASSED_AFTER);
            if self.settling.is_idle() && (self.book.is_due(self.settle_after) || has_passed) {
                self.settle();
            }
            self.wait(wait_until).await?;
        }
        Ok(())
    }

    /// Everything set aside, in its place, before the log is read on.
    async fn load_waiting(&mut self) -> Result<(), FlowError> {
        let mut after = EventId(0);
        loop {
            let mut tx = self.task.app.store.read().await?;
            let rows = deliveries::load(&mut tx, self.task.id, DeliveryState::Waiting, after, READ_AT_ONCE).await?;
            drop(tx);
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.event;
            self.enter_again(rows).await?;
        }
    }

    /// Events set aside, with their conversations; one whose event is no more is forgotten.
    async fn enter_again(&mut self, rows: Vec<Delivery>) -> Result<(), FlowError> {
        let mut tx = self.task.app.store.read().await?;
        for row in rows {
            let entry = log::entry(&mut tx, self.endpoint.account_id, row.event).await?;
            match entry.map(|entry| write(&self.endpoint, &entry)) {
                Some(written) if !written.posts.is_empty() => self.queue.enter_again(row, &written.lanes),
                _ => self.book.forget(row.event),
            }
        }
        Ok(())
    }

    /// Looks at the log where there is room for more of it.
    fn read_on(&mut self) {
        if self.looked_at.elapsed() >= LOOK_EVERY {
            self.is_behind = true;
        }
        let room = self.queue.room();
        let is_enough = room >= READ_AT_ONCE || (room > 0 && self.under_way.len() < AT_ONCE);
        if !self.is_behind || !is_enough || !self.reading.is_idle() {
            return;
        }
        self.is_behind = false;
        let (store, reader, after) = (self.task.app.store.clone(), self.reader, self.queue.read_to());
        let limit = room.min(READ_AT_ONCE);
        self.reading.begin(async move {
            let page = async {
                let mut tx = store.read().await?;
                log::read(&mut tx, &reader, after, limit).await
            };
            (page.await, limit)
        });
    }

    /// What a look at the log brought.
    fn take_in(&mut self, page: Page, limit: usize) {
        self.looked_at = Instant::now();
        // something may have arrived meanwhile, too
        self.is_behind |= page.entries.len() == limit;
        let now = self.task.app.clock.now();
        if !page.entries.is_empty() {
            self.passed_at.get_or_insert_with(Instant::now);
        }
        for entry in page.entries {
            let written = write(&self.endpoint, &entry);
            if !written.posts.is_empty() && !self.queue.contains(entry.id) {
                self.queue.enter(entry.id, &written.lanes, written.posts, now);
            }
        }
        self.queue.has_read(page.read_to);
        if self.queue.has_aside() {
            // some of them may stand behind it, and would fill the window
            self.book.open();
        }
    }

    /// Loads what was asked for again, when nothing new is before it.
    async fn load_replays(&mut self) -> Result<(), FlowError> {
        let is_new_first = self.is_behind || !self.reading.is_idle();
        let has_room = !is_new_first && self.queue.has_room_for_replays(self.task.app.clock.now());
        if let Some(after) = self.replays_after.filter(|_| has_room) {
            let mut tx = self.task.app.store.read().await?;
            let rows = deliveries::load(&mut tx, self.task.id, DeliveryState::Replayed, after, READ_AT_ONCE).await?;
            drop(tx);
            self.replays_after = rows.last().map(|row| row.event);
            self.enter_again(rows).await?;
        }
        Ok(())
    }

    /// Starts whatever may be sent now; until when there is nothing more to start.
    fn start(&mut self) -> Option<Timestamp> {
        loop {
            let now = self.task.app.clock.now();
            if self.under_way.len() >= AT_ONCE || !self.task.me.may_send(now) {
                return None;
            }
            let event = match self.breaker.gate(now) {
                Gate::Wait(until) => return Some(until),
                Gate::Probe if self.under_way.is_empty() => self.queue.probe(),
                Gate::Probe => None,
                Gate::Open => self.queue.next(now),
            };
            let Some(event) = event else { return self.queue.next_due().filter(|due| *due > now) };
            if let Err(until) = self.pace.spend(now) {
                return Some(until);
            }
            let (posts, part, attempts) = self.queue.send(event)?;
            let (app, endpoint) = (self.task.app.clone(), Arc::clone(&self.endpoint));
            self.under_way.spawn(async move { send(&app, &endpoint, event, posts, part, attempts).await });
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
                Some((page, limit)) => self.take_in(page?, limit),
                None => self.task.stop.cancel(),
            },
            settled = self.settling.end() => match settled {
                Some((settled, took)) => self.has_settled(settled, took)?,
                None => self.task.stop.cancel(),
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
            Outcome::Taken => self.breaker.taken(),
            Outcome::Unwanted => {}
            Outcome::Gone => self.is_over = Some(super::disabling::GONE),
            Outcome::Again { first, leave_until, .. } | Outcome::GivenUp { first, leave_until, .. } => {
                self.breaker.failed(*first, now, crate::clock::random_fraction());
                if let Some(until) = leave_until {
                    self.breaker.hold(*until);
                }
                if self.breaker.is_hopeless(now) {
                    self.is_over = Some(super::disabling::HOPELESS);
                }
            }
        }
        self.book.enter(sent, outcome, &mut self.queue, now);
    }

    /// Begins to write down what came of everything since the last time.
    fn settle(&mut self) {
        if !self.queue.is_empty() {
            self.book.aside.extend(self.queue.set_blocked_aside());
        }
        let cursor = self.queue.cursor();
        let made = Progress { cursor, breaker: self.breaker, delivered_at: self.book.delivered_at };
        let (app, me, id) = (self.task.app.clone(), self.task.me.id(), self.task.id);
        let book = std::mem::take(&mut self.book);
        self.passed_at = None;
        self.settling.begin(async move {
            let began = Instant::now();
            (book.write(&app, me, id, &made).await, began.elapsed())
        });
    }

    /// It was written down, or was not.
    fn has_settled(&mut self, settled: Result<bool, FlowError>, took: Duration) -> Result<(), FlowError> {
        if !settled? {
            tracing::warn!(endpoint = %self.task.id, "another process delivers to this endpoint by now");
            self.task.stop.cancel();
        }
        self.settle_after = (took * (SETTLE_SHARE - 1)).clamp(SETTLE_AFTER, SETTLE_AT_LATEST);
        Ok(())
    }

    /// Waits for what is being written down.
    async fn end_settling(&mut self) -> Result<(), FlowError> {
        if self.settling.is_idle() {
            return Ok(());
        }
        match self.settling.end().await {
            Some((settled, took)) => self.has_settled(settled, took),
            None => {
                self.task.stop.cancel();
                Ok(())
            }
        }
    }

    async fn drain(&mut self) {
        let until = Instant::now() + DRAIN;
        while let Ok(Some(sent)) = tokio::time::timeout_at(until, self.under_way.join_next()).await {
            self.take_down(sent.ok());
        }
        self.under_way.abort_all();
    }
}

impl Book {
    /// Whether it is time to write down.
    fn is_due(&self, after: Duration) -> bool {
        self.len() >= SETTLE_AT || self.patience(after).is_some_and(|left| left.is_zero())
    }

    /// How long it may still wait; `None` where there is nothing to write down.
    fn patience(&self, after: Duration) -> Option<Duration> {
        self.since.map(|since| after.saturating_sub(since.elapsed()))
    }
}
