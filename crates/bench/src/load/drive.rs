//! The loop of the generator: sends posts that are due on free connections and reads answers. It sleeps at most 0.1 ms at a
//! time, so that it is hardly ever late itself.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use aws_lc_rs::hmac;
use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};

use super::acks::Acks;
use super::body::{Mark, Template, unix_micros};
use super::connection::Connection;
use super::{GeneratorReport, Load};

/// Time to wait for answers after the end of the schedule.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest sleep of the generator while nothing happens.
const POLL_INTERVAL: Duration = Duration::from_micros(100);

struct Driver<'a> {
    load: &'a Load,
    templates: Vec<Template>,
    connections: Vec<Connection>,
    free: VecDeque<usize>,
    began: Instant,
    /// Scheduled instant of the post in flight, by connection.
    due: Vec<Instant>,
    next: u64,
    last_answer: Instant,
    /// Wall clock at the start, in microseconds.
    began_us: u64,
    times: Histogram<u64>,
    late: Histogram<u64>,
    /// Number of answers above the limit, without the warm-up.
    slow: u64,
    acks: Acks,
    outcome: GeneratorReport,
}

/// Runs a load to its end.
pub(super) fn drive(load: &Load) -> anyhow::Result<GeneratorReport> {
    let mut poll = Poll::new()?;
    let mut driver = Driver::new(load, &poll)?;
    let mut events = Events::with_capacity(1024);
    let mut end = driver.began + load.duration();
    loop {
        let now = Instant::now();
        if driver.is_unreachable() && now < end {
            (end, driver.outcome.aborted) = (now, true);
        }
        let has_sent_all = driver.send_due_posts(now, end)?;
        let is_idle = driver.free.len() == driver.connections.len();
        if (has_sent_all && is_idle) || now > end + DRAIN_TIMEOUT {
            break;
        }
        // Without a free connection only an answer helps; with one, the schedule must not be missed.
        let timeout = if driver.free.is_empty() { Duration::from_millis(1) } else { Duration::ZERO };
        poll.poll(&mut events, Some(timeout))?;
        for event in &events {
            driver.handle_events(event.token().0, event.is_readable(), event.is_writable())?;
        }
        if events.is_empty() && !driver.free.is_empty() {
            std::thread::sleep(driver.until_next(Instant::now()).min(POLL_INTERVAL));
        }
    }
    driver.finish(end)
}

impl<'a> Driver<'a> {
    fn new(load: &'a Load, poll: &Poll) -> anyhow::Result<Self> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, load.secret.as_bytes());
        let open = |at| Connection::open(load.target, Token(at), poll.registry());
        let connections: Vec<_> = (0..load.connections).map(open).collect::<anyhow::Result<_>>()?;
        let histogram = || Histogram::new_with_bounds(1, 120_000_000, 3);
        let people = 0..load.people.max(1);
        let each = |person: usize| load.numbers.iter().map(move |number| (number, person));
        let templates = people.flat_map(each).map(|(number, person)| Template::new(number, person, load.changes, &key));
        let templates = templates.collect();
        let now = Instant::now();
        Ok(Self {
            load,
            templates,
            free: (0..connections.len()).collect(),
            due: vec![now; connections.len()],
            connections,
            began: now,
            next: 0,
            last_answer: now,
            began_us: unix_micros(),
            times: histogram()?,
            late: histogram()?,
            slow: 0,
            acks: Acks::new(load.first),
            outcome: GeneratorReport::default(),
        })
    }

    fn is_closed_loop(&self) -> bool {
        self.load.rate <= 0.0
    }

    #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 posts")]
    fn is_unreachable(&self) -> bool {
        !self.is_closed_loop() && self.slow as f64 > self.load.slow_allowed()
    }

    /// The scheduled instant of a post.
    fn due_at(&self, post: u64) -> Instant {
        #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 posts")]
        let after = if self.is_closed_loop() { 0.0 } else { post as f64 / self.load.rate };
        self.began + Duration::from_secs_f64(after)
    }

    fn until_next(&self, now: Instant) -> Duration {
        self.due_at(self.next).saturating_duration_since(now)
    }

    /// Sends posts that are due; returns true at the end of the schedule.
    fn send_due_posts(&mut self, now: Instant, end: Instant) -> anyhow::Result<bool> {
        loop {
            let due = self.due_at(self.next);
            let is_over = if self.is_closed_loop() { now >= end } else { due >= end };
            if is_over || self.outcome.aborted {
                return Ok(true);
            }
            if due > now {
                return Ok(false);
            }
            let Some(free) = self.free.pop_front() else { return Ok(false) };
            self.send(free, due)?;
        }
    }

