//! Sentences for findings: what they mean for the number and what happens next. Titles are in [`super::titles`].

use domain::callbacks::{CallbackLevel, Route};
use domain::health::FindingCode as F;

use super::cards;
use super::failures::failure;
use super::format::{capitalize, humanize, quoted, span};
use super::sentence::{Message, Sentence};
use super::titles::title;

/// A finding's title and sentence.
#[expect(clippy::too_many_lines, reason = "a table, one row per code, exhaustive so that no code lacks a sentence")]
pub fn finding(code: &F) -> Message {
    let text: Sentence = match code {
        // facts that could not be read
        F::NeverRead => "The number has not been read from Meta yet. This happens within a minute after it was connected.".into(),
        F::ReadingStale { checked_at } => Sentence::from("The last answer of Meta’s is from ").at(*checked_at).then(". It is too old to tell the current status."),
        F::FactsUnread { fields } => format!("Meta’s answer did not contain {}. We ask again automatically.", fields.join(", ")).into(),
        F::ReadFailed { kind } => format!("The last check failed: {}. The values shown are from the check before.", failure(*kind)).into(),
        F::OnboardingUnknown => "The number may also be in use in the WhatsApp Business app. We register it only after Meta has answered this.".into(),

        // before the registration is complete
        F::PendingRegistration => "The number is connected but not registered for messaging yet. We register it automatically.".into(),
        F::RegistrationInProgress => "We are asking Meta to register the number. This takes a few seconds.".into(),
        F::RegistrationUnconfirmed => "Meta accepted the registration, but the number does not show it yet. We keep checking.".into(),
        F::Activating => "The number is registered. Meta is activating it, which usually takes a few minutes.".into(),
        F::RegistrationRetrying => "The last attempt failed for a temporary reason. We try again automatically.".into(),
        F::Throttled => "Meta allows fewer requests for now. We continue as soon as Meta allows it.".into(),
        F::NameInReview { name } => format!("Meta is still reviewing {}. You do not have to do anything: we register the number as soon as the name is approved.", quoted(name.as_ref())).into(),
        F::NameGoodStillRefused { name } => format!("{} is approved, but Meta has not finished setting it up and still refuses to register the number. We keep trying automatically.", capitalize(&quoted(name.as_ref()))).into(),
        F::BudgetSpent { spent, free_at } => {
            let text = format!("Meta allows ten registration attempts in three days; {spent} are used. ");
            match free_at {
                Some(free) => Sentence::from(text).then("The next attempt is possible on ").at(*free).then("."),
                None => format!("{text}We continue when Meta allows the next attempt.").into(),
            }
        }
        F::RegistrationHeld { until, spent: _ } => {
            let by = if code.is_held_by_others() { "There were too many attempts for this number, and not all of them were ours: another provider or tool calls as well. " } else { "There were too many attempts for this number. " };
            Sentence::from(by).then("Meta accepts no further attempt until ").at(*until).then(". We try again then.")
        }
        F::PinGuessesHeld { until } => Sentence::from("Meta accepts no PIN for this number until ").at(*until).then(". Have the correct PIN ready for then."),
        F::OnboardingWindowEnding { ends_at } => Sentence::from("A new number must be registered within 14 days. This period ends on ").at(*ends_at).then(". After that the number must be connected again."),
        F::RegistrationLost => "The number was registered, but Meta no longer shows it as registered. We register it again automatically.".into(),

        // a person has to act before the number is live
        F::RegistrationLostAgain => "Something takes this number off our platform each time we register it: its owner, or another provider. Find out who, then click Complete registration to use it here again.".into(),
        F::NameDeclined { name, rejection_reason } => format!("{} Choose another name in WhatsApp Manager. We register the number once the new name is approved.", declined(name.as_ref(), rejection_reason.as_deref())).into(),
        F::PinNeeded => "Two-step verification protects this number with a six-digit PIN. Enter the PIN here, or turn two-step verification off in WhatsApp Manager.".into(),
        F::CodeNeeded => "Meta requires proof that the number is yours. Request a code by text message or call and enter it here.".into(),
        F::NumberTaken => "Delete the WhatsApp account on the phone that uses this number, or connect the number together with the WhatsApp Business app. Then click Complete registration.".into(),
        F::TwoStepAtPreviousOwner => "Ask the previous provider of this number to turn two-step verification off. We continue as soon as Meta reports it.".into(),
        F::RegistrationRefused { meta_code, meta_text } => refusal(*meta_code, meta_text.as_deref()).into(),
        F::OnboardingExpired => "More than 14 days have passed since the number was connected, and Meta no longer allows its registration. Connect the number again; this takes two minutes.".into(),
        F::OnPremise => "The number is registered on the On-Premises API, which Meta has retired. Move it to the Cloud API.".into(),
        F::CoexistenceLost => "Open the WhatsApp Business app on your phone, go to Settings, Account, Business platform, and connect the number again.".into(),
        F::CoexistenceDisconnected { reason, initiated_by } => format!("{} To use it here again, open the app on the phone, go to Settings, Account, Business platform, and connect the number. Or register it here, which takes it out of the app on the phone.", disconnected(reason.as_deref(), initiated_by.as_deref())).into(),
        F::CoexistencePaused => "The WhatsApp Business app moved to another phone. The number usually works again within minutes.".into(),

        // the number at Meta
        F::NumberBanned => "The number can neither send nor receive. You can request a review by Meta.".into(),
        F::NumberDeleted => "The number is no longer in your WhatsApp account. If that was a mistake, add it there again.".into(),
        F::NumberMigrated => "The number now belongs to another WhatsApp account. Nothing can be done for it here.".into(),
        F::NumberRestricted => "The number cannot start conversations for a while. WhatsApp Manager shows the reason.".into(),
        F::NumberDisconnected => "Meta shows the number as disconnected: it can neither send nor receive until it is registered or connected again.".into(),
        F::NumberFlagged => "Customers complained about messages from this number. If complaints continue, Meta lowers its limit.".into(),
        F::NumberRateLimited => "The number sent more messages than Meta allows. It can send again after a while.".into(),
        F::NumberUnverified => "The number is registered, but Meta shows it as unverified. If it cannot send, verify it by code.".into(),
        F::StatusUnknown { status } => format!("Meta reports the status “{status}”, which this version does not know. We keep checking.").into(),
        F::Sandbox => "It can send only to a few numbers that were entered at Meta.".into(),
        F::Coexistence => "The number works in the app on your phone and here at the same time.".into(),
        F::QualityYellow => "The quality of this number is medium. Send fewer messages that customers did not ask for.".into(),
        F::QualityRed => "The quality of this number is low. Meta may limit or block it. Stop campaigns for now.".into(),
        F::LimitLowest { limit } => format!("All numbers of your business portfolio together can start conversations with {} a day. The limit grows with use and with a verified business.", cards::limit(limit.as_str())).into(),

        // display names
        F::NameExpired { name } => format!("Request {} again in WhatsApp Manager.", quoted(name.as_ref())).into(),
        F::NewNameApproved { name, apply_by } => {
            let text = format!("Meta approved {}. Click Apply new name ", quoted(name.as_ref()));
            match apply_by {
                Some(by) => Sentence::from(text).then("before ").at(*by).then("; after that the name must be requested again."),
                None => format!("{text}within 14 days.").into(),
            }
        }
        F::NewNameLapsed { name } => format!("Meta’s approval of {} has expired. Request the name again in WhatsApp Manager.", quoted(name.as_ref())).into(),
        F::NewNameInReview { name } => format!("Meta is reviewing {}. The current name stays until then.", quoted(name.as_ref())).into(),
        F::NewNameDeclined { name, rejection_reason } => format!("{} The current name stays.", declined(name.as_ref(), rejection_reason.as_deref())).into(),
        F::LiveNameDeclined { name, rejection_reason } => format!("{} The number keeps working and shows the name it had before, or only its digits. Choose another name in WhatsApp Manager.", declined(name.as_ref(), rejection_reason.as_deref())).into(),

        // the WhatsApp account and its portfolio
        F::PaymentMissing => "Meta delivers no messages that you start until your WhatsApp account has a payment method.".into(),
        F::BusinessUnverified { verification } => match verification {
                Some(word) => format!("The status of business verification is “{}”. A verified business can write to more customers.", humanize(word.as_str())).into(),
                None => "A verified business can write to more customers.".into(),
            },
        F::AccountInReview => "You do not have to do anything. The review usually takes less than a day.".into(),
        F::AccountRejected => "The number cannot be used until Meta accepts the account. You can request another review.".into(),
        F::AccountRestricted { restriction, until } => {
            let text = format!("Meta’s reason: {}.", humanize(restriction));
            match until {
                Some(until) => Sentence::from(text).then(" The restriction ends on ").at(*until).then("."),
                None => text.into(),
            }
        }
        F::BanScheduled { at: when } => match when {
                Some(when) => Sentence::from("Meta will ban the account on ").at(*when).then(". Request a review before then."),
                None => "Meta has announced a ban. Request a review now.".into(),
            },
        F::AccountBanned => "None of its numbers can send or receive. You can request a review by Meta.".into(),
        F::AccountDisabled { status } => format!("Meta reports the status “{}”. Contact Meta’s support.", humanize(status)).into(),
        F::AccountDeleted => "Connect the number again with another WhatsApp account.".into(),
        F::AccountLocked => "Meta locked the account, often because of a policy question. Only Meta’s Business Support can unlock it.".into(),
        F::PolicyViolation { violation } => format!("Meta’s reason: {}. Read Meta’s policy before you send more messages.", humanize(violation)).into(),
        F::BusinessCompromised => "Meta warns that somebody else may have access to your business portfolio. Check now who has access.".into(),

        // Meta's own report on sending
        F::SendingBlocked { entity, meta_text } => with_quote(&format!("Meta blocks sending at the level of the {}.", cards::entity(entity)), meta_text.as_deref()).into(),
        F::SendingLimited { entity, meta_text } => with_quote(&format!("Meta limits sending at the level of the {}.", cards::entity(entity)), meta_text.as_deref()).into(),
        F::MetaErrorReported { entity, meta_code, meta_text, meta_advice } => with_quote(&format!("Meta reports for the {}: {meta_text} (code {meta_code}).", cards::entity(entity)), meta_advice.as_deref()).into(),
        F::SendsRefused { meta_code } => format!("Meta refused recent messages with code {meta_code}.").into(),

        // the access token
        F::TokenDead => "Meta no longer accepts the access token of this number. Reconnect the number; messages and settings are kept.".into(),
        F::TokenExpiring { expires_at } => Sentence::from("The access token expires on ").at(*expires_at).then(". We renew it automatically where Meta allows it."),
        F::AccessLost => "Our access to your WhatsApp account was removed. Share the account again, or reconnect the number.".into(),

        // webhooks
        F::NotSubscribed => "Meta does not send the messages of this account here. We subscribe again automatically.".into(),
        F::OverrideRefused { meta_code, meta_text, route } => with_quote(&format!("Meta did not accept a callback address for this number{}. {}", in_brackets(*meta_code), by_app(route)), Some(meta_text)).into(),
        F::OverrideMissing { route } => format!("Meta has no callback address for this number. {} We set it automatically; if that does not last, click Register webhook.", by_app(route)).into(),
        F::OverrideForeign { actual, level } => format!("Meta sends the messages of this number to {actual}, an address that another system set for {}. Click Register webhook to receive them here.", level_of(*level)).into(),
        F::AppCallbackMissing => "The Meta app has no callback address, so Meta does not report reviews, bans and decisions on names.".into(),
        F::AppCallbackForeign { actual } => format!("The Meta app sends account events to {actual}. We learn about changes only from our own checks. Take over the callback of the app to receive them here.").into(),
        F::AppFieldsMissing { fields } => format!("The Meta app is not subscribed to {}.", fields.join(", ")).into(),
        F::WebhookSilence { last_seen_at, usual_gap } => Sentence::from("The last webhook arrived on ").at(*last_seen_at).then(format!("; the usual gap is less than {}. We check the connection.", span(*usual_gap))),
    };
    Message::new(title(code.into_str()).unwrap_or_default(), text)
}

