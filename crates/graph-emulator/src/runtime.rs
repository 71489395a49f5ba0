//! The world with its clock, faults and logs behind one lock, and the order in which webhooks are sent. Must not parse
//! HTTP.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::fault::{self, Call, Fault};
use crate::log::{LogEntry, WebhookEntry, redacted_body, redacted_query};
use crate::webhook_client::WebhookClient;
use crate::world::{Answer, Reply, Request, World};

/// Entries that a log keeps; the oldest are removed first.
const LOG_LENGTH: usize = 100_000;

/// The state behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub world: World,
    pub clock: Clock,
    pub faults: Vec<Fault>,
    pub calls: VecDeque<LogEntry>,
    pub webhooks: VecDeque<WebhookEntry>,
    seq: u64,
}

/// How a call ends on the connection.
#[derive(Debug)]
pub(crate) enum CallOutcome {
    Reply(Reply),
    /// A status with a body that is not Graph's.
    Bare(u16, String),
    /// The connection closes without an answer.
    Cut,
}

/// How a call is answered, after faults and the world have seen it.
enum Plan {
    Answer(Answer),
    Bare(u16, String),
    Cut,
    /// The call takes effect, then the connection closes.
    AnswerThenCut(Answer),
}

/// The running emulator, shared by the listener, the webhook loop and every handle.
#[derive(Debug)]
pub(crate) struct Runtime {
    state: Mutex<State>,
    client: WebhookClient,
    /// Held while webhooks are sent, so that they leave in order.
    sending: tokio::sync::Mutex<()>,
    /// Wakes the webhook loop when something may have become due.
    pub wake: Notify,
    pub base_url: OnceLock<String>,
    started: Instant,
}

