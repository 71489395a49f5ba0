//! Whether a background task is alive, for the readiness of the process. It observes and restarts nothing.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a task may be without a tick. It is longer than two timeouts of the database in a row.
const STALLED_AFTER: Duration = Duration::from_mins(2);

/// The observer's side; clones observe the same task.
#[derive(Debug, Clone, Default)]
pub struct Liveness(Arc<Mutex<State>>);

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    NotStarted,
    Running {
        last_tick: Instant,
    },
    Ended,
}

/// The task's side. Dropping it, also by a panic, says that the task has ended.
#[derive(Debug)]
pub struct Alive(Liveness);

/// Why a task is not alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAlive {
    /// It was never started.
    NotStarted,
    /// It exists, but did not tick for this long.
    Stalled(Duration),
    /// It returned or panicked.
    Ended,
}

impl fmt::Display for NotAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("has not started"),
            Self::Stalled(time) => write!(f, "has been stuck for {} seconds", time.as_secs()),
            Self::Ended => f.write_str("has ended"),
        }
    }
}

impl Liveness {
    /// Called by the task as it starts; it keeps the value for as long as it runs.
    pub fn start(&self) -> Alive {
        let alive = Alive(self.clone());
        alive.tick();
        alive
    }

    /// Fails when the task is not started, stalled or ended.
    pub fn check(&self) -> Result<(), NotAlive> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::NotStarted => Err(NotAlive::NotStarted),
            State::Ended => Err(NotAlive::Ended),
            State::Running { last_tick } => match last_tick.elapsed() {
                time if time > STALLED_AFTER => Err(NotAlive::Stalled(time)),
                _ => Ok(()),
            },
        }
    }

    fn set(&self, state: State) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl Alive {
    /// Called once per round of the task's loop.
    pub fn tick(&self) {
        self.0.set(State::Running { last_tick: Instant::now() });
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(State::Ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_alive_from_its_start_to_its_end() {
        let liveness = Liveness::default();
        assert_eq!(liveness.check(), Err(NotAlive::NotStarted));
        let alive = liveness.start();
        assert_eq!(liveness.check(), Ok(()));
        drop(alive);
        assert_eq!(liveness.check(), Err(NotAlive::Ended));
    }

    #[test]
    fn a_task_without_a_tick_is_stalled() {
        let liveness = Liveness::default();
        let _alive = liveness.start();
        let Some(last_tick) = Instant::now().checked_sub(STALLED_AFTER + Duration::from_secs(1)) else { return };
        liveness.set(State::Running { last_tick });
        assert!(matches!(liveness.check(), Err(NotAlive::Stalled(time)) if time > STALLED_AFTER));
    }

    #[test]
    fn a_panic_ends_a_task() {
        let liveness = Liveness::default();
        let observed = liveness.clone();
        let task = std::thread::spawn(move || {
            let _alive = liveness.start();
            std::panic::resume_unwind(Box::new("a test"));
        });
        assert!(task.join().is_err());
        assert_eq!(observed.check(), Err(NotAlive::Ended));
    }
}
