//! The worker of one endpoint: fetches the log, sends its items, flushes the results. Every endpoint has a task of its own,
//! so that a slow one delays no other. Fetches and flushes run beside the requests.
//!
//! The stored state is enough to go on from at any instant: the cursor never passes an event with an item that was neither
//! delivered nor stored as a pending retry. After a crash the items of the last moments are sent again, with the same ids.

use std::sync::Arc;
use std::time::Duration;

use domain::delivery::{Admission, CircuitBreaker, DisabledReason, RateLimiter};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attempt::{AttemptReport, send_item};
use super::background_task::BackgroundTask;
use super::backlog::EndpointBacklog;
use super::checkpoint::{Checkpoint, FLUSH_INTERVAL, next_flush_interval};
use super::disable::disable;
use super::fetch::{EventRows, FETCH_SIZE, POLL_INTERVAL, fetch_log, fetch_rows, read_events_of};
use super::outcome::Outcome;
use super::payload::encode;
use super::replica_lease::ReplicaLease;
use crate::App;
use crate::flows::FlowError;
use crate::runtime::clock::random_fraction;
use crate::store;
use crate::store::deliveries::log::{Page, Reader};
use crate::store::deliveries::{Delivery, DeliveryState};
use crate::store::endpoints::lease::Progress;
use crate::store::endpoints::{self, Endpoint};
use crate::store::ids::{DeliveryKey, EndpointId, EventId, ItemId};

/// The most requests in flight to one endpoint.
const MAX_IN_FLIGHT: usize = 32;

/// The cursor is flushed at the latest this long after it passed events that the endpoint does not want. Otherwise an
/// endpoint that wants few events would look far behind, and a restart would fetch them again.
const CURSOR_FLUSH_INTERVAL: Duration = Duration::from_secs(5);

/// The same when the log held nothing for the endpoint's account. Retention may remove events up to the stored cursor.
const IDLE_CURSOR_FLUSH_INTERVAL: Duration = Duration::from_mins(10);

/// The pause before a restart after a failure of the database.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// The pause before an endpoint is loaded again whose own row cannot be read. It is logged each time.
const UNREADABLE_DELAY: Duration = Duration::from_mins(5);

/// How long a stopping worker waits for requests in flight.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a walk over all rows begins.
const BEFORE_ALL: DeliveryKey = DeliveryKey { event: EventId(0), item: ItemId::WHOLE };

/// What a worker is started with.
pub(super) struct Assignment {
    pub(super) app: App,
    pub(super) id: EndpointId,
    pub(super) lease: ReplicaLease,
    /// Changes when events of the endpoint's account were committed.
    pub(super) events_committed: watch::Receiver<()>,
    pub(super) stop: CancellationToken,
}