/// Where messages go that follow no override: the app's own callback.
fn by_app(route: &Route) -> String {
    match route {
        Route::Here(_) => "Messages arrive all the same, through the address of the app.".to_owned(),
        Route::Elsewhere { url, .. } => format!(
            "Its messages follow the address of the app, which leads to another system: {url}. Take over the callback of the app to receive them here."
        ),
        Route::Nowhere | Route::NotSubscribed => {
            "Its messages are lost, because the app has no address either. Take over the callback of the app to receive them here.".to_owned()
        }
        Route::Unread => "Its messages follow the address of the app, which was not read yet.".to_owned(),
    }
}

/// The level on which a callback is set, as it follows "set for".
pub fn level_of(level: CallbackLevel) -> &'static str {
    match level {
        CallbackLevel::Number => "the number itself",
        CallbackLevel::Account => "its WhatsApp account",
        CallbackLevel::App => "the Meta app",
    }
}

fn refusal(meta_code: Option<i64>, meta_text: Option<&str>) -> String {
    let code = in_brackets(meta_code);
    match meta_text.filter(|text| !text.is_empty()) {
        Some(text) => format!("Meta’s message{code}: “{text}” Solve this, then click Complete registration."),
        None => format!("Meta gave no reason{code}. Click Complete registration to try once more."),
    }
}

