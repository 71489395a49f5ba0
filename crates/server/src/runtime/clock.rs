//! The only reader of the wall clock and the only source of randomness. Everything else takes `now` as a
//! parameter. A [`Clock`] either follows the system or is stepped by a test, which moves through days in
//! milliseconds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::pin::Pin;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::OsRng;
use rand::{Rng as _, TryRngCore as _};
pub use store::random::{random_token, uuid_at};
use tokio::sync::watch;
use uuid::Uuid;

/// The system's time, or a time that only [`Clock::advance`] and [`Clock::set`] move; clones share it.
#[derive(Clone)]
pub struct Clock(Inner);

#[derive(Clone)]
enum Inner {
    System(Speed),
    Stepped(Arc<Stepped>),
}

/// How fast a system clock runs: like the wall clock, or faster since an instant. Processes with the same
/// speed show the same time, so that a test with real processes can restart one.
#[derive(Clone, Copy)]
struct Speed {
    from: Timestamp,
    times: i32,
}

impl Speed {
    const WALL_CLOCK: Self = Self { from: Timestamp::UNIX_EPOCH, times: 1 };

    /// Reads `20@2026-11-02T09:00:00Z`: twenty times as fast since then.
    fn parse(text: &str) -> Option<Self> {
        let (times, from) = text.split_once('@')?;
        Some(Self { from: from.parse().ok()?, times: times.parse().ok().filter(|times| *times > 0)? })
    }

    fn now(self) -> Timestamp {
        let wall = system_now();
        if self.times == 1 { wall } else { self.from + wall.duration_since(self.from) * self.times }
    }

    /// How long the wall clock takes until this clock shows `at`; `None` when it does already.
    fn until(self, at: Timestamp) -> Option<Duration> {
        let left = Duration::try_from(at.duration_since(self.now())).ok()?;
        let times = u32::try_from(self.times).unwrap_or(1);
        Some(left / times).filter(|left| !left.is_zero())
    }
}

struct Stepped {
    time: watch::Sender<Timestamp>,
    /// How often it was read: each read takes a microsecond.
    reads: AtomicI64,
}

impl Clock {
    /// Follows the system. A debug build can be told to run faster, so that tests with real processes do
    /// not wait for minutes.
    pub fn system() -> Self {
        Self(Inner::System(crate::config::clock_speed().and_then(Speed::parse).unwrap_or(Speed::WALL_CLOCK)))
    }

    /// Stands still at `start` until it is advanced, except for a microsecond per read: a later event gets
    /// a later date, as with a wall clock.
    pub fn stepped(start: Timestamp) -> Self {
        let time = watch::Sender::new(whole_microseconds(start));
        Self(Inner::Stepped(Arc::new(Stepped { time, reads: AtomicI64::new(0) })))
    }

    /// The current instant in whole microseconds, the precision of the database.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Inner::System(speed) => whole_microseconds(speed.now()),
            Inner::Stepped(stepped) => {
                let reads = stepped.reads.fetch_add(1, Ordering::Relaxed);
                *stepped.time.borrow() + SignedDuration::from_micros(reads)
            }
        }
    }

    /// Moves a stepped clock forward; a system clock stays as it is.
    pub fn advance(&self, by: SignedDuration) {
        if let Inner::Stepped(stepped) = &self.0 {
            stepped.time.send_modify(|now| *now = whole_microseconds(*now + by));
        }
    }

    /// Moves a stepped clock to an instant, never back; a system clock stays as it is.
    pub fn set(&self, to: Timestamp) {
        if let Inner::Stepped(stepped) = &self.0 {
            let reads = SignedDuration::from_micros(stepped.reads.load(Ordering::Relaxed));
            stepped.time.send_modify(|now| *now = (*now).max(whole_microseconds(to) - reads));
        }
    }

    /// Whether it is moved by hand.
    pub fn is_stepped(&self) -> bool {
        matches!(self.0, Inner::Stepped(_))
    }

    /// Returns once the clock shows `at` or later.
    pub async fn sleep_until(&self, at: Timestamp) {
        match &self.0 {
            Inner::System(speed) => sleep_on_wall_clock(*speed, at).await,
            Inner::Stepped(stepped) => {
                let reads = SignedDuration::from_micros(stepped.reads.load(Ordering::Relaxed));
                // the sender lives in `self`, so waiting cannot fail
                let _ = stepped.time.subscribe().wait_for(|now| *now + reads >= at).await;
            }
        }
    }

    /// A fresh UUID v7 of the current instant.
    pub fn uuid(&self) -> Uuid {
        uuid_at(self.now())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_stepped() { "stepped" } else { "system" };
        write!(f, "Clock({kind}, {})", self.now())
    }
}

/// Generates a two-step PIN, uniform over `100000..=999999`, from the operating system's generator.
pub fn generate_pin() -> Pin {
    let mut generator = OsRng.unwrap_err();
    Pin::from_digits(std::array::from_fn(|place| generator.random_range(u8::from(place == 0)..=9)))
}

/// A random fraction in `0.0..1.0` for jitter; not for secrets.
pub fn random_fraction() -> f64 {
    rand::rng().random()
}

/// Sleeps in short pieces, since the wall clock may jump while the machine is suspended.
async fn sleep_on_wall_clock(speed: Speed, at: Timestamp) {
    const PIECE: Duration = Duration::from_secs(30);
    while let Some(left) = speed.until(at) {
        tokio::time::sleep(left.min(PIECE)).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "this module is the only reader of the wall clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

fn whole_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        "2026-11-22T12:00:00.123456789Z".parse().unwrap()
    }

    #[tokio::test]
    async fn a_stepped_clock_wakes_its_sleepers_when_it_arrives() {
        let clock = Clock::stepped(noon());
        let until = clock.now() + SignedDuration::from_hours(72);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(until).await;
                clock.now()
            }
        });
        clock.advance(SignedDuration::from_hours(71));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(SignedDuration::from_hours(1));
        assert!(sleeper.await.unwrap() >= until);
    }

    #[tokio::test]
    async fn a_past_instant_is_not_waited_for() {
        Clock::system().sleep_until(noon() - SignedDuration::from_hours(24 * 365 * 20)).await;
        Clock::stepped(noon()).sleep_until(noon() - SignedDuration::from_hours(1)).await;
    }

    #[test]
    fn a_fast_clock_runs_ahead_of_the_wall_clock() {
        let from = system_now() - SignedDuration::from_secs(10);
        let speed = Speed::parse(&format!("20@{from}")).unwrap();
        let ahead = speed.now().duration_since(from).as_secs();
        assert!((200..400).contains(&ahead), "{ahead} s after 10 s at twenty times the speed");
        assert!(speed.until(speed.now() + SignedDuration::from_mins(20)).unwrap() <= Duration::from_mins(1));
        assert!(speed.until(from).is_none());
        for wrong in ["", "20", "0@2026-11-02T09:00:00Z", "-1@2026-11-02T09:00:00Z", "20@yesterday"] {
            assert!(Speed::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn instants_are_whole_microseconds() {
        assert_eq!(Clock::stepped(noon()).now().to_string(), "2026-11-22T12:00:00.123456Z");
        assert_eq!(Clock::system().now().as_nanosecond() % 1000, 0);
    }

    #[test]
    fn pins_have_six_digits_and_differ() {
        let pins: std::collections::BTreeSet<u32> =
            (0..1000).map(|_| generate_pin().expose().parse().unwrap()).collect();
        assert!(pins.iter().all(|pin| (100_000..=999_999).contains(pin)));
        assert!(pins.len() > 900);
    }
}