    fn send(&mut self, at: usize, due: Instant) -> anyhow::Result<()> {
        let now = Instant::now();
        let due = if self.is_closed_loop() { now } else { due };
        let template = &self.templates[usize::try_from(self.next)? % self.templates.len()];
        let connection = &mut self.connections[at];
        let first = Mark {
            number: self.load.first + self.next * self.load.changes as u64,
            due_us: self.began_us + micros(due.saturating_duration_since(self.began)),
        };
        write_post(&mut connection.out, template, first);
        connection.send(self.next).context("a post could not be sent")?;
        self.due[at] = due;
        self.late.saturating_record(micros(now.saturating_duration_since(due)));
        self.next += 1;
        Ok(())
    }

    fn handle_events(&mut self, at: usize, is_readable: bool, is_writable: bool) -> anyhow::Result<()> {
        let connection = &mut self.connections[at];
        if is_writable {
            connection.continue_sending()?;
        }
        if !is_readable {
            return Ok(());
        }
        let Some(status) = connection.receive()? else { return Ok(()) };
        let post = connection.in_flight.take().context("an answer without a post")?;
        self.last_answer = Instant::now();
        if self.due[at] >= self.began + Duration::from_secs_f64(self.load.warmup) {
            let took = self.last_answer.saturating_duration_since(self.due[at]);
            self.slow += u64::from(self.load.is_slow(took));
            self.times.saturating_record(micros(took));
        }
        *self.outcome.statuses.entry(status).or_default() += 1;
        if status == 200 {
            let changes = self.load.changes as u64;
            for message in 0..changes {
                self.acks.insert(self.load.first + post * changes + message);
            }
        }
        self.free.push_back(at);
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 posts")]
    fn finish(mut self, end: Instant) -> anyhow::Result<GeneratorReport> {
        if let Some(path) = &self.load.acks {
            self.acks.write(path)?;
        }
        let ms = |histogram: &Histogram<u64>, q: f64| histogram.value_at_quantile(q) as f64 / 1000.0;
        let seconds = end.max(self.last_answer).saturating_duration_since(self.began);
        self.outcome.rate = self.load.rate;
        self.outcome.changes = self.load.changes;
        self.outcome.body_bytes = self.templates.first().map_or(0, Template::len);
        self.outcome.sent = self.next;
        self.outcome.unanswered = (self.connections.len() - self.free.len()) as u64;
        self.outcome.achieved = self.outcome.stored() as f64 / seconds.as_secs_f64();
        self.outcome.drain_ms = self.last_answer.saturating_duration_since(end).as_secs_f64() * 1000.0;
        self.outcome.p50_ms = ms(&self.times, 0.5);
        self.outcome.p90_ms = ms(&self.times, 0.9);
        self.outcome.p99_ms = ms(&self.times, 0.99);
        self.outcome.p999_ms = ms(&self.times, 0.999);
        self.outcome.max_ms = self.times.max() as f64 / 1000.0;
        self.outcome.sent_late_p99_ms = ms(&self.late, 0.99);
        self.outcome.generator_cpu_s = crate::run::process::cpu_seconds("self").unwrap_or_default();
        Ok(self.outcome)
    }
}

/// Writes a whole HTTP request like those of Meta's servers.
fn write_post(out: &mut Vec<u8>, template: &Template, first: Mark) {
    const SIGNATURE_AT: &[u8] = b"\r\nx-hub-signature-256: sha256=";
    const NO_SIGNATURE: [u8; 64] = [b'0'; 64];
    out.clear();
    out.extend_from_slice(b"POST /webhooks/whatsapp HTTP/1.1\r\nhost: bench\r\nuser-agent: facebookexternalua\r\naccept: */*\r\ncontent-type: application/json\r\ncontent-length: ");
    out.extend_from_slice(template.len().to_string().as_bytes());
    out.extend_from_slice(SIGNATURE_AT);
    let at = out.len();
    out.extend_from_slice(&NO_SIGNATURE);
    out.extend_from_slice(b"\r\n\r\n");
    let signature = template.write(first, out);
    if let Some(place) = out.get_mut(at..at + signature.len()) {
        place.copy_from_slice(&signature);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