/// A declined name with Meta's reason.
fn declined(name: Option<&String>, reason: Option<&str>) -> String {
    let why = reason.map_or_else(String::new, |reason| format!(" {}", rejection(reason)));
    format!("Meta did not accept {}.{why}", quoted(name))
}

/// Why Meta declined a display name, as a sentence, from Meta's word (`rejection_reason`).
pub(super) fn rejection(reason: &str) -> String {
    match reason {
        "NAME_EMPLOYEE_ISSUE" | "NAME_INDIVIDUAL_ISSUE" => "It looks like the name of a person.".into(),
        "NAME_ENDCLIENT_NOTRELATED" => "Meta sees no relation between the name and your business.".into(),
        "NAME_FORMAT_UNACCEPTABLE" => "Its format breaks Meta’s rules for display names.".into(),
        "NAME_NOT_CONSISTENT" => "It differs from the name that your website and profile show.".into(),
        other => format!("Meta’s reason: {}.", humanize(other)),
    }
}

/// Who ended coexistence and why, from Meta's two words (facts §3.3).
fn disconnected(reason: Option<&str>, initiated_by: Option<&str>) -> String {
    let why = match reason {
        Some("ACCOUNT_DISCONNECTED") => "The number was disconnected in the WhatsApp Business app on the phone.",
        Some("BUSINESS_DOWNGRADE") => {
            "The number was moved from the WhatsApp Business app to the ordinary WhatsApp app."
        }
        Some("CHANGE_NUMBER") => "The WhatsApp Business app on the phone was changed to another number.",
        Some("COMPANION_INACTIVITY") => "Meta disconnected the number, because nothing used it here for about 30 days.",
        Some("PRIMARY_INACTIVITY") => {
            "Meta disconnected the number, because the app on the phone was not opened for about 14 days."
        }
        Some("USER_RE_REGISTERED") => "The number was set up anew in the app on a phone.",
        Some(other) => {
            return format!(
                "The number was disconnected from the WhatsApp Business app. Meta’s reason: {}.",
                humanize(other)
            );
        }
        None => "The number was disconnected from the WhatsApp Business app.",
    };
    let is_known_reason = reason.is_some_and(|word| word.ends_with("INACTIVITY"));
    match initiated_by.filter(|_| !is_known_reason) {
        Some("USER") => format!("{why} A person did this."),
        Some("SYSTEM") => format!("{why} Meta did this."),
        Some(other) => format!("{why} Done by: {}.", humanize(other)),
        None => why.to_owned(),
    }
}

