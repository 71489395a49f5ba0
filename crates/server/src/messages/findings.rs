//! Findings in words: what is so, what it means for the number, what happens next.

use domain::health::FindingCode as F;

use super::titles::title;
use super::{Message, at, cards, failures, humanize, quoted, span};

/// A finding's title and sentence.
#[expect(clippy::too_many_lines, reason = "a table, one row per code, exhaustive so that no code lacks a sentence")]
pub fn finding(code: &F) -> Message {
    let text: String = match code {
        // what we could not learn
        F::NeverRead => "This number was never read from Meta. That happens within a minute of connecting it.".into(),
        F::ReadingStale { checked_at } => format!("Meta last told us about this number on {}. That is too long ago to judge by.", at(*checked_at)),
        F::FactsUnread { fields } => format!("Meta’s answer lacked {}. We ask again by ourselves.", fields.join(", ")),
        F::ReadFailed { kind } => format!("The last look at this number failed: {}. What you see is from the look before.", failures::kind(kind)),
        F::OnboardingUnknown => "It may also live in the WhatsApp Business app. Until Meta says so either way, we do not register it.".into(),

        // on the way to being registered
        F::PendingRegistration => "The number is connected but not yet registered for messaging. We do that by ourselves.".into(),
        F::RegistrationUnderWay => "We are asking Meta to register this number. This takes a few seconds.".into(),
        F::RegistrationUnconfirmed => "Meta took the registration, but the number does not show it yet. We keep looking.".into(),
        F::Activating => "The number is registered. Meta is switching it on, which usually takes a few minutes.".into(),
        F::RegistrationRetrying => "The last try failed for a reason that passes. We try again by ourselves.".into(),
        F::Throttled => "Meta wants fewer requests for now. We go on when it allows.".into(),
        F::NameInReview { name } => format!("Meta is still reviewing {}. Nothing to do: we register the number the moment it is approved.", quoted(name.as_ref())),
        F::NameGoodStillRefused { name } => format!("{} is approved, but Meta has not finished setting it up and still refuses the number. We keep trying by ourselves.", capital(&quoted(name.as_ref()))),
        F::BudgetSpent { spent, free_at } => match free_at {
                Some(free) => format!("Meta allows ten registration tries in three days; {spent} count now. The next one is free on {}.", at(*free)),
                None => format!("Meta allows ten registration tries in three days; {spent} count now. We wait until one is free."),
            },
        F::RegistrationHeld { until } => format!("Too many tries were made for this number, so Meta accepts none until {}. We try again then.", at(*until)),
        F::PinGuessesHeld { until } => format!("Meta accepts no PIN for this number until {}. Have the right one ready for then.", at(*until)),
        F::OnboardingWindowEnding { ends_at } => format!("Meta gives a new number 14 days to be registered. This one has until {}; afterwards it must be connected again.", at(*ends_at)),
        F::DroppedOut => "It was registered and Meta no longer shows it as such. We register it again by ourselves.".into(),

        // a person's move before the number is live
        F::NameDeclined { name } => format!("Meta did not accept {}. Choose another name in WhatsApp Manager; we register the number once it is approved.", quoted(name.as_ref())),
        F::PinNeeded => "This number is protected by a six-digit PIN that was set before. Enter it here, or turn two-step verification off in WhatsApp Manager.".into(),
        F::CodeNeeded => "Meta wants to send a code to this number, by text message or call. Ask for it and enter it here.".into(),
        F::NumberTaken => "Delete the WhatsApp account on the phone that uses this number, or connect it together with the WhatsApp Business app. Then press Complete registration.".into(),
        F::TwoStepAtPreviousOwner => "Ask whoever had this number before to turn two-step verification off. We go on as soon as Meta tells us.".into(),
        F::RegistrationRefused { meta_code, meta_text } => refusal(*meta_code, meta_text.as_deref()),
        F::OnboardingExpired => "More than 14 days have passed since it was connected, and Meta no longer lets it be registered. Go through the connection once more; it takes two minutes.".into(),
        F::OnPremise => "It is registered on the On-Premises API, which Meta has retired. It has to be moved to the Cloud API.".into(),
        F::CoexistenceLost => "Open the WhatsApp Business app on your phone, go to Settings, Account, Business platform, and connect it again.".into(),
        F::CoexistencePaused => "The WhatsApp Business app moved to another phone. The number usually comes back within minutes.".into(),

        // the number at Meta
        F::NumberBanned => "It can neither send nor receive. You can ask Meta to look at it again.".into(),
        F::NumberDeleted => "It is no longer in your WhatsApp account. Add it again there if that was a mistake.".into(),
        F::NumberMigrated => "It now belongs to another WhatsApp account, so nothing can be done for it here.".into(),
        F::NumberRestricted => "It may not start conversations for a while. Look in WhatsApp Manager for the reason.".into(),
        F::NumberDisconnected => "Meta says that it is not connected any more. We register it again where that is allowed.".into(),
        F::NumberFlagged => "Customers complained about its messages. If that goes on, Meta lowers its limit.".into(),
        F::NumberRateLimited => "It sent more than it may. Messages go out again after a while.".into(),
        F::NumberUnverified => "It is registered and yet shown as unverified. If it cannot send, prove by code that it is yours.".into(),
        F::StatusNotKnown { status } => format!("Meta calls this number “{status}”. We keep watching it."),
        F::Sandbox => "It can only write to a few numbers that were entered at Meta.".into(),
        F::Coexistence => "The number works in the app on your phone and here at the same time.".into(),
        F::QualityYellow => "The quality of this number is medium. Send fewer messages that people did not ask for.".into(),
        F::QualityRed => "The quality of this number is low. Meta may limit or block it; stop campaigns for now.".into(),
        F::LimitNear { limit, used } => format!("{used} people were written to first in the last 24 hours; the limit is {}.", cards::limit(limit.as_str())),
        F::LimitReached { limit, used } => format!("{used} people were written to first in the last 24 hours; the limit is {}. Replies still go out.", cards::limit(limit.as_str())),
        F::LimitLowest { limit } => format!("You may write first to {} a day. It grows with use, and with a verified business.", cards::limit(limit.as_str())),

        // names
        F::NameExpired { name } => format!("Ask for {} again in WhatsApp Manager.", quoted(name.as_ref())),
        F::NewNameApproved { name, apply_by } => match apply_by {
                Some(by) => format!("Meta approved {}. Apply it with one press before {}; afterwards it has to be asked for again.", quoted(name.as_ref()), at(*by)),
                None => format!("Meta approved {}. Apply it with one press within 14 days.", quoted(name.as_ref())),
            },
        F::NewNameLapsed { name } => format!("Meta’s approval of {} has run out. Ask for it again in WhatsApp Manager.", quoted(name.as_ref())),
        F::NewNameInReview { name } => format!("Meta is reviewing {}. The present name stays until then.", quoted(name.as_ref())),
        F::NewNameDeclined { name } => format!("Meta did not accept {}. The present name stays.", quoted(name.as_ref())),

        // the account and its portfolio
        F::PaymentMissing => "Meta does not send messages that you start until your WhatsApp account has a payment method.".into(),
        F::BusinessUnverified { verification } => match verification {
                Some(word) => format!("Business verification stands at “{}”. A verified business may write to more people.", humanize(word.as_str())),
                None => "A verified business may write to more people.".into(),
            },
        F::AccountInReview => "Nothing to do; this is usually over within a day.".into(),
        F::AccountRejected => "The number cannot be used until Meta accepts the account. You can ask for another review.".into(),
        F::AccountRestricted { restriction, until } => match until {
                Some(until) => format!("Meta’s reason: {}. It ends on {}.", humanize(restriction), at(*until)),
                None => format!("Meta’s reason: {}.", humanize(restriction)),
            },
        F::BanScheduled { at: when } => match when {
                Some(when) => format!("Meta will ban it on {}. Ask for a review before then.", at(*when)),
                None => "Meta has announced a ban. Ask for a review now.".into(),
            },
        F::AccountBanned => "None of its numbers can send or receive. You can ask Meta to look at it again.".into(),
        F::AccountDisabled { status } => format!("Meta calls it “{}”. Ask Meta’s support.", humanize(status)),
        F::AccountDeleted => "Connect the number again with another account.".into(),
        F::AccountLocked => "Meta locked it, often after a policy question. Only Meta’s Business Support can open it.".into(),
        F::PolicyViolation { violation } => format!("Meta’s word for it: {}. Read the policy before you send more.", humanize(violation)),
        F::BusinessCompromised => "Meta warns that somebody else may have got into your business portfolio. Check who has access, now.".into(),

        // what Meta says about sending
        F::SendingBlocked { entity, meta_text } => said(&format!("Meta blocks sending at the {}.", cards::entity(entity)), meta_text.as_deref()),
        F::SendingLimited { entity, meta_text } => said(&format!("Meta limits sending at the {}.", cards::entity(entity)), meta_text.as_deref()),
        F::MetaReports { entity, meta_code, meta_text, meta_advice } => said(&format!("At the {}: {meta_text} (code {meta_code}).", cards::entity(entity)), meta_advice.as_deref()),
        F::SendsRefused { meta_code } => format!("Messages sent lately came back with Meta’s code {meta_code}."),

        // the token
        F::TokenDead => "Meta no longer accepts our access to this number. Reconnect it; your messages and settings stay.".into(),
        F::TokenExpiring { expires_at } => format!("Our access to this number ends on {}. We renew it where Meta lets us.", at(*expires_at)),
        F::AccessLost => "Somebody removed our access to your WhatsApp account. Share it again, or reconnect the number.".into(),

        // webhooks
        F::NotSubscribed => "Meta does not send us this account’s messages. We switch that on again by ourselves.".into(),
        F::OverrideRefused { meta_code, meta_text } => said(&format!("Meta did not accept an address of its own for this number{}. Messages arrive all the same.", code_in_brackets(*meta_code)), Some(meta_text)),
        F::OverrideMissing => "Meta has no address of its own for this number’s messages. We set it again by ourselves.".into(),
        F::OverrideForeign { actual } => format!("Meta sends this number’s messages to {actual}. Press Register webhook if they should come here."),
        F::CallbackUnverified => "Meta’s check of our address failed. The installation’s public address has to be reachable over HTTPS.".into(),
        F::AppCallbackMissing => "The Meta app has no address of its own, so reviews, bans and name decisions are not told to us.".into(),
        F::AppCallbackForeign { actual } => format!("The Meta app sends account events to {actual}, so we learn of them only by asking."),
        F::AppFieldsMissing { fields } => format!("The Meta app does not send {}.", fields.join(", ")),
        F::Silence { last_heard_at, usual_gap } => format!("Nothing has come from Meta since {}; usually something comes within {}. We check the connection.", at(*last_heard_at), span(*usual_gap)),
    };
    Message::new(title(code.as_str()).unwrap_or_default(), text)
}

fn refusal(meta_code: Option<i64>, meta_text: Option<&str>) -> String {
    let code = code_in_brackets(meta_code);
    match meta_text.filter(|text| !text.is_empty()) {
        Some(text) => format!("Meta’s own words{code}: “{text}” Put that right, then press Complete registration."),
        None => format!("Meta gave no reason{code}. Press Complete registration to try once more."),
    }
}

fn said(sentence: &str, meta_text: Option<&str>) -> String {
    match meta_text.filter(|text| !text.is_empty()) {
        Some(text) => format!("{sentence} Meta’s own words: “{text}”"),
        None => sentence.to_owned(),
    }
}

fn code_in_brackets(code: Option<i64>) -> String {
    code.map_or_else(String::new, |code| format!(" (code {code})"))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
