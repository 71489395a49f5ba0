//! Interprets stored events. It only records evidence and enqueues the jobs that load the facts again;
//! no event changes the state of a number by itself.

use domain::channel::{Channel, named_by_digits};
use domain::health::{AccountState, SendingFacts};
use domain::interpretation::{Meaning, Scope, Wake, interpret as meaning_of};
use domain::meta::event::Change;
use domain::registration::Source;
use graph_api::webhook::RawChange;
use jiff::{SignedDuration, Timestamp};

use crate::App;
use crate::flows::number::owner;
use crate::flows::quarantine;
use crate::flows::queue::{Job, enqueue};
use crate::flows::{FlowError, Next};
use crate::store::events::{StoredEvent, body};
use crate::store::numbers::{StoredAccountState, StoredSending};
use crate::store::{self, Tx, channels, events, numbers};

/// How many events one transaction interprets.
const BATCH_SIZE: i64 = 200;

/// How many batches one run of the job takes, so that it stays well within its lease.
const MAX_BATCHES: usize = 50;

/// How long the browser of an ordinary signup is given before a `PARTNER_*` event is followed up.
const BROWSER_GRACE: SignedDuration = SignedDuration::from_mins(2);

/// The job: interprets the events stored since the last run. It asks to run again where more are left.
pub async fn interpret(app: &App) -> Result<Next, FlowError> {
    for _ in 0..MAX_BATCHES {
        let mut tx = app.store.read().await?;
        let batch = events::to_interpret(&mut tx, BATCH_SIZE).await?;
        drop(tx);
        quarantine::put(app, &batch.unreadable).await?;
        if batch.events.is_empty() && batch.unreadable.is_empty() {
            return Ok(Next::Done);
        }
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        let mut ids = Vec::with_capacity(batch.events.len());
        for (event, body) in &batch.events {
            ids.push(event.id);
            match read_change(&event.field, body) {
                Some(change) => match apply(&mut tx, event, &change, now).await {
                    // the number's own row is damaged: other events must not wait for it
                    Err(error) if error.is_unreadable_row() => {
                        tracing::error!(event = %event.id, "an event has no effect: {}", error.chain());
                    }
                    applied => applied?,
                },
                None => tracing::warn!(event = ?event.id, field = event.field, "a stored event cannot be read"),
            }
        }
        events::mark_interpreted(&mut tx, &ids, now).await?;
        tx.commit().await?;
        if app.shutdown.is_cancelled() {
            break;
        }
    }
    Ok(Next::At(app.clock.now()))
}

fn read_change(field: &str, body: &[u8]) -> Option<Change> {
    let body = body::decode(body)?;
    RawChange::from_parts(body.entry_id, field, body.time, body.value).ok().map(|change| change.read())
}

async fn apply(tx: &mut Tx, event: &StoredEvent, change: &Change, now: Timestamp) -> Result<(), store::Error> {
    let meaning = meaning_of(change);
    // Meta's own time where it gives one, since a repeated or older webhook is no evidence. Meta gives whole
    // seconds: anything within the second may have come after what we did in it
    let sent_at = change.time.map(|time| time + SignedDuration::from_micros(999_999));
    let at = sent_at.unwrap_or(event.received_at).min(event.received_at);
    for channel in &channels_concerned(tx, change, &meaning).await? {
        let number = &channel.phone_number_id;
        numbers::note_changes(tx, number, &meaning.proves, at, Source::Webhook).await?;
        record_notes(tx, channel, &meaning, at, now).await?;
        for wake in &meaning.wakes {
            let job = match wake {
                Wake::Registration => Job::Register(channel.id),
                Wake::Health => Job::Health(channel.id),
                Wake::Subscription => Job::Subscribe(channel.id),
                Wake::Token => Job::Token(channel.id),
                Wake::Signup => continue,
            };
            enqueue(tx, &job, now);
        }
    }
    if meaning.wakes.contains(&Wake::Signup)
        && let Some(waba) = &change.subject.waba_id
    {
        if let Some(owner) = &change.subject.owner_business_id {
            owner::save_named_by_meta(tx, waba, owner, now).await?;
        }
        enqueue(tx, &Job::SharedWaba(waba.clone()), now + BROWSER_GRACE);
    }
    Ok(())
}

/// The channels a change is about, found inside the change.
async fn channels_concerned(tx: &mut Tx, change: &Change, meaning: &Meaning) -> Result<Vec<Channel>, store::Error> {
    let subject = &change.subject;
    match meaning.scope {
        Scope::Waba => match &subject.waba_id {
            Some(waba) => channels::list_by_waba(tx, waba).await,
            None => Ok(Vec::new()),
        },
        Scope::Number => {
            let found = match (&subject.phone_number_id, &subject.waba_id, &subject.phone_digits) {
                (Some(id), ..) => channels::find_by_phone_number_id(tx, id).await?,
                (None, Some(waba), Some(digits)) => {
                    named_by_digits(&channels::list_by_waba(tx, waba).await?, digits).cloned()
                }
                _ => None,
            };
            Ok(found.into_iter().collect())
        }
    }
}

async fn record_notes(
    tx: &mut Tx,
    channel: &Channel,
    meaning: &Meaning,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), store::Error> {
    if meaning.notes.is_empty() {
        return Ok(());
    }
    let number = &channel.phone_number_id;
    let mut facts = numbers::facts_for_update(tx, number).await?;
    let mut account: AccountState = facts.account_standing();
    let mut sending: SendingFacts = facts.sending();
    for note in &meaning.notes {
        account.apply(note, at);
        sending.apply(note, at);
        if let domain::interpretation::Note::SendRefused(133_010 | 131_045) = note {
            facts.dropped_seen_at = facts.dropped_seen_at.or(Some(at));
        }
    }
    facts.account = StoredAccountState::from(&account);
    facts.sending = StoredSending::from(&sending);
    numbers::save(tx, number, &facts, None, now).await
}
