//! What the product logs during one test. A test runs on one thread, and so does everything it starts.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

type Lines = Arc<Mutex<Vec<(Level, String)>>>;

/// Every event of this thread while it lives.
pub(super) struct Logs {
    lines: Lines,
    _guard: DefaultGuard,
}

struct Writer(Lines);

struct Message(String);

impl Logs {
    pub(super) fn capture() -> Self {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(Writer(Arc::clone(&lines)));
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The messages of a level, in order.
    pub(super) fn at(&self, level: Level) -> Vec<String> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|(at, _)| *at == level).map(|(_, text)| text.clone()).collect()
    }

    /// The levels a message was logged at.
    pub(super) fn levels_of(&self, message: &str) -> Vec<Level> {
        let lines = self.lines.lock().unwrap();
        lines.iter().filter(|(_, text)| text == message).map(|(level, _)| *level).collect()
    }
}

impl<S: Subscriber> Layer<S> for Writer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push((*event.metadata().level(), message.0));
    }
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
