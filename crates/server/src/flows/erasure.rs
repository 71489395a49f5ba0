//! Erases one person out of what an account keeps: a walk over its events in small bites, each of which
//! writes down how far it came, so that it goes on after a crash and two may work on the same.
//!
//! Who it is stays sealed while the walk lasts and is forgotten with its end; nothing here logs it.

use domain::ids::AccountId;
use graph_api::webhook::{Erased, Person, erase};
use jiff::{SignedDuration, Timestamp};

use super::inbound::value_begins;
use super::{FlowError, Next, PAUSE, Refusal};
use crate::App;
use crate::jobs::{Job, ensure, poke};
use crate::store::erasures::{self, Erasure, Kept};
use crate::store::ids::ErasureId;
use crate::store::{self, Tx, channels};

/// How many events one transaction looks at.
const BITE: i64 = 200;

/// How many bites one run of the job takes; well within its lease.
const BITES: usize = 300;

/// Walks at most. A second one finds what names only an id that the first one learnt at the end.
const PASSES: i64 = 3;

/// How long an erasure waits for events that are being interpreted.
const AFTER_INTERPRETING: SignedDuration = SignedDuration::from_secs(2);

/// Who drives an erasure first; the sweep drives whatever is left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The job.
    Job,
    /// Whoever asked, with [`bite`]; the job comes after this, in case they are gone.
    Caller(SignedDuration),
}

/// Begins an erasure. Refuses what is no person: nonsense, or a number of the account's own.
pub async fn begin(app: &App, account: AccountId, person: &str, driver: Driver) -> Result<Erasure, FlowError> {
    let invalid = |text: &str| FlowError::refused(Refusal::InvalidParameter, text);
    let person = Person::parse(person).ok_or_else(|| {
        invalid("person: a phone number such as +15550199999, or an id of Meta’s such as US.13491208655302741918")
    })?;
    let ids: Vec<String> = person.ids().map(str::to_owned).collect();
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    if has_number(&mut tx, account, &ids).await? {
        return Err(invalid("person: this is the number of an inbox; delete the inbox instead"));
    }
    let it = erasures::insert(&mut tx, account, ids, now).await?;
    match driver {
        Driver::Job => poke(&mut tx, &Job::Erase(it.id), now).await?,
        Driver::Caller(grace) => ensure(&mut tx, &Job::Erase(it.id), now + grace).await?,
    }
    tx.commit().await?;
    app.wake_jobs();
    tracing::info!(erasure = %it.id, %account, "an erasure was asked for");
    Ok(it)
}

