//! The first sentence of a number's page: the status of the number in one line.

use domain::health::{HealthReport, Level};

use super::findings::finding;
use super::sentence::Message;

/// The message of the leading finding, or of the level where no finding leads.
pub fn summary(report: &HealthReport) -> Message {
    if let Some(leading) = report.leading() {
        return finding(&leading.code);
    }
    match report.level {
        Level::Live => Message::new("Your number is live", "It can send and receive messages."),
        Level::AtRisk => Message::new("Your number is live, but at risk", "The findings below say why."),
        Level::WaitingForMeta => {
            Message::new("We are waiting for Meta", "You do not have to do anything. We continue as soon as Meta does.")
        }
        Level::ActionNeeded => Message::new("Action is needed", "The findings below say what to do."),
        Level::Blocked => Message::new("Your number is blocked", "Meta has blocked it. The findings below say why."),
        Level::Unknown => Message::new(
            "The status is not known yet",
            "Meta has not answered about this number yet. We ask again automatically.",
        ),
    }
}
