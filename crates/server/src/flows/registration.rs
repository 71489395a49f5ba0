//! Registration: load the number, read it, decide, commit the intent, call, settle.
//!
//! [`advance`] is the planner's way in and [`complete_registration`] is people's. Both end in [`execute`],
//! the only place where `register` and `deregister` are sent.

use domain::channel::Channel;
use domain::ids::ChannelId;
use domain::meta::failure::FailureKind;
use domain::pin::Pin;
use domain::registration::ledger::{AttemptOutcome, Basis, CallKind, hold_after};
use domain::registration::{
    Caller, ChangeKind, Changes, Decision, PinPlan, Reads, Source, UNANSWERED_AFTER, can_leave_app, decide,
    note_changes,
};
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::number::assessment::assess_and_announce;
use super::number::reading::{SetupReads, apply_reading, read_number};
use super::number::record::{NumberRecord, RegistrationState, not_found};
use super::{FlowError, Next};
use crate::App;
use crate::flows::queue::{Job, enqueue, enqueue_now};
use crate::runtime::clock::generate_pin;
use crate::runtime::failpoint::{Failpoint, reached};
use crate::store::ids::AttemptId;
use crate::store::{self, Tx, numbers};

/// Steps one run takes at most before it lets other jobs run.
const MAX_STEPS: usize = 4;

/// The planner continues with a PIN or a code that a person entered after this time, in case the process
/// that took it died.
const TAKEN_OVER_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// What a person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    Register,
    /// Complete the registration of a number that was disconnected from the WhatsApp Business app, although that takes it
    /// out of the app. On any other number the same as [`Press::Register`].
    LeaveApp,
    /// Apply an approved new name to a live number.
    ApplyNewName,
}

impl Press {
    const fn caller(self) -> Caller {
        match self {
            Self::Register | Self::LeaveApp => Caller::Press,
            Self::ApplyNewName => Caller::ApplyNewName,
        }
    }
}

/// What Complete registration came to.
#[derive(Debug, Clone)]
pub struct CompletionResult {
    pub called: bool,
    /// How the call ended; `None` without a call.
    pub outcome: Option<AttemptOutcome>,
    /// Where the number stands now.
    pub state: RegistrationState,
}

/// Whether Meta sends a verification code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeRequested {
    /// Meta sends it now.
    Sent,
    /// Meta says the number is verified already (136024).
    AlreadyVerified,
}

/// The planner's job: takes steps until nothing is to be done now.
pub async fn advance(app: &App, id: ChannelId) -> Result<Next, FlowError> {
    let Some(mut record) = NumberRecord::load(app, id).await? else { return Ok(Next::Done) };
    for _ in 0..MAX_STEPS {
        let asked_at = app.clock.now();
        let reading = read_number(app, &record).await;
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        let Some(fresh) = NumberRecord::load_for_update(&mut tx, &record.channel).await? else {
            return Ok(Next::Done);
        };
        record = fresh;
        let applied = apply_reading(&mut tx, &mut record, &reading, None, asked_at).await?;
        if reading.as_ref().is_err_and(|failure| failure.kind == FailureKind::TokenDead) {
            enqueue(&mut tx, &Job::Token(id), now);
        }
        let decision = decide(Caller::Planner, &Reads::single(applied.health), &applied.history, now);
        tracing::debug!(channel = id.0, why = ?decision.reason(), "planned");
        match write_step(&mut tx, &mut record, &decision, now).await? {
            Step::Call(intent) => {
                tx.commit().await?;
                execute(app, &record, &intent).await?;
            }
            Step::Settled => tx.commit().await?,
            Step::Nothing => {
                assess_and_announce(app, &mut tx, &mut record, now).await?;
                tx.commit().await?;
                return Ok(decision.next_check_at().map_or(Next::Done, Next::At));
            }
        }
    }
    Ok(Next::At(app.clock.now()))
}

