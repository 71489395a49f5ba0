//! Registration: read the number, decide, write the intent down, call, settle.
//!
//! One way in for the planner ([`advance`]) and one for people ([`complete_registration`]); both end in [`call`],
//! the only place where `register` and `deregister` are sent.

use domain::channel::Channel;
use domain::ids::ChannelId;
use domain::meta::failure::FailureKind;
use domain::registration::ledger::{Basis, CallKind, Outcome, hold_after};
use domain::registration::{Caller, ChangeKind, Decision, History, PinPlan, Reads, Source, decide};
use jiff::SignedDuration;
use secrecy::SecretString;

use super::number::assessment::assess_and_announce;
use super::number::reading::{apply_reading, as_reads, read_for_setup, read_number};
use super::number::record::NumberRecord;
pub use super::number::record::{RegistrationState as State, registration_state as state};
use super::{FlowError, Next, Refusal};
use crate::App;
use crate::flows::queue::{Job, enqueue, enqueue_now};
use crate::runtime::clock::random_pin;
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::ids::AttemptId;
use crate::store::{self, numbers};

/// How many times one run may read, call and look again before it lets others in.
const ROUNDS: usize = 4;

/// What its owner entered is gone on with by the planner after so long, if this process dies over it.
const TAKEN_OVER_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// What came of a press.
#[derive(Debug, Clone)]
pub struct CompletionResult {
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

/// The planner's run: ends when nothing is to be done now.
pub async fn advance(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    for _ in 0..ROUNDS {
        let Some(mut record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
        let health = read_number(app, &record).await;
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        apply_reading(&mut tx, &mut record, &health, None, now).await?;
        if health.as_ref().is_err_and(|failure| failure.kind == FailureKind::TokenDead) {
            enqueue(&mut tx, &Job::Token(id), now).await?;
        }
        tx.commit().await?;
        app.notifier.notify_jobs();
        let reads = Reads::single(health.map_err(|failure| failure.kind));
        let decision = decide(Caller::Planner, &reads, &record.history, now);
        tracing::debug!(channel = id.0, why = ?decision.why(), "planned");
        let did = act(app, &record, &reads, Caller::Planner, &decision).await?;
        if !did.acted {
            assess_and_announce(app, &record.channel).await?;
            return Ok(decision.look_at().map_or(Next::Done, Next::At));
        }
    }
    Ok(Next::At(app.clock.now()))
}

/// A person's press: reads Meta, decides, calls if that is allowed, and says where things stand.
pub async fn complete_registration(
    app: &App,
    channel: &Channel,
    caller: Caller,
) -> Result<CompletionResult, FlowError> {
    let mut outcome = None;
    for _ in 0..ROUNDS {
        let Some(mut record) = NumberRecord::load(app, channel.id).await? else {
            return Err(FlowError::refused(Refusal::NotFound, "The inbox does not exist"));
        };
        let (verification, health) = read_for_setup(app, &record).await;
        let reads = as_reads(&verification, &health);
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        apply_reading(&mut tx, &mut record, &health, None, now).await?;
        tx.commit().await?;
        // one press makes one call; what the number says afterwards is settled as the planner would
        let caller = if outcome.is_some() { Caller::Planner } else { caller };
        let decision = decide(caller, &reads, &record.history, now);
        if outcome.is_some() && matches!(decision, Decision::Register { .. } | Decision::Deregister { .. }) {
            break;
        }
        let did = act(app, &record, &reads, caller, &decision).await?;
        outcome = outcome.or(did.outcome);
        if !did.acted {
            break;
        }
    }
    assess_and_announce(app, channel).await?;
    enqueue_now(app, &[Job::Register(channel.id)]).await?;
    let state = state(app, channel, Caller::Planner).await?;
    Ok(CompletionResult { called: outcome.is_some(), outcome, state })
}

/// Keeps the PIN its owner entered, then goes on as a press: a new PIN is evidence (133005).
pub async fn enter_pin(app: &App, channel: &Channel, pin: SecretString) -> Result<CompletionResult, FlowError> {
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
    complete_registration(app, channel, Caller::Press).await
}

/// Asks Meta to send the code that proves the number is its owner's.
pub async fn request_code(
    app: &App,
    channel: &Channel,
    method: graph_api::CodeMethod,
    language: &str,
) -> Result<CodeRequested, FlowError> {
    let record = load(app, channel.id).await?;
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
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
pub async fn verify_code(app: &App, channel: &Channel, code: &SecretString) -> Result<CompletionResult, FlowError> {
    let record = load(app, channel.id).await?;
    let mut tx = app.store.write().await?;
    enqueue(&mut tx, &Job::Register(channel.id), app.clock.now() + TAKEN_OVER_AFTER).await?;
    tx.commit().await?;
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
    match account.verify_code(&channel.phone_number_id, code).await {
        Ok(()) => {}
        Err(failure) if failure.kind == FailureKind::AlreadyVerified => {}
        Err(failure) => return Err(failure.into()),
    }
    reached(Failpoint::CodeVerified);
    note(app, channel, ChangeKind::CodeVerified).await?;
    complete_registration(app, channel, Caller::Press).await
}

async fn note(app: &App, channel: &Channel, kind: ChangeKind) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    numbers::note_changes(&mut tx, &channel.phone_number_id, &[kind], now, Source::Person).await?;
    enqueue(&mut tx, &Job::Register(channel.id), now + TAKEN_OVER_AFTER).await?;
    tx.commit().await?;
    Ok(())
}

async fn load(app: &App, id: ChannelId) -> Result<NumberRecord, FlowError> {
    let record = NumberRecord::load(app, id).await?;
    record.ok_or_else(|| FlowError::refused(Refusal::NotFound, "The inbox does not exist"))
}

/// What [`act`] did.
#[derive(Debug, Clone, Default)]
pub(super) struct StepResult {
    /// Something was called or settled: look again.
    pub(super) acted: bool,
    /// How a register call ended.
    pub(super) outcome: Option<Outcome>,
}

/// Carries a decision out.
pub(super) async fn act(
    app: &App,
    record: &NumberRecord,
    reads: &Reads,
    caller: Caller,
    decision: &Decision,
) -> Result<StepResult, FlowError> {
    match decision {
        Decision::Settle { outcome } => {
            let mut tx = app.store.write().await?;
            let calls = numbers::attempts(&mut tx, &record.channel.phone_number_id, 20).await?;
            if let Some(open) = calls.iter().find(|call| call.attempt.settled_at.is_none()) {
                numbers::assume_attempt(&mut tx, open.id, outcome, app.clock.now()).await?;
            }
            tx.commit().await?;
            Ok(StepResult { acted: true, outcome: None })
        }
        Decision::Register { .. } | Decision::Deregister { .. } => call(app, record, reads, caller).await,
        Decision::Wait { .. } | Decision::Ask { .. } | Decision::Stop { .. } | Decision::Done { .. } => {
            Ok(StepResult::default())
        }
    }
}

/// Writes the intent down, calls, settles.
async fn call(app: &App, record: &NumberRecord, reads: &Reads, caller: Caller) -> Result<StepResult, FlowError> {
    let Some(intent) = commit_intent(app, record, reads, caller).await? else { return Ok(StepResult::default()) };
    reached(Failpoint::IntentCommitted);
    let channel = &record.channel;
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
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
    Ok(StepResult { acted: true, outcome: intent.pin.is_some().then_some(outcome) })
}

struct Intent {
    attempt: AttemptId,
    /// The PIN a register call carries; a deregister call has none.
    pin: Option<SecretString>,
}

/// Decides once more inside the transaction that writes the attempt, so that two callers never both
/// find room in the ledger; the sealed PIN is committed with it, before Meta is called (D2).
async fn commit_intent(
    app: &App,
    record: &NumberRecord,
    reads: &Reads,
    caller: Caller,
) -> Result<Option<Intent>, FlowError> {
    let channel = &record.channel;
    let number = &channel.phone_number_id;
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    // holds the number's row, so that replicas decide one after the other
    numbers::facts_for_update(&mut tx, number).await?;
    let History { ledger, has_pin, pin_set_at, .. } = numbers::history(&mut tx, channel).await?;
    let history = History { ledger, has_pin, pin_set_at, ..record.history.clone() };
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