impl Runtime {
    pub(crate) fn new(world: World, clock: Clock, client: WebhookClient) -> Self {
        let state =
            State { world, clock, faults: Vec::new(), calls: VecDeque::new(), webhooks: VecDeque::new(), seq: 0 };
        Self {
            state: Mutex::new(state),
            client,
            sending: tokio::sync::Mutex::new(()),
            wake: Notify::new(),
            base_url: OnceLock::new(),
            started: Instant::now(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.lock().clock.now()
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Answers one Graph call: faults first, then the world, then a handshake if one is due, the delay last.
    pub(crate) async fn serve(&self, request: &Request, in_batch: bool) -> CallOutcome {
        let started_at_us = self.elapsed_us();
        let (plan, mut entry, delay) = self.begin(request);
        entry.in_batch = in_batch;
        let outcome = match plan {
            Plan::Answer(answer) => CallOutcome::Reply(self.finish(answer).await),
            Plan::AnswerThenCut(answer) => {
                self.finish(answer).await;
                CallOutcome::Cut
            }
            Plan::Bare(status, body) => CallOutcome::Bare(status, body),
            Plan::Cut => CallOutcome::Cut,
        };
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
        entry.started_at_us = started_at_us;
        entry.ended_at_us = self.elapsed_us();
        match &outcome {
            CallOutcome::Reply(reply) => {
                entry.status = Some(reply.status);
                entry.error_code = reply.body["error"]["code"].as_i64();
                entry.error_subcode = reply.body["error"]["error_subcode"].as_i64();
            }
            CallOutcome::Bare(status, _) => entry.status = Some(*status),
            CallOutcome::Cut => {}
        }
        self.lock().record_call(entry);
        self.wake.notify_one();
        outcome
    }

    fn begin(&self, request: &Request) -> (Plan, LogEntry, Option<Duration>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let now = state.clock.now();
        let mut entry = state.new_log_entry(request, now);
        let fields = request.text("fields");
        let call = Call {
            template: &entry.route,
            fields: fields.as_deref(),
            waba_id: entry.waba_id.as_deref(),
            phone_number_id: entry.phone_number_id.as_deref(),
        };
        let Some(fault) = fault::take_matching(&mut state.faults, &call) else {
            return (Plan::Answer(state.world.call(request, now)), entry, None);
        };
        entry.faulted = true;
        let delay = fault.delay_ms.map(Duration::from_millis);
        let plan = if let Some(error) = &fault.error {
            Plan::Answer(Answer::Reply(state.world.refuse(request, error.graph_error(), now)))
        } else if let Some(status) = fault.status {
            Plan::Bare(status, fault::fault_body(&fault))
        } else if fault.cut {
            Plan::Cut
        } else if fault.apply_then_cut {
            Plan::AnswerThenCut(state.world.call(request, now))
        } else {
            Plan::Answer(state.world.call(request, now))
        };
        (plan, entry, delay)
    }

    /// Runs handshakes until the call has its reply.
    async fn finish(&self, mut answer: Answer) -> Reply {
        loop {
            let challenge = match answer {
                Answer::Reply(reply) => return reply,
                Answer::AfterChallenge(challenge) => challenge,
            };
            let (outcome, status) = self.client.handshake(&challenge).await;
            let mut state = self.lock();
            let now = state.clock.now();
            state.record_webhook(WebhookEntry {
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
            answer = state.world.finish_challenge(challenge.id, &outcome, now);
        }
    }

    /// Sends every webhook that is due now, in order, and waits for the answers.
    pub(crate) async fn send_due_webhooks(&self) {
        let _sending = self.sending.lock().await;
        loop {
            let due = {
                let mut state = self.lock();
                let now = state.clock.now();
                state.world.take_due_webhooks(now)
            };
            if due.is_empty() {
                return;
            }
            for outgoing in due {
                let status = self.client.post(&outgoing).await;
                let mut state = self.lock();
                let now = state.clock.now();
                state.world.record_delivery(&outgoing.ids, status, now);
                state.record_webhook(WebhookEntry {
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

    /// Moves world time and stops at every instant at which an event or a webhook is due.
    pub(crate) async fn set_now(&self, to: Timestamp) {
        loop {
            self.send_due_webhooks().await;
            let mut state = self.lock();
            let now = state.clock.now();
            let Some(due) = state.world.next_due().filter(|due| *due > now && *due <= to) else {
                state.clock.set(to);
                break;
            };
            state.clock.set(due);
        }
        self.send_due_webhooks().await;
    }

    /// Sends webhooks as they fall due, until it is dropped.
    pub(crate) async fn run(&self) {
        loop {
            let wait = {
                let state = self.lock();
                if state.clock.is_stepped() {
                    None
                } else {
                    state.world.next_due().map(|due| state.clock.wall_until(due))
                }
            };
            match wait {
                Some(wait) => {
                    let nap = wait.clamp(Duration::from_millis(1), Duration::from_secs(1));
                    let _elapsed = tokio::time::timeout(nap, self.wake.notified()).await;
                }
                None => self.wake.notified().await,
            }
            self.send_due_webhooks().await;
        }
    }
}

impl State {
    fn new_log_entry(&self, request: &Request, now: Timestamp) -> LogEntry {
        let route = self.world.route(request);
        let (waba_id, phone_number_id) = self.world.subject(&route);
        LogEntry {
            seq: 0,
            route: route.template(request.method),
            path: request.path.clone(),
            query: redacted_query(request),
            body: redacted_body(request),
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

    fn record_call(&mut self, entry: LogEntry) {
        self.seq += 1;
        self.calls.push_back(LogEntry { seq: self.seq, ..entry });
        while self.calls.len() > LOG_LENGTH {
            self.calls.pop_front();
        }
    }

    fn record_webhook(&mut self, entry: WebhookEntry) {
        self.seq += 1;
        self.webhooks.push_back(WebhookEntry { seq: self.seq, ..entry });
        while self.webhooks.len() > LOG_LENGTH {
            self.webhooks.pop_front();
        }
    }
}
