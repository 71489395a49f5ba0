//! Assesses a number's health, stores the assessment, and announces what changed: once per transition.

use domain::callbacks::Route;
use domain::health::{self, Arg, HealthChange, HealthReport, assess, next_assessment};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::callbacks;
use super::context::AssessmentInput;
use super::last_assessment;
use super::record::NumberRecord;
use crate::App;
use crate::flows::announcements;
use crate::flows::queue::{Job, enqueue};
use crate::store::announcements::NewAnnouncement;
use crate::store::snapshots::NewAssessment;
use crate::store::{self, Tx, channels, snapshots};

/// Assesses the record in the transaction that loaded it. Announcements and the stored assessment are
/// committed together, so that one state is never announced twice.
pub(crate) async fn assess_and_announce(
    app: &App,
    tx: &mut Tx,
    record: &mut NumberRecord,
    now: Timestamp,
) -> Result<HealthReport, store::Error> {
    record.save(tx, None, now).await?;
    note_problem(app, tx, record, now).await?;
    let AssessmentInput { snapshot, context } = AssessmentInput::new(app, record, now);
    let channel = &record.channel;
    let report = assess(&snapshot, &context, now);
    let before = context.before.as_ref();
    let level = report.level.into_str();
    let assessment = next_assessment(before, &report);
    let (until, last) = (report.level_until, &last_assessment::to_json(&assessment));
    if snapshot.checked_at.is_some() {
        let new = NewAssessment { level, until, last, reading: &snapshot.reading, waba: &snapshot.waba };
        snapshots::store_assessment(tx, channel.id, &new, now).await?;
    } else {
        channels::set_assessment(tx, channel.id, level, until, last).await?;
    }
    // the events come last: storing one takes the lock of the event log
    for change in &health::changes(before, &report) {
        tracing::info!(channel = channel.id.0, phone = %channel.phone_number, change = change.into_str(), "announced");
        let new = NewAnnouncement {
            account_id: channel.account_id,
            channel_id: Some(channel.id),
            kind: change.into_str().to_owned(),
            args: args(change),
            at: now,
        };
        announcements::publish(tx, &new).await?;
    }
    if let Some(until) = report.level_until {
        enqueue(tx, &Job::Assess(channel.id), until);
    }
    record.last_assessment = Some(assessment);
    Ok(report)
}

/// Notes what the readings show of the callbacks: what is left to a person stays so until it is well again.
async fn note_problem(app: &App, tx: &mut Tx, record: &mut NumberRecord, now: Timestamp) -> Result<(), store::Error> {
    let callbacks = callbacks::stored(app, record);
    let problem = callbacks::problem(record, &callbacks);
    if callbacks.route() != Route::Unread && record.webhook.repairs.note(problem, now) {
        channels::set_webhook(tx, record.channel.id, &record.webhook).await?;
    }
    Ok(())
}

fn args(change: &HealthChange) -> Value {
    Value::Object(change.args().into_iter().map(|(name, arg)| (name.to_owned(), as_json(&arg))).collect::<Map<_, _>>())
}

/// An argument as the API shows it: instants in RFC 3339, spans in seconds.
pub fn as_json(arg: &Arg) -> Value {
    match arg {
        Arg::Text(text) | Arg::Code(text) => json!(text),
        Arg::Number(number) => json!(number),
        Arg::Time(at) => json!(at.to_string()),
        Arg::Span(span) => json!(span.as_secs()),
        Arg::Codes(words) => json!(words),
        Arg::Absent => Value::Null,
    }
}