fn with_quote(sentence: &str, meta_text: Option<&str>) -> String {
    match meta_text.filter(|text| !text.is_empty()) {
        Some(text) => format!("{sentence} Meta’s message: “{text}”"),
        None => sentence.to_owned(),
    }
}

fn in_brackets(code: Option<i64>) -> String {
    code.map_or_else(String::new, |code| format!(" (code {code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_s_reasons_become_sentences() {
        let name = Some("Acme".to_owned());
        let declined = F::NameDeclined { name, rejection_reason: Some("NAME_FORMAT_UNACCEPTABLE".to_owned()) };
        let text = finding(&declined).text.to_string();
        assert!(text.starts_with("Meta did not accept “Acme”. Its format breaks Meta’s rules"), "{text}");
        let gone = |reason: &str, by: &str| {
            let word = |word: &str| Some(word.to_owned());
            finding(&F::CoexistenceDisconnected { reason: word(reason), initiated_by: word(by) }).text.to_string()
        };
        assert!(gone("ACCOUNT_DISCONNECTED", "USER").contains("on the phone. A person did this. To use it here"));
        assert!(gone("PRIMARY_INACTIVITY", "SYSTEM").starts_with("Meta disconnected the number, because the app"));
        assert!(gone("SOMETHING_NEW", "SYSTEM").contains("Something new"));
    }

    #[test]
    fn a_hold_that_others_caused_says_so() {
        let until = "2026-11-25T12:00:00Z".parse().unwrap();
        let text = |spent| finding(&F::RegistrationHeld { until, spent }).text.to_string();
        assert!(text(3).contains("another provider or tool calls as well"));
        assert!(!text(10).contains("another provider"));
    }
}
