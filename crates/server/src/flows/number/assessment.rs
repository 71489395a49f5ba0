//! Judges a number anew, remembers the judgement, and writes down what is news: once per transition.

use domain::channel::Channel;
use domain::health::{Announcement, Arg, HealthReport, assess, remember, transitions};
use serde_json::{Map, Value, json};

use super::{context, last_assessment};
use crate::App;
use crate::flows::queue::{Job, enqueue};
use crate::flows::{FlowError, notifications};
use crate::store::announcements::NewAnnouncement;
use crate::store::{channels, snapshots};

/// Judges over the stored facts; announcing and remembering are one transaction, so that the same
/// state never announces twice.
pub(crate) async fn assess_and_announce(app: &App, channel: &Channel) -> Result<HealthReport, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    let known = context::load(app, &mut tx, channel, now).await?;
    let report = assess(&known.snapshot, &known.context, now);
    let before = known.context.before.as_ref();
    let changes = transitions(before, &report);
    for item in &changes {
        tracing::info!(channel = channel.id.0, phone = %channel.phone_number, change = item.as_str(), "announced");
        let new = NewAnnouncement {
            account_id: channel.account_id,
            channel_id: Some(channel.id),
            kind: item.as_str().to_owned(),
            args: args(item),
            at: now,
        };
        notifications::publish(&mut tx, &new).await?;
    }
    let (level, facts) = (report.level.as_str(), &known.snapshot);
    if facts.checked_at.is_some() {
        snapshots::append_history(&mut tx, channel.id, level, &facts.reading, Some(&facts.waba), now).await?;
    }
    let kept = last_assessment::to_json(&remember(before, &report));
    channels::set_level(&mut tx, channel.id, level, report.level_until, &kept).await?;
    if let Some(until) = report.level_until {
        enqueue(&mut tx, &Job::Assess(channel.id), until).await?;
    }
    tx.commit().await?;
    if !changes.is_empty() {
        app.notifier.notify_events([channel.account_id]);
    }
    Ok(report)
}

fn args(item: &Announcement) -> Value {
    Value::Object(item.args().into_iter().map(|(name, arg)| (name.to_owned(), as_json(&arg))).collect::<Map<_, _>>())
}

/// An argument as the API shows it: instants in RFC 3339, spans in seconds.
pub fn as_json(arg: &Arg) -> Value {
    match arg {
        Arg::Text(text) | Arg::Word(text) => json!(text),
        Arg::Number(number) => json!(number),
        Arg::Time(at) => json!(at.to_string()),
        Arg::Span(span) => json!(span.as_secs()),
        Arg::Words(words) => json!(words),
        Arg::Absent => Value::Null,
    }
}