/// Reads the number, decides for a person who asked, calls Meta if that is allowed, and says where the number
/// stands. Makes one call at most; what the number says afterwards is settled as the planner would.
pub async fn complete_registration(app: &App, channel: &Channel, press: Press) -> Result<CompletionResult, FlowError> {
    let mut record = NumberRecord::load_or_refuse(app, channel.id).await?;
    let mut outcome = None;
    for step in 0.. {
        let asked_at = app.clock.now();
        let reads = SetupReads::read(app, &record).await;
        let now = app.clock.now();
        let mut tx = app.store.write().await?;
        record = NumberRecord::load_for_update(&mut tx, &record.channel).await?.ok_or_else(not_found)?;
        let applied = apply_reading(&mut tx, &mut record, &reads.health, None, asked_at).await?;
        let mut history = applied.history;
        let reads = reads.for_decision(applied.health);
        if press == Press::LeaveApp && can_leave_app(&reads, &history, now) {
            history.changes = store_change_in(&mut tx, &mut record, ChangeKind::AppLeft, now).await?;
        }
        let caller = if outcome.is_some() { Caller::Planner } else { press.caller() };
        let decision = decide(caller, &reads, &history, now);
        let calls_again =
            outcome.is_some() && matches!(decision, Decision::Register { .. } | Decision::Deregister { .. });
        let next = if calls_again || step >= MAX_STEPS {
            Step::Nothing
        } else {
            write_step(&mut tx, &mut record, &decision, now).await?
        };
        match next {
            Step::Call(intent) => {
                tx.commit().await?;
                outcome = execute(app, &record, &intent).await?.or(outcome);
            }
            Step::Settled => tx.commit().await?,
            Step::Nothing => {
                enqueue(&mut tx, &Job::Register(channel.id), now);
                assess_and_announce(app, &mut tx, &mut record, now).await?;
                tx.commit().await?;
                break;
            }
        }
    }
    let state = record.registration_state(Caller::Planner, app.clock.now());
    Ok(CompletionResult { called: outcome.is_some(), outcome, state })
}

/// Stores the PIN a person entered, then completes the registration: a new PIN is evidence (133005).
pub async fn enter_pin(app: &App, channel: &Channel, pin: &Pin) -> Result<CompletionResult, FlowError> {
    let pin = SecretString::from(pin.expose());
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    numbers::set_pin(&mut tx, &channel.phone_number_id, &pin, now).await?;
    numbers::note_changes(&mut tx, &channel.phone_number_id, &[ChangeKind::PinEntered], now, Source::Person).await?;
    enqueue(&mut tx, &Job::Register(channel.id), now + TAKEN_OVER_AFTER);
    tx.commit().await?;
    reached(Failpoint::PinKept);
    complete_registration(app, channel, Press::Register).await
}

