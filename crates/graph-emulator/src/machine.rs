//! The world with its clock, faults and logs behind one lock, and the order in which webhooks leave. Must not parse HTTP.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::fault::{self, Call, Fault};
use crate::log::{LogEntry, WebhookEntry, shown_body, shown_query};
use crate::sender::Sender;
use crate::world::{Answer, Reply, Request, World};

/// Entries a log keeps; the oldest go first.
const LOG_LENGTH: usize = 100_000;

/// Everything that changes.
#[derive(Debug)]
pub(crate) struct Machine {
    pub world: World,
    pub clock: Clock,
    pub faults: Vec<Fault>,
    pub calls: VecDeque<LogEntry>,
    pub webhooks: VecDeque<WebhookEntry>,
    seq: u64,
}

/// What a call comes to.
#[derive(Debug)]
pub(crate) enum Served {
    Reply(Reply),
    /// A bare status, with a body that is not Graph's.
    Bare(u16, String),
    /// The connection closes.
    Cut,
}

/// What to do with a call before it reaches the world.
enum Step {
    Answer(Answer),
    Bare(u16, String),
    Cut,
    /// Cut after the answer is made.
    AnswerThenCut(Answer),
}

/// Shared by the listener, the sender and every handle.
#[derive(Debug)]
pub(crate) struct Shared {
    machine: Mutex<Machine>,
    pub sender: Sender,
    turn: tokio::sync::Mutex<()>,
    pub wake: Notify,
    pub base_url: OnceLock<String>,
    started: Instant,
}

