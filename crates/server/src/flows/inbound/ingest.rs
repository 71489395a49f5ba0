//! Group commit: one writer gathers the posts that wait, writes them with one multi-row insert
//! and one commit, then lets every one of them answer. Knows nothing of what the events mean.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{AccountId, PhoneNumberId};
use jiff::{SignedDuration, Timestamp};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::InboundError;
use super::owners::assign;
use crate::clock::Clock;
use crate::counted;
use crate::flows::delivery::Hub;
use crate::jobs::{Job, poke};
use crate::store::events::{EventState, SealedEvent};
use crate::store::{self, Engine, Store, channels, events};

/// How many posts may wait; past it Meta is told to come again.
const WAITING: usize = 4096;

/// How many events one commit takes, more or less: a post is not divided.
const GATHERED: usize = 1024;

/// A commit begins no sooner after the one before: many small ones would write the same pages of the
/// database again and again, for nobody's good. A post that comes alone does not wait.
const COMMIT_PACE: Duration = Duration::from_millis(1);

/// "Last heard from" is written down no more often than this per number.
const HEARD_PACE: SignedDuration = SignedDuration::from_secs(10);

struct Post {
    events: Vec<SealedEvent>,
    stored: oneshot::Sender<Result<(), Arc<store::Error>>>,
}

/// What a commit wakes.
#[derive(Debug, Clone)]
pub struct Wakes {
    /// Whoever interprets.
    pub jobs: Arc<Notify>,
    /// Whoever forwards.
    pub endpoints: Hub,
}

/// The way to the writer.
#[derive(Debug, Clone)]
pub struct Ingest(mpsc::Sender<Post>);

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Post({} events)", self.events.len())
    }
}

impl Ingest {
    /// Starts the writer; it ends when the app stops, after what waits is written. Needs a runtime around it.
    ///
    /// The writer has a thread of its own. Among the tasks of some hundred connections it would wait its turn
    /// after every statement, and meanwhile nothing would be written.
    pub fn start(
        store: &Store,
        clock: &Clock,
        wakes: Wakes,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel(WAITING);
        let writer =
            Writer { store: store.clone(), clock: clock.clone(), wakes, heard: HashMap::new(), owners: HashMap::new() };
        let running = tasks.track_future(writer.run(receiver, shutdown.clone()));
        let thread = std::thread::Builder::new().name("ingest".to_owned());
        match store.engine() {
            // a connection to SQLite belongs to no runtime, and there is one that writes: it is given back here
            Engine::Sqlite => {
                let runtime = Builder::new_current_thread().enable_time().build()?;
                thread.spawn(move || runtime.block_on(running))?;
            }
            // a socket stays with the runtime that opened it, and others use it after us
            Engine::Postgres => {
                let runtime = Handle::current();
                thread.spawn(move || runtime.block_on(running))?;
            }
        }
        Ok(Self(sender))
    }

    /// Stores a post's events; returns once they are on disk.
    pub(super) async fn store(&self, events: Vec<SealedEvent>) -> Result<(), InboundError> {
        let (stored, answer) = oneshot::channel();
        self.0.try_send(Post { events, stored }).map_err(|_| InboundError::Busy)?;
        answer.await.map_err(|_| InboundError::Busy)?.map_err(InboundError::Store)
    }
}

struct Writer {
    store: Store,
    clock: Clock,
    wakes: Wakes,
    /// When each number's "last heard from" was last written down.
    heard: HashMap<PhoneNumberId, Timestamp>,
    /// Whose a number was when it was last looked up: whom to wake, nothing else.
    owners: HashMap<PhoneNumberId, AccountId>,
}

impl Writer {
    async fn run(mut self, mut receiver: mpsc::Receiver<Post>, shutdown: CancellationToken) {
        let mut posts = Vec::new();
        let mut began = Instant::now();
        loop {
            let first = tokio::select! {
                biased;
                first = receiver.recv() => first,
                () = shutdown.cancelled() => { receiver.close(); receiver.recv().await }
            };
            let Some(first) = first else { return };
            tokio::time::sleep_until(began + COMMIT_PACE).await;
            began = Instant::now();
            let mut count = first.events.len();
            posts.push(first);
            while count < GATHERED
                && let Ok(next) = receiver.try_recv()
            {
                count += next.events.len();
                posts.push(next);
            }
            self.write(&mut posts).await;
        }
    }

    async fn write(&mut self, posts: &mut Vec<Post>) {
        let mut gathered = Vec::with_capacity(posts.iter().map(|post| post.events.len()).sum());
        for post in posts.iter_mut() {
            gathered.append(&mut post.events);
        }
        let sent = gathered.len();
        let now = self.clock.now();
        let due = self.due(&mut gathered, now);
        let wakes = gathered.iter().any(|sealed| sealed.event.state == EventState::ToInterpret);
        let numbers: HashSet<PhoneNumberId> =
            gathered.iter().filter_map(|sealed| sealed.event.phone_number_id.clone()).collect();
        let result = self.commit(gathered, &due, wakes, now).await.map_err(Arc::new);
        match &result {
            Ok(new) => {
                counted::changes(sent as u64, *new);
                self.wake(wakes, &numbers);
            }
            Err(error) => tracing::error!(%error, "events could not be stored; Meta sends them again"),
        }
        let answer = result.map(|_| ());
        for post in posts.drain(..) {
            // whoever waited may have hung up
            let _ = post.stored.send(answer.clone());
        }
    }

    fn wake(&self, jobs: bool, numbers: &HashSet<PhoneNumberId>) {
        if jobs {
            self.wakes.jobs.notify_waiters();
            self.wakes.jobs.notify_one();
        }
        let accounts: HashSet<AccountId> =
            numbers.iter().filter_map(|number| self.owners.get(number)).copied().collect();
        self.wakes.endpoints.arrived(accounts);
    }

    async fn commit(
        &mut self,
        events: Vec<SealedEvent>,
        due: &[PhoneNumberId],
        wakes: bool,
        now: Timestamp,
    ) -> Result<u64, store::Error> {
        let mut tx = self.store.write().await?;
        let events = assign(&mut tx, events).await?;
        let new = events::insert_sealed(&mut tx, events).await?;
        let mut heard = Vec::with_capacity(due.len());
        for number in due {
            let Some(channel) = channels::find_by_phone_number_id(&mut tx, number).await? else { continue };
            heard.push(channel.id);
            self.owners.insert(number.clone(), channel.account_id);
        }
        channels::heard(&mut tx, &heard, now).await?;
        if wakes {
            poke(&mut tx, &Job::Interpret, now).await?;
        }
        tx.commit().await?;
        Ok(new)
    }

    /// The numbers that are heard of again after a while. Their event is interpreted whatever it is:
    /// a message that went out proves that the number works.
    fn due(&mut self, events: &mut [SealedEvent], now: Timestamp) -> Vec<PhoneNumberId> {
        let mut due = Vec::new();
        for SealedEvent { event, .. } in events {
            let Some(number) = &event.phone_number_id else { continue };
            if self.heard.get(number).is_none_or(|at| now >= *at + HEARD_PACE) {
                self.heard.insert(number.clone(), now);
                event.state = EventState::ToInterpret;
                due.push(number.clone());
            }
        }
        due
    }
}