async fn has_number(tx: &mut Tx, account: AccountId, ids: &[String]) -> Result<bool, store::Error> {
    for id in ids {
        let Ok(number) = domain::phone::E164::parse(&format!("+{id}")) else { continue };
        if channels::find_by_phone(tx, &number).await?.is_some_and(|channel| channel.account_id == account) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The job: takes some bites; the next run goes on.
pub async fn run(app: &App, id: ErasureId) -> Result<Next, FlowError> {
    for _ in 0..BITES {
        match bite(app, id).await? {
            Bitten::Finished => return Ok(Next::Done),
            Bitten::Waits => return Ok(Next::At(app.clock.now() + AFTER_INTERPRETING)),
            Bitten::More(_) if app.shutdown.is_cancelled() => break,
            Bitten::More(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    Ok(Next::At(app.clock.now()))
}

/// What came of a bite.
#[derive(Debug)]
pub enum Bitten {
    /// Nothing is left, or there is no such erasure.
    Finished,
    /// Events are being interpreted first: what they prove about a number is not lost with them.
    Waits,
    /// There may be more.
    More(Box<Erasure>),
}

/// One bite: some events, in one transaction that also says how far it is.
pub async fn bite(app: &App, id: ErasureId) -> Result<Bitten, FlowError> {
    let mut tx = app.store.read().await?;
    let Some(it) = erasures::find(&mut tx, id).await? else { return Ok(Bitten::Finished) };
    let Some((ids, known)) = &it.person else { return Ok(Bitten::Finished) };
    if erasures::waits_before(&mut tx, it.last).await? {
        drop(tx);
        app.ask_for(&[Job::Interpret]).await?;
        return Ok(Bitten::Waits);
    }
    let window = erasures::window(&mut tx, &it, BITE).await?;
    drop(tx);
    let mut person = Person::from_ids(ids.iter().cloned());
    let todo: Vec<(&Kept, Option<Vec<u8>>)> =
        window.own.iter().filter_map(|kept| Some((kept, left_of(&kept.body, &mut person)?))).collect();
    let ids: Vec<String> = person.ids().map(str::to_owned).collect();
    let mut next = Erasure { person: Some((ids, *known)), ..it.clone() };
    let mut tx = app.store.write().await?;
    match window.until {
        Some(until) => next.after = until,
        None if next.knows_more() && it.passes < PASSES => next = next.again(),
        None => {
            // what endpoints of this process were about to be sent is read again before anybody is told that it is done
            drop(tx);
            app.delivery.changed_and_taken_up().await;
            let mut tx = app.store.write().await?;
            let is_ours = erasures::finish(&mut tx, &it, app.clock.now()).await?;
            tx.commit().await?;
            if is_ours {
                tracing::info!(erasure = %id, it.deleted, it.rewritten, "an erasure is finished");
            }
            return Ok(if is_ours { Bitten::Finished } else { Bitten::More(Box::new(it)) });
        }
    }
    let Some((deleted, rewritten)) = carry_out(&mut tx, it.account_id, &todo).await? else {
        return Ok(Bitten::More(Box::new(it)));
    };
    if erasures::advance(&mut tx, &it, &next, deleted, rewritten).await? {
        tx.commit().await?;
        return Ok(Bitten::More(Box::new(next)));
    }
    // somebody else took this bite: theirs counts
    Ok(Bitten::More(Box::new(it)))
}

/// Deletes and rewrites; how many of each. `None` where a body changed meanwhile: look again.
async fn carry_out(
    tx: &mut Tx,
    account: AccountId,
    todo: &[(&Kept, Option<Vec<u8>>)],
) -> Result<Option<(u64, u64)>, store::Error> {
    let (mut deleted, mut rewritten) = (0, 0);
    for (kept, left) in todo {
        match left {
            None => {
                erasures::remove(tx, account, kept).await?;
                deleted += 1;
            }
            Some(body) if erasures::replace(tx, account, kept, body).await? => rewritten += 1,
            Some(_) => return Ok(None),
        }
    }
    Ok(Some((deleted, rewritten)))
}

/// What is to be kept of a body instead; `None` inside where nothing is, outside where all of it is.
#[expect(clippy::option_option, reason = "nothing to do, delete, rewrite")]
fn left_of(body: &[u8], person: &mut Person) -> Option<Option<Vec<u8>>> {
    let begins = value_begins(body)?;
    let (head, value) = body.split_at(begins);
    match erase(&String::from_utf8_lossy(value), person) {
        Erased::Untouched => None,
        Erased::Nothing => Some(None),
        Erased::Rest(rest) => Some(Some([head, rest.as_bytes()].concat())),
    }
}

/// Sees that the jobs of what is not finished are queued: whoever drove it may be gone.
pub async fn ensure_all(tx: &mut Tx, now: Timestamp) -> Result<(), store::Error> {
    for id in erasures::under_way(tx, now - SignedDuration::from_mins(5), 100).await? {
        ensure(tx, &Job::Erase(id), now).await?;
    }
    Ok(())
}

impl Erasure {
    /// Ids were learnt since this walk began.
    fn knows_more(&self) -> bool {
        self.person.as_ref().is_some_and(|(ids, known)| ids.len() > *known)
    }

    /// The same from the first event on.
    fn again(self) -> Self {
        let person = self.person.map(|(ids, _)| {
            let known = ids.len();
            (ids, known)
        });
        let after = store::ids::EventId(self.first.0 - 1);
        Self { person, after, passes: self.passes + 1, ..self }
    }

    /// How much of this walk is done, in percent.
    pub fn percent(&self) -> i64 {
        if self.finished_at.is_some() || self.last < self.first {
            return 100;
        }
        let done = self.after.0 - self.first.0 + 1;
        (done * 100 / (self.last.0 - self.first.0 + 1)).clamp(0, 99)
    }
}
