//! What connects the number with this installation: readings, the token, sends, webhooks.

use jiff::{SignedDuration, Timestamp};

use crate::callbacks::{AppCallback, CallbackLevel, NEEDED, Route, Subscription};
use crate::health::assess::assessment::Assessment;
use crate::health::assess::common::{access_lost, locked, payment_missing, token_dead};
use crate::health::assess::entities::PAYMENT;
use crate::health::callbacks::Reconciliation;
use crate::health::facts::{STALE_AFTER, TokenState};
use crate::health::finding::{Finding, FindingCode as Code};
use crate::health::level::{Action, Level, Party};
use crate::health::links::LinkTarget;
use crate::meta::failure::FailureKind;
use crate::meta::reading::Provisioned;
use crate::time::shift;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A token that expires is reported this long before.
const TOKEN_WARNING: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Silence begins after this many usual gaps of a number that was sending when the last webhook came: the statuses of what
/// it sends should come back.
const GAPS_WHILE_SENDING: i32 = 4;
/// Silence begins after this many usual gaps of a number that was not known to be sending.
const GAPS_OTHERWISE: i32 = 12;
/// A longer gap than this is counted as this long.
const MAX_GAP: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long a refused send counts as a finding.
const REFUSAL_LASTS: SignedDuration = DAY;

/// Refused because the number is not registered.
const NOT_REGISTERED: [i64; 2] = [133_010, 131_045];
/// Refused because the account is locked.
const LOCKED: [i64; 2] = [131_031, 368];

pub(super) fn freshness(assessment: &mut Assessment<'_>) {
    match assessment.snapshot.checked_at {
        None => assessment.add(Finding::new(Code::NeverRead, Level::Unknown).offers(Action::Refresh)),
        Some(checked_at) => {
            if assessment.is_over(checked_at, STALE_AFTER) {
                let finding = Finding::new(Code::ReadingStale { checked_at }, Level::Unknown);
                assessment.add(finding.offers(Action::Refresh).since(Some(shift(checked_at, STALE_AFTER))));
            }
        }
    }
    if let Some(checked_at) = assessment.snapshot.waba_checked_at {
        assessment.is_over(checked_at, STALE_AFTER);
    }
    if let Some(failure) = assessment.snapshot.read_failure {
        if failure.kind == FailureKind::TokenDead {
            token_dead(assessment, failure.at);
        } else if failure.kind == FailureKind::AccessLost {
            access_lost(assessment, failure.at);
        } else {
            let code = Code::ReadFailed { kind: failure.kind };
            let finding = Finding::new(code, Level::Live).offers(Action::Refresh);
            assessment.add(finding.since(Some(failure.at)));
        }
    }
}

pub(super) fn token(assessment: &mut Assessment<'_>) {
    match assessment.context.token.state {
        TokenState::Unchecked | TokenState::Good { expires_at: None } => {}
        TokenState::Good { expires_at: Some(expires_at) } => expiring(assessment, expires_at),
        TokenState::AccessLost { since } => access_lost(assessment, since),
        TokenState::Dead { since } => token_dead(assessment, since),
    }
}

fn expiring(assessment: &mut Assessment<'_>, expires_at: Timestamp) {
    if assessment.reached(expires_at) {
        return token_dead(assessment, expires_at);
    }
    if !assessment.reached(shift(expires_at, -TOKEN_WARNING)) {
        return;
    }
    let finding = Finding::new(Code::TokenExpiring { expires_at }, Level::AtRisk);
    let finding = match assessment.context.token.refetch {
        Some(Reconciliation::InProgress) => finding,
        Some(Reconciliation::GivenUp) | None => finding.asks(Party::Owner, Action::Reconnect),
    };
    assessment.add(finding.next_step(Some(expires_at)));
}

/// Sends that Meta refused, unless a message went out since. A payment refusal is not disproved by that: replies go out
/// without a payment method.
pub(super) fn sends(assessment: &mut Assessment<'_>) {
    let sending = &assessment.context.sending;
    for refused in &sending.refused {
        let is_payment = PAYMENT.contains(&refused.code);
        let disproved = !is_payment && sending.proved_at.is_some_and(|proved| proved > refused.at);
        if disproved || assessment.is_over(refused.at, REFUSAL_LASTS) {
            continue;
        }
        let finding = if is_payment {
            payment_missing(assessment)
        } else if LOCKED.contains(&refused.code) {
            locked(assessment)
        } else if NOT_REGISTERED.contains(&refused.code) {
            Finding::new(Code::RegistrationLost, Level::WaitingForMeta).offers(Action::CompleteRegistration)
        } else {
            let code = Code::SendsRefused { meta_code: refused.code };
            let link = assessment.link(LinkTarget::AccountQuality);
            Finding::new(code, Level::AtRisk).asks(Party::Owner, Action::ContactSupport).at(link)
        };
        assessment.add(finding.since(Some(refused.at)));
    }
}

pub(super) fn webhooks(assessment: &mut Assessment<'_>) {
    route(assessment);
    app_callback(assessment);
    silence(assessment);
}

