//! The reason why a signup failed or is unfinished, as its row keeps it, and read back: whoever sends the same code again
//! gets the answer of the first request. Holds no secret.

use domain::ids::ChannelId;
use domain::meta::failure::{Failure, FailureKind};
use domain::phone::E164;
use domain::signup::NextStep;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::flows::{FlowError, Refusal};
use crate::store::numbers::{failure_from_json, failure_to_json};
use crate::store::signups::Signup;

/// An error as a signup's row keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredError {
    /// The code of the API.
    pub code: String,
    /// The sentence, in the origin's words where the origin has one.
    pub text: String,
    pub at: Timestamp,
    /// The inbox that has the number already.
    pub inbox: Option<ChannelId>,
    /// It is tried again without a person.
    pub is_retried: bool,
    failure: Option<Failure>,
    phone: Option<E164>,
}

impl StoredError {
    pub(super) fn new(error: &FlowError, is_retried: bool, at: Timestamp) -> Self {
        let (mut inbox, mut failure, mut phone) = (None, None, None);
        let code = match error {
            FlowError::Store(_) => "unavailable",
            FlowError::Meta(cause) => {
                failure = Some(cause.clone());
                code_of_failure(cause)
            }
            FlowError::ChannelExists { phone: number, inbox: owner } => {
                (phone, inbox) = (Some(number.clone()), *owner);
                "channel_exists"
            }
            FlowError::Refused { code, .. } => code.as_str(),
        };
        Self { code: code.to_owned(), text: error.to_string(), at, inbox, is_retried, failure, phone }
    }

    /// The error of a signup; `None` if it has none.
    pub fn of(signup: &Signup) -> Option<Self> {
        let value = signup.error.as_ref()?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        Some(Self {
            code: text("code")?.to_owned(),
            text: text("text")?.to_owned(),
            at: text("at").and_then(|at| at.parse().ok()).unwrap_or(signup.updated_at),
            inbox: value.get("inbox_id").and_then(Value::as_i64).map(ChannelId),
            is_retried: value.get("is_retried").and_then(Value::as_bool).unwrap_or_default(),
            failure: value.get("failure").and_then(failure_from_json),
            phone: text("phone").and_then(|phone| E164::parse(phone).ok()),
        })
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { code, text, at, inbox, is_retried, failure, phone } = self;
        json!({ "code": code, "text": text, "at": at.to_string(), "inbox_id": inbox.map(|id| id.0),
            "is_retried": is_retried, "failure": failure.as_ref().map(failure_to_json),
            "phone": phone.as_ref().map(E164::as_str) })
    }

    /// The same error once more, for another caller.
    pub(super) fn into_error(self) -> FlowError {
        match (self.failure, self.phone) {
            (Some(failure), _) => FlowError::Meta(failure),
            (None, Some(phone)) => FlowError::ChannelExists { phone, inbox: self.inbox },
            (None, None) => match self.code.parse::<Refusal>() {
                Ok(code) => FlowError::refused(code, self.text),
                Err(_) => FlowError::Meta(Failure::unanswered(self.text)),
            },
        }
    }

    /// What the signup waits for.
    pub fn next_step(&self) -> NextStep {
        NextStep::after(&self.code, self.inbox.is_some())
    }
}

fn code_of_failure(failure: &Failure) -> &'static str {
    if failure.is_access_failure() {
        "meta_access_lost"
    } else if failure.is_uncertain() {
        "meta_unavailable"
    } else if failure.kind == FailureKind::Throttled {
        "meta_throttled"
    } else {
        "meta_refused"
    }
}

#[cfg(test)]
mod tests {
    use domain::channel::Onboarding;
    use domain::ids::AccountId;
    use domain::signup::{SignupRoute, SignupState};

    use super::*;
    use crate::store::ids::SignupId;

    fn failed_with(error: &FlowError) -> Signup {
        let at: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        Signup {
            id: SignupId::fresh(at),
            account_id: AccountId(1),
            inbox_id: None,
            state: SignupState::Unfinished,
            route: SignupRoute::Own,
            onboarding: Onboarding::Standard,
            waba_id: None,
            phone_number_id: None,
            business_id: None,
            channel_id: None,
            seen: Vec::new(),
            error: Some(StoredError::new(error, false, at).to_json()),
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn an_error_reads_back_as_the_one_that_was_answered_first() {
        let phone = E164::parse("+15550100001").unwrap();
        let errors = [
            FlowError::Meta(Failure::unanswered("no answer in 10 s")),
            FlowError::ChannelExists { phone, inbox: Some(ChannelId(7)) },
            FlowError::refused(Refusal::NoSuchNumber, "No matching phone number found for WABA 71"),
        ];
        for error in errors {
            let again = StoredError::of(&failed_with(&error)).unwrap().into_error();
            assert_eq!(format!("{again:?}"), format!("{error:?}"));
        }
    }

    #[test]
    fn a_known_number_of_the_same_account_asks_for_its_inbox() {
        let phone = E164::parse("+15550100001").unwrap();
        let step = |inbox| {
            let error = FlowError::ChannelExists { phone: phone.clone(), inbox };
            StoredError::of(&failed_with(&error)).unwrap().next_step()
        };
        assert_eq!(step(Some(ChannelId(7))), NextStep::NameInbox);
        assert_eq!(step(None), NextStep::CorrectRequest);
    }
}
