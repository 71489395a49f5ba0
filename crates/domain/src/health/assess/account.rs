//! The account and its portfolio: review, verification, payment, restrictions, bans (facts §3.4 and §6.4).

use jiff::{SignedDuration, Timestamp};

use crate::health::account_state::{Ban, Reported};
use crate::health::assess::assessment::Assessment;
use crate::health::assess::common::{access_lost, banned, business_unverified};
use crate::health::finding::{Finding, FindingCode as Code};
use crate::health::level::{Action, Level, Party};
use crate::health::links::LinkTarget;
use crate::meta::event::Restriction;
use crate::meta::reading::{AccountReview, BusinessVerification, CanSend, EntityType};
use crate::time::shift;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// How long a violation or a warning counts as a finding.
const NOTICE_LASTS: SignedDuration = SignedDuration::from_hours(30 * 24);

pub(super) fn account(assessment: &mut Assessment<'_>) {
    let waba = assessment.waba;
    match &waba.account_review {
        Some(AccountReview::Pending | AccountReview::Deferred) => {
            // the review of an account that may send prevents nothing
            let severity = if account_may_send(assessment) { Level::AtRisk } else { Level::WaitingForMeta };
            let link = assessment.link(LinkTarget::Overview);
            assessment.add(Finding::new(Code::AccountInReview, severity).responsible(Party::Meta).at(link));
        }
        Some(AccountReview::Rejected) => {
            let link = assessment.link(LinkTarget::AccountQuality);
            let finding = Finding::new(Code::AccountRejected, Level::ActionNeeded);
            assessment.add(finding.asks(Party::Owner, Action::Appeal).at(link));
        }
        Some(AccountReview::Approved | AccountReview::Other(_)) | None => {}
    }
    let status = waba.status.as_deref().unwrap_or_default();
    if ["DISABLED", "RESTRICTED"].iter().any(|word| word.eq_ignore_ascii_case(status)) {
        let code = Code::AccountDisabled { status: status.to_owned() };
        let link = assessment.link(LinkTarget::AccountQuality);
        assessment.add(Finding::new(code, Level::Blocked).asks(Party::Owner, Action::Appeal).at(link));
    }
    if let Some(severity) = waba.business_verification.as_ref().and_then(of_verification) {
        let finding = business_unverified(assessment, severity);
        assessment.add(finding);
    }
}

/// The state of the account as webhooks reported it.
pub(super) fn reported_state(assessment: &mut Assessment<'_>) {
    let account = &assessment.context.account;
    if let Some(report) = &account.restrictions {
        for restriction in &report.value {
            add_restriction(assessment, restriction, report.at);
        }
    }
    if let Some(Reported { at, value: Some(ban) }) = &account.ban {
        add_ban(assessment, *ban, *at);
    }
    if let Some(report) = &account.violation
        && !assessment.is_over(report.at, NOTICE_LASTS)
    {
        let link = assessment.link(LinkTarget::AccountQuality);
        let finding = Finding::new(Code::PolicyViolation { violation: report.value.clone() }, Level::AtRisk);
        assessment.add(finding.asks(Party::Owner, Action::Appeal).since(Some(report.at)).at(link));
    }
    if let Some(report) = &account.compromised
        && !assessment.is_over(report.at, NOTICE_LASTS)
    {
        let link = assessment.link(LinkTarget::SecurityCenter);
        let finding = Finding::new(Code::BusinessCompromised, Level::AtRisk);
        assessment.add(finding.asks(Party::Owner, Action::ContactSupport).since(Some(report.at)).at(link));
    }
    if let Some(Reported { at, value: true }) = &account.paused {
        paused(assessment, *at);
    }
    if let Some(Reported { at, value: true }) = &account.unshared
        && !was_read_after(assessment, *at)
    {
        access_lost(assessment, *at);
    }
}

fn add_restriction(assessment: &mut Assessment<'_>, restriction: &Restriction, since: Timestamp) {
    if restriction.until.is_some_and(|until| assessment.reached(until)) {
        return;
    }
    let code = Code::AccountRestricted { restriction: restriction.kind.clone(), until: restriction.until };
    let link = assessment.link(LinkTarget::AccountQuality);
    let finding = Finding::new(code, of_restriction(&restriction.kind));
    let finding = finding.asks(Party::Owner, Action::Appeal).since(Some(since));
    assessment.add(finding.next_step(restriction.until).at(link));
}

fn add_ban(assessment: &mut Assessment<'_>, ban: Ban, since: Timestamp) {
    // a later reading of an account that may send disproves a ban whose REINSTATE webhook was lost
    if account_may_send(assessment) && was_read_after(assessment, since) && !matches!(ban, Ban::Scheduled { .. }) {
        return;
    }
    let link = assessment.link(LinkTarget::AccountQuality);
    let finding = match ban {
        Ban::Scheduled { at: Some(at) } if assessment.reached(at) => banned(assessment),
        Ban::Scheduled { at } => Finding::new(Code::BanScheduled { at }, Level::ActionNeeded)
            .asks(Party::Owner, Action::Appeal)
            .next_step(at)
            .at(link),
        Ban::Banned => banned(assessment),
        Ban::Deleted => Finding::new(Code::AccountDeleted, Level::Blocked)
            .asks(Party::Owner, Action::SignUpAgain)
            .at(assessment.link(LinkTarget::Overview)),
    };
    assessment.add(finding.since(Some(since)));
}

/// A paused coexistence usually lasts minutes; after a day a person has to look at the phone.
fn paused(assessment: &mut Assessment<'_>, since: Timestamp) {
    let finding = if assessment.is_over(since, DAY) {
        let link = assessment.link(LinkTarget::PhoneNumbers);
        let finding = Finding::new(Code::CoexistenceLost, Level::ActionNeeded);
        finding.asks(Party::Owner, Action::ReconnectApp).at(link)
    } else {
        Finding::new(Code::CoexistencePaused, Level::WaitingForMeta).next_step(Some(shift(since, DAY)))
    };
    assessment.add(finding.since(Some(since)));
}

/// Whether the number was read successfully well after an instant: what was reported then is not true any more.
fn was_read_after(assessment: &Assessment<'_>, at: Timestamp) -> bool {
    assessment.snapshot.read_failure.is_none()
        && assessment.snapshot.checked_at.is_some_and(|read| read > shift(at, HOUR))
}

fn account_may_send(assessment: &Assessment<'_>) -> bool {
    assessment
        .health_status()
        .iter()
        .any(|entity| entity.entity_type == EntityType::Waba && entity.can_send == Some(CanSend::Available))
}

/// The severity of an unverified business: by itself it only has a low limit.
fn of_verification(verification: &BusinessVerification) -> Option<Level> {
    match verification {
        BusinessVerification::Verified | BusinessVerification::Other(_) => None,
        BusinessVerification::NotVerified
        | BusinessVerification::Pending
        | BusinessVerification::PendingSubmission
        | BusinessVerification::Ineligible => Some(Level::Live),
        BusinessVerification::PendingNeedMoreInfo
        | BusinessVerification::Rejected
        | BusinessVerification::Failed
        | BusinessVerification::Expired
        | BusinessVerification::Revoked => Some(Level::AtRisk),
    }
}

/// The severity of a restriction, whose word contains what is restricted. Restricted calls, new numbers and single kinds of
/// templates leave messaging as it is; any other word, known or not, counts as a block.
fn of_restriction(kind: &str) -> Level {
    let harmless = ["CALLING", "ADD_PHONE_NUMBER", "UTILITY_TEMPLATES"];
    if harmless.iter().any(|word| kind.contains(word)) { Level::AtRisk } else { Level::Blocked }
}