/// Where messages go. Without an override they still arrive by the app's own callback, where it is ours.
fn route(assessment: &mut Assessment<'_>) {
    let facts = &assessment.context.webhooks;
    if facts.callbacks.subscription == Subscription::No {
        let finding = reconciled(Code::NotSubscribed, facts.repair, Action::Resubscribe);
        assessment.add(finding);
    }
    let facts = &assessment.context.webhooks;
    let route = facts.callbacks.route_once_subscribed();
    let finding = match route {
        Route::Elsewhere { level: level @ (CallbackLevel::Number | CallbackLevel::Account), url } => {
            reconciled(Code::OverrideForeign { actual: url, level }, facts.repair, Action::Resubscribe)
        }
        route if facts.callbacks.has_no_override() == Some(true) => without_override(assessment, route),
        Route::Here(_) | Route::Elsewhere { .. } | Route::NotSubscribed | Route::Nowhere | Route::Unread => return,
    };
    assessment.add(finding);
}

fn without_override(assessment: &Assessment<'_>, route: Route) -> Finding {
    let facts = &assessment.context.webhooks;
    let is_here = route.is_here();
    let Some(refusal) = &facts.refusal else {
        let mut finding = reconciled(Code::OverrideMissing { route }, facts.repair, Action::Resubscribe);
        if is_here == Some(true) {
            finding.severity = Level::Live;
        }
        return finding;
    };
    let code = Code::OverrideRefused { meta_code: refusal.code, meta_text: refusal.text.clone(), route };
    match is_here {
        Some(true) => Finding::new(code, Level::Live),
        None => Finding::new(code, Level::AtRisk),
        Some(false) => {
            let link = assessment.link(LinkTarget::AppSettings);
            Finding::new(code, Level::ActionNeeded).asks(Party::Operator, Action::TakeOverCallback).at(link)
        }
    }
}

/// The app's own callback concerns the installation, so every number of it has the finding; it is at risk rather than
/// broken, since messages follow the override. A callback of another system is not taken over without a person's request.
fn app_callback(assessment: &mut Assessment<'_>) {
    let facts = &assessment.context.webhooks;
    let (code, severity) = match &facts.callbacks.app {
        AppCallback::Unread | AppCallback::Ours => return,
        AppCallback::LacksFields(fields) => {
            let is_needed = fields.iter().any(|field| NEEDED.contains(&field.as_str()));
            let severity = if is_needed { Level::AtRisk } else { Level::Live };
            (Code::AppFieldsMissing { fields: fields.clone() }, severity)
        }
        AppCallback::Missing => (Code::AppCallbackMissing, Level::AtRisk),
        AppCallback::Foreign(actual) => (Code::AppCallbackForeign { actual: actual.clone() }, Level::AtRisk),
    };
    let finding = Finding::new(code, severity).at(assessment.link(LinkTarget::AppSettings));
    assessment.add(match facts.app_repair {
        Reconciliation::InProgress => finding.offers(Action::TakeOverCallback),
        Reconciliation::GivenUp if severity == Level::Live => finding.offers(Action::TakeOverCallback),
        Reconciliation::GivenUp => finding.asks(Party::Operator, Action::TakeOverCallback),
    });
}

/// The number is connected, yet no webhook came for far longer than its usual gap.
fn silence(assessment: &mut Assessment<'_>) {
    let Some((last_seen_at, usual_gap, begins_at)) = silence_begins(assessment) else { return };
    if assessment.reached(begins_at) {
        let code = Code::WebhookSilence { last_seen_at, usual_gap };
        let finding = Finding::new(code, Level::AtRisk);
        assessment.add(finding.asks(Party::Operator, Action::Resubscribe).since(Some(begins_at)));
    }
}

/// The last webhook, the usual gap, and when silence begins; `None` for a number that is not provisioned, and for one whose
/// usual gap is not known.
pub(super) fn silence_begins(assessment: &Assessment<'_>) -> Option<(Timestamp, SignedDuration, Timestamp)> {
    let facts = &assessment.context.webhooks;
    let (last_seen_at, usual_gap) = (facts.last_seen_at?, facts.usual_gap?.clamp(SignedDuration::ZERO, MAX_GAP));
    if assessment.reading.provisioned() != Provisioned::Yes {
        return None;
    }
    let sent_at = assessment.context.sending.proved_at;
    let was_sending = sent_at.is_some_and(|at| shift(at, usual_gap) >= last_seen_at);
    let patience = if was_sending {
        (usual_gap * GAPS_WHILE_SENDING).max(HOUR)
    } else {
        (usual_gap * GAPS_OTHERWISE).max(DAY * 3)
    };
    let begins_at = shift(last_seen_at, patience);
    Some((last_seen_at, usual_gap, begins_at))
}

/// A finding that is reconciled automatically, until that was given up.
fn reconciled(code: Code, reconciliation: Reconciliation, action: Action) -> Finding {
    match reconciliation {
        Reconciliation::InProgress => Finding::new(code, Level::AtRisk).offers(action),
        Reconciliation::GivenUp => Finding::new(code, Level::ActionNeeded).asks(Party::Operator, action),
    }
}
