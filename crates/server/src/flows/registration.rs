//! Registration: read the number, decide, write the intent down, call, settle.
//!
//! One way in for the planner ([`advance`]) and one for people ([`press`]); both end in [`call`],
//! the only place where `register` and `deregister` are sent.

use domain::channel::Channel;
use domain::ids::ChannelId;
use domain::meta::failure::FailureKind;
use domain::registration::ledger::{Basis, CallKind, Outcome, Spent, hold_after};
use domain::registration::{Caller, ChangeKind, Decision, History, PinPlan, Reads, Source, decide};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::facts::{self, Loaded};
use super::{FlowError, Next, Refusal, health};
use crate::App;
use crate::flows::queue::{Job, enqueue, enqueue_now};
use crate::runtime::clock::random_pin;
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::ids::AttemptId;
use crate::store::numbers::RecordedAttempt;
use crate::store::{self, numbers, snapshots};

/// How many times one run may read, call and look again before it lets others in.
const ROUNDS: usize = 4;

/// What its owner entered is gone on with by the planner after so long, if this process dies over it.
const TAKEN_OVER_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Where a number's registration stands.
#[derive(Debug, Clone)]
pub struct State {
    /// What would be done now, and why.
    pub decision: Decision,
    /// What of the budget is spent.
    pub spent: Spent,
    /// Nobody calls before this.
    pub held_until: Option<Timestamp>,
    /// The calls, newest first.
    pub attempts: Vec<RecordedAttempt>,
    /// A PIN is stored.
    pub has_pin: bool,
    /// When the facts it rests on were read.
    pub reading_checked_at: Option<Timestamp>,
}

/// What came of a press.
#[derive(Debug, Clone)]
pub struct Pressed {
    /// Meta was called.
    pub called: bool,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Where the number stands now.
    pub state: State,
}

/// Whether a code was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRequested {
    /// Meta sends it now.
    Sent,
    /// Meta says the number is verified already (136024).
    AlreadyVerified,
}

/// What would be done now for this caller, over the facts in store: nothing is read or called.
pub async fn state(app: &App, channel: &Channel, caller: Caller) -> Result<State, FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.read().await?;
    let history = numbers::history(&mut tx, channel).await?;
    let attempts = numbers::attempts(&mut tx, &channel.phone_number_id, 100).await?;
    let snapshot = snapshots::latest(&mut tx, channel.id).await?;
    drop(tx);
    let reads = facts::stored_reads(snapshot.as_ref());
    Ok(State {
        decision: decide(caller, &reads, &history, now),
        spent: history.ledger.spent(now),
        held_until: history.ledger.held_until.filter(|until| *until > now),
        attempts,
        has_pin: history.has_pin,
        reading_checked_at: snapshot.and_then(|stored| stored.checked_at),
    })
}

/// The planner's run: ends when nothing is to be done now.
pub async fn advance(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    for _ in 0..ROUNDS {
        let Some(mut loaded) = facts::load(app, id).await? else { return Ok(Next::Done) };
        let health = facts::read(app, &loaded).await;
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        facts::keep(&mut tx, &mut loaded, &health, None, now).await?;
        if health.as_ref().is_err_and(|failure| failure.kind == FailureKind::TokenDead) {
            enqueue(&mut tx, &Job::Token(id), now).await?;
        }
        tx.commit().await?;
        app.notifier.notify_jobs();
        let reads = Reads::single(health.map_err(|failure| failure.kind));
        let decision = decide(Caller::Planner, &reads, &loaded.history, now);
        tracing::debug!(channel = id.0, why = ?decision.why(), "planned");
        let did = act(app, &loaded, &reads, Caller::Planner, &decision).await?;
        if !did.acted {
            health::judge(app, &loaded.channel).await?;
            return Ok(decision.look_at().map_or(Next::Done, Next::At));
        }
    }
    Ok(Next::At(app.clock.now()))
}

/// A person's press: reads Meta, decides, calls if that is allowed, and says where things stand.
pub async fn press(app: &App, channel: &Channel, caller: Caller) -> Result<Pressed, FlowError> {
    let mut outcome = None;
    for _ in 0..ROUNDS {
        let Some(mut loaded) = facts::load(app, channel.id).await? else {
            return Err(FlowError::refused(Refusal::NotFound, "The inbox does not exist"));
        };
        let (verification, health) = facts::read_both(app, &loaded).await;
        let reads = facts::as_reads(&verification, &health);
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        facts::keep(&mut tx, &mut loaded, &health, None, now).await?;
        tx.commit().await?;
        // one press makes one call; what the number says afterwards is settled as the planner would
        let caller = if outcome.is_some() { Caller::Planner } else { caller };
        let decision = decide(caller, &reads, &loaded.history, now);
        if outcome.is_some() && matches!(decision, Decision::Register { .. } | Decision::Deregister { .. }) {
            break;
        }
        let did = act(app, &loaded, &reads, caller, &decision).await?;
        outcome = outcome.or(did.outcome);
        if !did.acted {
            break;
        }
    }
    health::judge(app, channel).await?;
    enqueue_now(app, &[Job::Register(channel.id)]).await?;
    let state = state(app, channel, Caller::Planner).await?;
    Ok(Pressed { called: outcome.is_some(), outcome, state })
}