/// Asks Meta to send the code that proves who owns the number.
pub async fn request_code(
    app: &App,
    channel: &Channel,
    method: graph_api::CodeMethod,
    language: &str,
) -> Result<CodeRequested, FlowError> {
    let record = NumberRecord::load_or_refuse(app, channel.id).await?;
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
    match account.request_code(&channel.phone_number_id, method, language).await {
        Ok(()) => Ok(CodeRequested::Sent),
        Err(failure) if failure.kind == FailureKind::AlreadyVerified => {
            store_change(app, channel, ChangeKind::CodeVerified).await?;
            enqueue_now(app, &[Job::Register(channel.id)]).await?;
            Ok(CodeRequested::AlreadyVerified)
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Hands the code to Meta, then completes the registration.
pub async fn verify_code(app: &App, channel: &Channel, code: &SecretString) -> Result<CompletionResult, FlowError> {
    let record = NumberRecord::load_or_refuse(app, channel.id).await?;
    let mut tx = app.store.write().await?;
    enqueue(&mut tx, &Job::Register(channel.id), app.clock.now() + TAKEN_OVER_AFTER);
    tx.commit().await?;
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
    match account.verify_code(&channel.phone_number_id, code).await {
        Ok(()) => {}
        Err(failure) if failure.kind == FailureKind::AlreadyVerified => {}
        Err(failure) => return Err(failure.into()),
    }
    reached(Failpoint::CodeVerified);
    store_change(app, channel, ChangeKind::CodeVerified).await?;
    complete_registration(app, channel, Press::Register).await
}

/// Notes what a person decided, in the transaction that loaded the record; returns the changes on record.
async fn store_change_in(
    tx: &mut Tx,
    record: &mut NumberRecord,
    kind: ChangeKind,
    now: Timestamp,
) -> Result<Changes, store::Error> {
    let noted = note_changes(&mut record.changes, &[kind], now, Source::Person);
    numbers::store_changes(tx, &record.channel.phone_number_id, &noted, now, Source::Person).await?;
    Ok(record.changes.clone())
}

async fn store_change(app: &App, channel: &Channel, kind: ChangeKind) -> Result<(), FlowError> {
    let now = app.clock.now();
    let mut tx = app.store.write().await?;
    numbers::note_changes(&mut tx, &channel.phone_number_id, &[kind], now, Source::Person).await?;
    enqueue(&mut tx, &Job::Register(channel.id), now + TAKEN_OVER_AFTER);
    tx.commit().await?;
    Ok(())
}

/// What a decision leaves to be done once its transaction is committed.
pub(super) enum Step {
    /// Meta is to be called: the attempt is in the ledger.
    Call(Intent),
    /// An unanswered call was settled: the number is to be read again.
    Settled,
    /// Neither called nor settled.
    Nothing,
}

/// One call that is in the ledger and not made yet.
pub(super) struct Intent {
    attempt: AttemptId,
    basis: Basis,
    /// The PIN a register call carries; `None` for a deregister call.
    pin: Option<SecretString>,
}

/// Writes a decision down in the transaction that holds the number's row and loaded the record it was made
/// from, so that two callers never both find room in the ledger. The sealed PIN is committed with the
/// attempt, before Meta is called (D2).
pub(super) async fn write_step(
    tx: &mut Tx,
    record: &mut NumberRecord,
    decision: &Decision,
    now: Timestamp,
) -> Result<Step, store::Error> {
    let needs_pin = matches!(decision, Decision::Register { pin: PinPlan::Generate, .. });
    let new_pin = needs_pin.then(|| SecretString::from(generate_pin().expose()));
    record.save(tx, new_pin.as_ref(), now).await?;
    match decision {
        Decision::Settle { outcome } => {
            if let Some(open) = record.attempts.iter().rev().find(|call| call.attempt.settled_at.is_none()) {
                numbers::assume_attempt(tx, open.id, outcome, now).await?;
            }
            Ok(Step::Settled)
        }
        Decision::Register { basis, pin, .. } => {
            let pin = match pin {
                PinPlan::Stored => numbers::pin(tx, &record.channel.phone_number_id).await?,
                PinPlan::Generate => new_pin,
            };
            write_intent(tx, record, *basis, pin, decision, now).await
        }
        Decision::Deregister { basis } => write_intent(tx, record, *basis, None, decision, now).await,
        Decision::Wait { .. } | Decision::Ask { .. } | Decision::Stop { .. } | Decision::Done { .. } => {
            Ok(Step::Nothing)
        }
    }
}

async fn write_intent(
    tx: &mut Tx,
    record: &NumberRecord,
    basis: Basis,
    pin: Option<SecretString>,
    decision: &Decision,
    now: Timestamp,
) -> Result<Step, store::Error> {
    let channel = &record.channel;
    let is_deregister = matches!(decision, Decision::Deregister { .. });
    let kind = if is_deregister { CallKind::Deregister } else { CallKind::Register };
    let reason = decision.reason();
    let why = reason.into_str();
    let attempt = numbers::open_attempt(tx, &channel.phone_number_id, kind, basis, why, now).await?;
    // should this process die now, the planner finds the unsettled call
    enqueue(tx, &Job::Register(channel.id), now + UNANSWERED_AFTER);
    let word = basis.into_str();
    tracing::info!(channel = channel.id.0, phone = %channel.phone_number, ?kind, basis = word, why, "calling Meta");
    Ok(Step::Call(Intent { attempt, basis, pin }))
}

/// Makes the call and settles it. The outcome of a register call is returned; a deregister call returns `None`.
pub(super) async fn execute(
    app: &App,
    record: &NumberRecord,
    intent: &Intent,
) -> Result<Option<AttemptOutcome>, FlowError> {
    reached(Failpoint::IntentCommitted);
    let channel = &record.channel;
    let account = app.graph.on(&channel.waba_id, &record.credentials.access_token);
    app.metrics.register_call(intent.basis.into_str());
    let result = match &intent.pin {
        Some(pin) => account.register(&channel.phone_number_id, pin).await,
        None => account.deregister(&channel.phone_number_id).await,
    };
    reached(Failpoint::RegisterAnswered);
    let outcome = match result {
        Ok(()) => AttemptOutcome::Success,
        Err(failure) => AttemptOutcome::Failed(failure),
    };
    settle(app, channel, intent, &outcome).await?;
    reached(Failpoint::OutcomeSettled);
    Ok(intent.pin.is_some().then_some(outcome))
}

async fn settle(app: &App, channel: &Channel, intent: &Intent, outcome: &AttemptOutcome) -> Result<(), FlowError> {
    let now = app.clock.now();
    let number = &channel.phone_number_id;
    let mut tx = app.store.write().await?;
    numbers::settle_attempt(&mut tx, intent.attempt, outcome, now).await?;
    match outcome {
        AttemptOutcome::Success => {}
        AttemptOutcome::Failed(failure) => {
            // W7: recorded, never raised
            let text = &failure.message;
            tracing::warn!(channel = channel.id.0, "[WHATSAPP] Phone registration failed but continuing: {text}");
            if let Some(until) = hold_after(failure, now) {
                numbers::set_hold(&mut tx, number, Some(until)).await?;
            }
            if failure.kind == FailureKind::TokenDead {
                enqueue(&mut tx, &Job::Token(channel.id), now);
            }
        }
    }
    tx.commit().await?;
    Ok(())
}
