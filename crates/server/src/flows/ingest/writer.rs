//! The ingest writer: group commit. It gathers the posts that wait, writes them with one multi-row
//! insert and one commit, then answers each of them. It does not know what the events mean.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{AccountId, PhoneNumberId};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::{Builder, Handle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attribute::attribute;
use crate::App;
use crate::flows::database::Database;
use crate::flows::queue::{Job, enqueue};
use crate::runtime::clock::Clock;
use crate::runtime::ingest_queue::{QueuedPost, QueuedPosts};
use crate::runtime::metrics::Metrics;
use crate::store::events::{EventState, SealedEvent};
use crate::store::{self, Engine, channels, events};

/// After how many events a commit takes no further post. A post is not divided.
const MAX_EVENTS_PER_COMMIT: usize = 1024;

/// The least time between two commits: many small ones would write the same pages of the database
/// again and again. A post that comes alone does not wait.
const COMMIT_INTERVAL: Duration = Duration::from_millis(1);

/// How long a commit may take. Past it the posts are answered with 503 and Meta sends them again; events that were
/// stored all the same are recognised then. Nothing else is written meanwhile, so it is short.
const COMMIT_DEADLINE: Duration = Duration::from_secs(5);

/// A number's "last seen" is written no more often than this.
const LAST_SEEN_INTERVAL: SignedDuration = SignedDuration::from_secs(10);

/// Starts the writer. It ends when the app stops, after it has written what waits.
///
/// The writer has a thread of its own: among the tasks of some hundred connections it would wait its
/// turn after every statement, and nothing would be written meanwhile.
pub(crate) fn start(app: &App, posts: QueuedPosts) -> std::io::Result<()> {
    let writer = Writer {
        store: app.store.clone(),
        clock: app.clock.clone(),
        metrics: app.metrics.clone(),
        last_seen: HashMap::new(),
        owners: HashMap::new(),
    };
    let running = app.tasks.track_future(writer.run(posts, app.shutdown.clone()));
    let thread = std::thread::Builder::new().name("ingest".to_owned());
    match app.store.engine() {
        // a connection to SQLite belongs to no runtime, and the one connection that writes is returned here
        Engine::Sqlite => {
            let runtime = Builder::new_current_thread().enable_time().build()?;
            thread.spawn(move || runtime.block_on(running))?;
        }
        // a socket stays with the runtime that opened it, and other tasks use it afterwards
        Engine::Postgres => {
            let runtime = Handle::current();
            thread.spawn(move || runtime.block_on(running))?;
        }
    }
    Ok(())
}

/// Holds handles, not an [`App`]: the app holds the queue's sending end, and dropping it ends the writer.
struct Writer {
    store: Database,
    clock: Clock,
    metrics: Metrics,
    /// When each number's "last seen" was last written.
    last_seen: HashMap<PhoneNumberId, Timestamp>,
    /// The account of a number as last looked up. Used for wake-ups only.
    owners: HashMap<PhoneNumberId, AccountId>,
}

impl Writer {
    async fn run(mut self, mut queue: QueuedPosts, shutdown: CancellationToken) {
        let mut posts = Vec::new();
        let mut started = Instant::now();
        loop {
            let first = tokio::select! {
                biased;
                first = queue.recv() => first,
                () = shutdown.cancelled() => { queue.close(); queue.recv().await }
            };
            let Some(first) = first else { return };
            tokio::time::sleep_until(started + COMMIT_INTERVAL).await;
            started = Instant::now();
            let mut count = first.events.len();
            posts.push(first);
            while count < MAX_EVENTS_PER_COMMIT
                && let Ok(next) = queue.try_recv()
            {
                count += next.events.len();
                posts.push(next);
            }
            self.write(&mut posts).await;
        }
    }

    async fn write(&mut self, posts: &mut Vec<QueuedPost>) {
        let mut events = Vec::with_capacity(posts.iter().map(|post| post.events.len()).sum());
        for post in posts.iter_mut() {
            events.append(&mut post.events);
        }
        let received = events.len();
        let now = self.clock.now();
        let seen = self.numbers_to_mark_seen(&mut events, now);
        let must_interpret = events.iter().any(|sealed| sealed.event.state == EventState::ToInterpret);
        let commit = tokio::time::timeout(COMMIT_DEADLINE, self.commit(events, &seen, must_interpret, now)).await;
        let result = commit.unwrap_or_else(|_| Err(self.store.no_answer_within(COMMIT_DEADLINE))).map_err(Arc::new);
        match &result {
            Ok(new) => self.metrics.changes(received as u64, *new),
            Err(error) => {
                // its numbers count as seen only once that is stored
                self.last_seen.retain(|number, _| !seen.contains(number));
                if !error.is_retryable() {
                    tracing::error!("events could not be stored; Meta sends them again: {}", error.chain());
                }
            }
        }
        let answer = result.map(|_| ());
        for post in posts.drain(..) {
            // the request may have been cancelled meanwhile
            let _ = post.on_stored.send(answer.clone());
        }
    }

    /// Stores the events; returns how many of them were new.
    async fn commit(
        &mut self,
        events: Vec<SealedEvent>,
        seen: &[PhoneNumberId],
        must_interpret: bool,
        now: Timestamp,
    ) -> Result<u64, store::Error> {
        let mut tx = self.store.write().await?;
        let events = attribute(&mut tx, events).await?;
        let numbers: HashSet<PhoneNumberId> =
            events.iter().filter_map(|sealed| sealed.event.phone_number_id.clone()).collect();
        let mut channels_seen = Vec::with_capacity(seen.len());
        for number in seen {
            let channel = match channels::find_by_phone_number_id(&mut tx, number).await {
                // a damaged row of one number stops no events
                Err(error) if error.is_unreadable_row() => {
                    tracing::error!("a number is not marked as seen: {}", error.chain());
                    continue;
                }
                channel => channel?,
            };
            let Some(channel) = channel else { continue };
            channels_seen.push(channel.id);
            self.owners.insert(number.clone(), channel.account_id);
        }
        // before the events: storing one takes the lock of the event log, and whoever announces holds these rows then
        channels::record_last_seen(&mut tx, &channels_seen, now).await?;
        let new = events::insert_sealed(&mut tx, events).await?;
        if must_interpret {
            enqueue(&mut tx, &Job::Interpret, now);
        }
        tx.notify_events(numbers.iter().filter_map(|number| self.owners.get(number)).copied());
        tx.commit().await?;
        Ok(new)
    }

    /// The numbers whose "last seen" is due. Their event is interpreted whatever its field is: a message
    /// that was sent proves that the number works.
    fn numbers_to_mark_seen(&mut self, events: &mut [SealedEvent], now: Timestamp) -> Vec<PhoneNumberId> {
        let mut due = Vec::new();
        for SealedEvent { event, .. } in events {
            let Some(number) = &event.phone_number_id else { continue };
            if self.last_seen.get(number).is_none_or(|at| now >= *at + LAST_SEEN_INTERVAL) {
                self.last_seen.insert(number.clone(), now);
                event.state = EventState::ToInterpret;
                due.push(number.clone());
            }
        }
        due
    }
}