impl Shared {
    pub(crate) fn new(world: World, clock: Clock, sender: Sender) -> Self {
        let machine =
            Machine { world, clock, faults: Vec::new(), calls: VecDeque::new(), webhooks: VecDeque::new(), seq: 0 };
        Self {
            machine: Mutex::new(machine),
            sender,
            turn: tokio::sync::Mutex::new(()),
            wake: Notify::new(),
            base_url: OnceLock::new(),
            started: Instant::now(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.lock().clock.now()
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Answers one Graph call: faults first, then the world, a handshake where one is due, the delay last.
    pub(crate) async fn serve(&self, request: &Request, in_batch: bool) -> Served {
        let started_at_us = self.elapsed_us();
        let (step, mut entry, delay) = self.begin(request);
        entry.in_batch = in_batch;
        let served = match step {
            Step::Answer(answer) => Served::Reply(self.finish(answer).await),
            Step::AnswerThenCut(answer) => {
                self.finish(answer).await;
                Served::Cut
            }
            Step::Bare(status, body) => Served::Bare(status, body),
            Step::Cut => Served::Cut,
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        entry.started_at_us = started_at_us;
        entry.ended_at_us = self.elapsed_us();
        match &served {
            Served::Reply(reply) => {
                entry.status = Some(reply.status);
                entry.error_code = reply.body["error"]["code"].as_i64();
                entry.error_subcode = reply.body["error"]["error_subcode"].as_i64();
            }
            Served::Bare(status, _) => entry.status = Some(*status),
            Served::Cut => {}
        }
        self.lock().note_call(entry);
        self.wake.notify_one();
        served
    }

    fn begin(&self, request: &Request) -> (Step, LogEntry, Option<Duration>) {
        let mut guard = self.lock();
        let machine = &mut *guard;
        let now = machine.clock.now();
        let mut entry = machine.entry(request, now);
        let fields = request.text("fields");
        let call = Call {
            template: &entry.route,
            fields: fields.as_deref(),
            waba_id: entry.waba_id.as_deref(),
            phone_number_id: entry.phone_number_id.as_deref(),
        };
        let Some(fault) = fault::take(&mut machine.faults, &call) else {
            return (Step::Answer(machine.world.call(request, now)), entry, None);
        };
        entry.faulted = true;
        let delay = fault.delay_ms.map(Duration::from_millis);
        let step = if let Some(error) = &fault.error {
            Step::Answer(Answer::Reply(machine.world.refuse(request, error.graph_error(), now)))
        } else if let Some(status) = fault.status {
            Step::Bare(status, fault::status_body(&fault))
        } else if fault.cut {
            Step::Cut
        } else if fault.apply_then_cut {
            Step::AnswerThenCut(machine.world.call(request, now))
        } else {
            Step::Answer(machine.world.call(request, now))
        };
        (step, entry, delay)
    }

    /// Plays handshakes until the answer is there.
    async fn finish(&self, mut answer: Answer) -> Reply {
        loop {
            let challenge = match answer {
                Answer::Reply(reply) => return reply,
                Answer::AfterChallenge(challenge) => challenge,
            };
            let (outcome, status) = self.sender.handshake(&challenge).await;
            let mut machine = self.lock();
            let now = machine.clock.now();
            machine.note_webhook(WebhookEntry {
                seq: 0,
                kind: "challenge".to_owned(),
                callback_url: challenge.callback_url,
                fields: Vec::new(),
                body: String::new(),
                signature: String::new(),
                attempt: 1,
                status,
                at: now,
            });
            answer = machine.world.challenged(challenge.id, &outcome, now);
        }
    }

    /// Sends everything due now, in order, and waits for the answers.
    pub(crate) async fn settle(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let due = {
                let mut machine = self.lock();
                let now = machine.clock.now();
                machine.world.tick(now)
            };
            if due.is_empty() {
                return;
            }
            for outgoing in due {
                let status = self.sender.post(&outgoing).await;
                let mut machine = self.lock();
                let now = machine.clock.now();
                machine.world.delivered(&outgoing.ids, status, now);
                machine.note_webhook(WebhookEntry {
                    seq: 0,
                    kind: "event".to_owned(),
                    callback_url: outgoing.callback_url,
                    fields: outgoing.fields,
                    body: outgoing.body,
                    signature: outgoing.signature,
                    attempt: outgoing.attempt,
                    status,
                    at: now,
                });
            }
        }
    }

    /// Moves world time, stopping at every instant at which something is due.
    pub(crate) async fn set_now(&self, to: Timestamp) {
        loop {
            self.settle().await;
            let mut machine = self.lock();
            let now = machine.clock.now();
            let Some(due) = machine.world.next_due().filter(|due| *due > now && *due <= to) else {
                machine.clock.set(to);
                break;
            };
            machine.clock.set(due);
        }
        self.settle().await;
    }

    /// Sends webhooks as they fall due, for as long as it is polled.
    pub(crate) async fn run(&self) {
        loop {
            let wait = {
                let machine = self.lock();
                if machine.clock.is_stepped() {
                    None
                } else {
                    machine.world.next_due().map(|due| machine.clock.wall_until(due))
                }
            };
            match wait {
                Some(wait) => {
                    let nap = wait.clamp(Duration::from_millis(1), Duration::from_secs(1));
                    let _elapsed = tokio::time::timeout(nap, self.wake.notified()).await;
                }
                None => self.wake.notified().await,
            }
            self.settle().await;
        }
    }
}

impl Machine {
    fn entry(&self, request: &Request, now: Timestamp) -> LogEntry {
        let route = self.world.route(request);
        let (waba_id, phone_number_id) = self.world.subject(&route);
        LogEntry {
            seq: 0,
            route: route.template(request.method),
            path: request.path.clone(),
            query: shown_query(request),
            body: shown_body(request),
            token: request.token().map(|t| crate::log::fingerprint(&t)),
            status: None,
            error_code: None,
            error_subcode: None,
            waba_id,
            phone_number_id,
            faulted: false,
            in_batch: false,
            started_at_us: 0,
            ended_at_us: 0,
            at: now,
        }
    }

    fn note_call(&mut self, entry: LogEntry) {
        self.seq += 1;
        self.calls.push_back(LogEntry { seq: self.seq, ..entry });
        while self.calls.len() > LOG_LENGTH {
            self.calls.pop_front();
        }
    }

    fn note_webhook(&mut self, entry: WebhookEntry) {
        self.seq += 1;
        self.webhooks.push_back(WebhookEntry { seq: self.seq, ..entry });
        while self.webhooks.len() > LOG_LENGTH {
            self.webhooks.pop_front();
        }
    }
}