/// Runs a worker until it is stopped or the endpoint was deleted; restarts it after a failure of the database.
pub(super) async fn run(assignment: Assignment) {
    while !assignment.stop.is_cancelled() {
        let mut delay = RESTART_DELAY;
        match Worker::load(&assignment).await {
            Ok(Some(worker)) => match worker.run().await {
                Ok(()) => return,
                Err(error) => log_failure(assignment.id, &error, "a worker failed; it restarts"),
            },
            Ok(None) => return,
            Err(error) => {
                log_failure(assignment.id, &error, "cannot load an endpoint; retrying");
                if matches!(&error, FlowError::Store(error) if error.is_unreadable_row()) {
                    delay = UNREADABLE_DELAY;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = assignment.stop.cancelled() => {}
        }
    }
}

fn log_failure(endpoint: EndpointId, error: &FlowError, consequence: &str) {
    if !error.is_outage() {
        tracing::warn!(%endpoint, "{consequence}: {}", error.chain());
    }
}

struct Worker<'a> {
    assignment: &'a Assignment,
    endpoint: Arc<Endpoint>,
    reader: Reader,
    backlog: EndpointBacklog,
    breaker: CircuitBreaker,
    rate_limiter: RateLimiter,
    in_flight: JoinSet<AttemptReport>,
    checkpoint: Checkpoint,
    fetch: BackgroundTask<Result<Page, store::Error>>,
    /// The result is whether the lease was still held, and the time the flush took.
    flush: BackgroundTask<(Result<bool, FlowError>, Duration)>,
    flush_interval: Duration,
    events_committed: watch::Receiver<()>,
    /// Whether the log may hold events after the last fetch.
    may_have_more: bool,
    /// Whether the last fetch reached the end of the log.
    is_at_end: bool,
    /// When to flush the cursor although no result is recorded.
    cursor_flush_at: Option<Instant>,
    last_poll_at: Instant,
    /// Replays up to this one are loaded; `None` when all are.
    replays_after: Option<DeliveryKey>,
    /// The reason to disable the endpoint when the worker ends.
    disable: Option<DisabledReason>,
    /// Whether a flush failed or the lease was lost: this worker must not write any more.
    is_fenced: bool,
}

impl<'a> Worker<'a> {
    async fn load(assignment: &'a Assignment) -> Result<Option<Self>, FlowError> {
        let mut tx = assignment.app.store.read().await?;
        let Some(endpoint) = endpoints::find(&mut tx, assignment.id).await? else { return Ok(None) };
        drop(tx);
        let mut worker = Self {
            assignment,
            reader: Reader::of(&endpoint),
            backlog: EndpointBacklog::new(endpoint.cursor),
            breaker: endpoint.breaker,
            rate_limiter: RateLimiter::new(endpoint.settings.per_second),
            in_flight: JoinSet::new(),
            checkpoint: Checkpoint::default(),
            fetch: BackgroundTask::default(),
            flush: BackgroundTask::default(),
            flush_interval: FLUSH_INTERVAL,
            events_committed: assignment.events_committed.clone(),
            may_have_more: true,
            is_at_end: false,
            cursor_flush_at: None,
            last_poll_at: Instant::now(),
            replays_after: Some(BEFORE_ALL),
            endpoint: Arc::new(endpoint),
            disable: None,
            is_fenced: false,
        };
        worker.load_pending().await?;
        Ok(Some(worker))
    }

    async fn run(mut self) -> Result<(), FlowError> {
        let ended = self.run_until_stopped().await;
        // a running flush ends before a restart reads the state again
        let flushed = self.finish_flush().await;
        ended.and(flushed)?;
        if self.is_fenced {
            return Ok(());
        }
        self.drain().await;
        self.start_flush();
        self.finish_flush().await?;
        match self.disable {
            Some(reason) => disable(&self.assignment.app, &self.endpoint, reason).await,
            None => Ok(()),
        }
    }

    async fn run_until_stopped(&mut self) -> Result<(), FlowError> {
        while !self.assignment.stop.is_cancelled() && self.disable.is_none() {
            self.start_fetch();
            self.load_replays().await?;
            let wake_at = self.dispatch_ready();
            let is_cursor_due = self.cursor_flush_at.is_some_and(|at| Instant::now() >= at);
            if self.flush.is_idle() && (self.checkpoint.is_due(self.flush_interval) || is_cursor_due) {
                self.start_flush();
            }
            self.wait(wake_at).await?;
        }
        Ok(())
    }

    /// Sends every item that may be sent now. Returns when the next one may be, if time alone decides that.
    fn dispatch_ready(&mut self) -> Option<Timestamp> {
        loop {
            let now = self.assignment.app.clock.now();
            let is_over_limit = !self.flush.is_idle() && self.checkpoint.is_over_limit();
            if self.in_flight.len() >= MAX_IN_FLIGHT || !self.assignment.lease.covers(now) || is_over_limit {
                return None;
            }
            let position = match self.breaker.admit(now) {
                Admission::Reject { until } => return Some(until),
                Admission::Probe if self.in_flight.is_empty() => self.backlog.probe(),
                Admission::Probe => None,
                Admission::Allow => self.backlog.next(now),
            };
            let Some(position) = position else { return self.backlog.next_due().filter(|due| *due > now) };
            if let Err(until) = self.rate_limiter.try_acquire(now) {
                return Some(until);
            }
            let dispatch = self.backlog.dispatch(position)?;
            let (app, endpoint) = (self.assignment.app.clone(), Arc::clone(&self.endpoint));
            self.in_flight.spawn(async move { send_item(&app, &endpoint, position, dispatch).await });
        }
    }

    /// Waits for the next thing to react to, at most until `wake_at`, and reacts to it.
    async fn wait(&mut self, wake_at: Option<Timestamp>) -> Result<(), FlowError> {
        let app = &self.assignment.app;
        // while a flush runs, the checkpoint waits for its end
        let flush_in = if self.flush.is_idle() { self.checkpoint.time_left(self.flush_interval) } else { None };
        let wake = async {
            match wake_at {
                Some(at) => app.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(report) = self.in_flight.join_next() => {
                self.on_attempt_done(report.ok());
                // reports that have arrived meanwhile go into the same flush
                while let Some(report) = self.in_flight.try_join_next() {
                    self.on_attempt_done(report.ok());
                }
            }
            page = self.fetch.join() => match page {
                Some(page) => self.on_fetched(page?),
                None => self.assignment.stop.cancel(),
            },
            flushed = self.flush.join() => match flushed {
                Some((result, elapsed)) => self.on_flushed(result, elapsed)?,
                None => self.fence(),
            },
            // the notifier outlives every worker
            Ok(()) = self.events_committed.changed() => self.may_have_more = true,
            () = wake => {}
            () = tokio::time::sleep(flush_in.unwrap_or(POLL_INTERVAL).min(POLL_INTERVAL)) => {}
            () = self.assignment.stop.cancelled() => {}
        }
        Ok(())
    }

    /// Records the report of an item; `None` when its task panicked.
    fn on_attempt_done(&mut self, report: Option<AttemptReport>) {
        // the item of a task that panicked has no result: the worker stops, and its successor sends the item again
        let Some(report) = report else {
            self.assignment.stop.cancel();
            return;
        };
        let now = self.assignment.app.clock.now();
        let outcome = Outcome::of(&report, self.backlog.get(report.position), now, random_fraction());
        match &outcome {
            Outcome::Delivered => {
                if self.breaker.is_tripped() {
                    self.backlog.make_due(now);
                }
                self.breaker.on_success();
            }
            Outcome::Skipped => {}
            Outcome::Gone => self.disable = Some(DisabledReason::Gone),
            Outcome::Retry { is_first_attempt, pause_until, .. }
            | Outcome::GivenUp { is_first_attempt, pause_until } => {
                self.breaker.on_failure(*is_first_attempt, now, random_fraction());
                if let Some(until) = pause_until {
                    self.breaker.block_until(*until);
                }
                if self.breaker.retries_exhausted(now) {
                    self.disable = Some(DisabledReason::FailingTooLong);
                }
            }
        }
        if let Some(label) = outcome.label() {
            self.assignment.app.metrics.delivery_attempt(label);
        }
        self.checkpoint.record(report, outcome, &mut self.backlog, now);
    }

    /// Waits for requests in flight, and aborts those that take too long: their items are sent again.
    async fn drain(&mut self) {
        let until = Instant::now() + DRAIN_TIMEOUT;
        while let Ok(Some(report)) = tokio::time::timeout_at(until, self.in_flight.join_next()).await {
            self.on_attempt_done(report.ok());
        }
        self.in_flight.abort_all();
    }

    /// Loads every pending retry before the first fetch, so that each has its place in its conversation.
    async fn load_pending(&mut self) -> Result<(), FlowError> {
        let mut after = BEFORE_ALL;
        loop {
            let rows =
                fetch_rows(&self.assignment.app.store, self.assignment.id, DeliveryState::Retrying, after).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.key;
            self.restore(rows).await?;
        }
    }

    /// Loads the next replays when no other item can be sent.
    async fn load_replays(&mut self) -> Result<(), FlowError> {
        let has_capacity = self.is_at_end && self.backlog.has_capacity_for_replays(self.assignment.app.clock.now());
        if let Some(after) = self.replays_after.filter(|_| has_capacity) {
            let rows =
                fetch_rows(&self.assignment.app.store, self.assignment.id, DeliveryState::Replayed, after).await?;
            self.replays_after = rows.last().map(|row| row.key);
            self.restore(rows).await?;
        }
        Ok(())
    }

    /// Adds rows to the backlog. A row of a whole event that has items is replaced by one row per item; a row is deleted when
    /// its event or its item was removed or is not wanted any more.
    async fn restore(&mut self, rows: Vec<Delivery>) -> Result<(), FlowError> {
        let now = self.assignment.app.clock.now();
        for EventRows { rows, items } in read_events_of(&self.assignment.app, &self.endpoint, rows).await? {
            let row_of = |item: ItemId| rows.iter().find(|row| row.key.item == item);
            for row in &rows {
                if !items.iter().any(|(position, _)| position.item == row.key.item) {
                    self.checkpoint.forget(row.key);
                }
            }
            // in the order of the event: rows are in the order of their ids
            for (position, keys) in &items {
                let Some(row) = row_of(position.item).or_else(|| row_of(ItemId::WHOLE)) else { continue };
                // what is pending already keeps its place
                if self.backlog.contains(*position) {
                    continue;
                }
                let of_item = Delivery { key: position.key(), ..row.clone() };
                if of_item.key != row.key {
                    self.checkpoint.add_pending([of_item.clone()]);
                }
                self.backlog.restore(of_item, *position, keys, now);
            }
        }
        Ok(())
    }

    /// Starts a fetch when the log may have more events and the backlog has free slots.
    fn start_fetch(&mut self) {
        if self.last_poll_at.elapsed() >= POLL_INTERVAL {
            self.may_have_more = true;
        }
        let free = self.backlog.free_slots();
        let is_worth_it = free >= FETCH_SIZE || (free > 0 && self.in_flight.len() < MAX_IN_FLIGHT);
        if !self.may_have_more || !is_worth_it || !self.fetch.is_idle() {
            return;
        }
        self.may_have_more = false;
        let (app, endpoint) = (self.assignment.app.clone(), Arc::clone(&self.endpoint));
        let (reader, after) = (self.reader, self.backlog.fetched_to());
        self.fetch.start(fetch_log(app, endpoint, reader, after, free.min(FETCH_SIZE)));
    }

    /// Adds a fetched page to the backlog.
    fn on_fetched(&mut self, page: Page) {
        self.last_poll_at = Instant::now();
        self.is_at_end = page.is_end;
        // a notification may have arrived during the fetch
        self.may_have_more |= !self.is_at_end;
        let now = self.assignment.app.clock.now();
        let has_entries = !page.entries.is_empty();
        if page.read_to > self.backlog.fetched_to() {
            let interval = if has_entries { CURSOR_FLUSH_INTERVAL } else { IDLE_CURSOR_FLUSH_INTERVAL };
            let at = Instant::now() + interval;
            self.cursor_flush_at = Some(self.cursor_flush_at.map_or(at, |before| before.min(at)));
        }
        for entry in page.entries {
            for item in encode(&self.endpoint, &entry) {
                if !self.backlog.contains(item.position) {
                    self.backlog.push(item, now);
                }
            }
        }
        self.backlog.set_fetched_to(page.read_to);
        if has_entries && self.backlog.has_pending() {
            // a flush defers the items that wait behind a pending retry and would fill the window
            self.checkpoint.request_flush();
        }
    }

    /// Starts a flush of the checkpoint and the cursor.
    fn start_flush(&mut self) {
        if !self.backlog.is_empty() {
            self.checkpoint.add_pending(self.backlog.defer_blocked());
        }
        let cursor = self.backlog.cursor();
        let progress =
            Progress { cursor, breaker: self.breaker, last_delivered_at: self.checkpoint.last_delivered_at() };
        let (app, replica) = (self.assignment.app.clone(), self.assignment.lease.id());
        let (endpoint, checkpoint) = (self.assignment.id, std::mem::take(&mut self.checkpoint));
        self.cursor_flush_at = None;
        self.flush.start(async move {
            let began = Instant::now();
            (checkpoint.flush(&app, replica, endpoint, &progress).await, began.elapsed())
        });
    }

    fn on_flushed(&mut self, result: Result<bool, FlowError>, elapsed: Duration) -> Result<(), FlowError> {
        if !result? {
            tracing::warn!(endpoint = %self.assignment.id, "another process has leased this endpoint");
            self.fence();
        }
        self.flush_interval = next_flush_interval(elapsed);
        Ok(())
    }

    /// Waits for a running flush.
    async fn finish_flush(&mut self) -> Result<(), FlowError> {
        if self.flush.is_idle() {
            return Ok(());
        }
        match self.flush.join().await {
            Some((result, elapsed)) => self.on_flushed(result, elapsed),
            None => {
                self.fence();
                Ok(())
            }
        }
    }

    /// Stops the worker without further writes. The stored state is consistent, and the next worker starts from it.
    fn fence(&mut self) {
        self.is_fenced = true;
        self.assignment.stop.cancel();
    }
}
