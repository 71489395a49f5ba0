//! The first sentence of a number's page: how it is, in one line.

use domain::health::{HealthReport, Level};

use super::{Message, finding};

/// How the number is: the leading finding's words, or what its level says by itself.
pub fn summary(report: &HealthReport) -> Message {
    if let Some(leading) = report.leading() {
        return finding(&leading.code);
    }
    match report.level {
        Level::Live => Message::new("Your number is live", "It can send and receive messages. Nothing to do."),
        Level::AtRisk => Message::new("Your number is live, but at risk", "Something threatens it; see below."),
        Level::WaitingForMeta => {
            Message::new("We are waiting for Meta", "Nothing to do. We go on the moment Meta does.")
        }
        Level::ActionNeeded => Message::new("Something is needed", "See below what has to be done."),
        Level::Blocked => Message::new("Your number is blocked", "Meta has blocked it; see below."),
        Level::Unknown => {
            Message::new("We do not know yet", "Meta has not told us about this number yet. We keep asking.")
        }
    }
}