/// Keeps the PIN its owner entered, then goes on as a press: a new PIN is evidence (133005).
pub async fn enter_pin(app: &App, channel: &Channel, pin: SecretString) -> Result<Pressed, FlowError> {
    use secrecy::ExposeSecret as _;
    let text = pin.expose_secret();
    if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(FlowError::refused(Refusal::InvalidParameter, "pin must be six digits, such as 123456"));
    }
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    numbers::set_pin(&mut tx, &channel.phone_number_id, &pin, now).await?;
    numbers::note_changes(&mut tx, &channel.phone_number_id, &[ChangeKind::NewPin], now, Source::Person).await?;
    enqueue(&mut tx, &Job::Register(channel.id), now + TAKEN_OVER_AFTER).await?;
    tx.commit().await?;
    reached(Failpoint::PinKept);
    press(app, channel, Caller::Press).await
}

/// Asks Meta to send the code that proves the number is its owner's.
pub async fn request_code(
    app: &App,
    channel: &Channel,
    method: graph_api::CodeMethod,
    language: &str,
) -> Result<CodeRequested, FlowError> {
    let loaded = load(app, channel.id).await?;
    let account = app.graph.on(&channel.waba_id, &loaded.credentials.access_token);
    match account.request_code(&channel.phone_number_id, method, language).await {
        Ok(()) => Ok(CodeRequested::Sent),
        Err(failure) if failure.kind == FailureKind::AlreadyVerified => {
            note(app, channel, ChangeKind::CodeVerified).await?;
            enqueue_now(app, &[Job::Register(channel.id)]).await?;
            Ok(CodeRequested::AlreadyVerified)
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Hands the code to Meta, then goes on as a press.
pub async fn verify_code(app: &App, channel: &Channel, code: &SecretString) -> Result<Pressed, FlowError> {
    let loaded = load(app, channel.id).await?;
    let mut tx = app.store.write().await?;
    enqueue(&mut tx, &Job::Register(channel.id), app.clock.now() + TAKEN_OVER_AFTER).await?;
    tx.commit().await?;
    let account = app.graph.on(&channel.waba_id, &loaded.credentials.access_token);
    match account.verify_code(&channel.phone_number_id, code).await {
        Ok(()) => {}
        Err(failure) if failure.kind == FailureKind::AlreadyVerified => {}
        Err(failure) => return Err(failure.into()),
    }
    reached(Failpoint::CodeVerified);
    note(app, channel, ChangeKind::CodeVerified).await?;
    press(app, channel, Caller::Press).await
}

async fn note(app: &App, channel: &Channel, kind: ChangeKind) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    numbers::note_changes(&mut tx, &channel.phone_number_id, &[kind], now, Source::Person).await?;
    enqueue(&mut tx, &Job::Register(channel.id), now + TAKEN_OVER_AFTER).await?;
    tx.commit().await?;
    Ok(())
}

async fn load(app: &App, id: ChannelId) -> Result<Loaded, FlowError> {
    let loaded = facts::load(app, id).await?;
    loaded.ok_or_else(|| FlowError::refused(Refusal::NotFound, "The inbox does not exist"))
}

/// What [`act`] did.
#[derive(Debug, Clone, Default)]
pub(super) struct Did {
    /// Something was called or settled: look again.
    pub(super) acted: bool,
    /// How a register call ended.
    pub(super) outcome: Option<Outcome>,
}

/// Carries a decision out.
pub(super) async fn act(
    app: &App,
    loaded: &Loaded,
    reads: &Reads,
    caller: Caller,
    decision: &Decision,
) -> Result<Did, FlowError> {
    match decision {
        Decision::Settle { outcome } => {
            let mut tx = app.store.write().await?;
            let calls = numbers::attempts(&mut tx, &loaded.channel.phone_number_id, 20).await?;
            if let Some(open) = calls.iter().find(|call| call.attempt.settled_at.is_none()) {
                numbers::assume_attempt(&mut tx, open.id, outcome, app.clock.now()).await?;
            }
            tx.commit().await?;
            Ok(Did { acted: true, outcome: None })
        }
        Decision::Register { .. } | Decision::Deregister { .. } => call(app, loaded, reads, caller).await,
        Decision::Wait { .. } | Decision::Ask { .. } | Decision::Stop { .. } | Decision::Done { .. } => {
            Ok(Did::default())
        }
    }
}

/// Writes the intent down, calls, settles.
async fn call(app: &App, loaded: &Loaded, reads: &Reads, caller: Caller) -> Result<Did, FlowError> {
    let Some(intent) = commit_intent(app, loaded, reads, caller).await? else { return Ok(Did::default()) };
    reached(Failpoint::IntentCommitted);
    let channel = &loaded.channel;
    let account = app.graph.on(&channel.waba_id, &loaded.credentials.access_token);
    let result = match &intent.pin {
        Some(pin) => account.register(&channel.phone_number_id, pin).await,
        None => account.deregister(&channel.phone_number_id).await,
    };
    reached(Failpoint::RegisterAnswered);
    let outcome = match result {
        Ok(()) => Outcome::Success,
        Err(failure) => Outcome::Failed(failure),
    };
    settle(app, channel, &intent, &outcome).await?;
    reached(Failpoint::OutcomeSettled);
    Ok(Did { acted: true, outcome: intent.pin.is_some().then_some(outcome) })
}

struct Intent {
    attempt: AttemptId,
    /// The PIN a register call carries; a deregister call has none.
    pin: Option<SecretString>,
}

/// Decides once more inside the transaction that writes the attempt, so that two callers never both
/// find room in the ledger; the sealed PIN is committed with it, before Meta is called (D2).
async fn commit_intent(app: &App, loaded: &Loaded, reads: &Reads, caller: Caller) -> Result<Option<Intent>, FlowError> {
    let channel = &loaded.channel;
    let number = &channel.phone_number_id;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    // holds the number's row, so that replicas decide one after the other
    numbers::facts_for_update(&mut tx, number).await?;
    let History { ledger, has_pin, pin_set_at, .. } = numbers::history(&mut tx, channel).await?;
    let history = History { ledger, has_pin, pin_set_at, ..loaded.history.clone() };
    let decision = decide(caller, reads, &history, now);
    let why = format!("{:?}", decision.why());
    let (kind, basis, pin) = if let Decision::Register { basis, pin, .. } = decision {
        (CallKind::Register, basis, Some(pin))
    } else if let Decision::Deregister { basis } = decision {
        (CallKind::Deregister, basis, None)
    } else {
        return Ok(None);
    };
    let pin = match pin {
        Some(PinPlan::Stored) => numbers::pin(&mut tx, number).await?,
        Some(PinPlan::Draw) => {
            let drawn = random_pin();
            numbers::set_pin(&mut tx, number, &drawn, now).await?;
            Some(drawn)
        }
        None => None,
    };
    let attempt = match numbers::open_attempt(&mut tx, number, kind, basis, &why, now).await {
        Ok(attempt) => attempt,
        Err(store::Error::Conflict(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // should this process die now, the planner finds the unsettled call
    enqueue(&mut tx, &Job::Register(channel.id), now + domain::registration::UNANSWERED_AFTER).await?;
    tx.commit().await?;
    let basis = Basis::as_str(basis);
    metrics::counter!("linekeeper_ledger_calls_total", "basis" => basis).increment(1);
    tracing::info!(channel = channel.id.0, phone = %channel.phone_number, ?kind, basis, why, "calling Meta");
    Ok(Some(Intent { attempt, pin }))
}

async fn settle(app: &App, channel: &Channel, intent: &Intent, outcome: &Outcome) -> Result<(), FlowError> {
    let now = app.clock.now();
    let number = &channel.phone_number_id;
    let mut tx = app.store.write().await?;
    numbers::settle_attempt(&mut tx, intent.attempt, outcome, now).await?;
    match outcome {
        Outcome::Success if intent.pin.is_some() => numbers::pin_confirmed(&mut tx, number, now).await?,
        Outcome::Success => {}
        Outcome::Failed(failure) => {
            // W7: recorded, never raised
            let text = &failure.message;
            tracing::warn!(channel = channel.id.0, "[WHATSAPP] Phone registration failed but continuing: {text}");
            if let Some(until) = hold_after(failure, now) {
                numbers::hold(&mut tx, number, Some(until)).await?;
            }
            if failure.kind == FailureKind::TokenDead {
                enqueue(&mut tx, &Job::Token(channel.id), now).await?;
            }
        }
    }
    tx.commit().await?;
    app.notifier.notify_jobs();
    Ok(())
}
