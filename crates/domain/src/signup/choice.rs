//! Which number a signup is about. A number is connected only if somebody chose it: it was named, it is the one that
//! the inbox has, or it is the only one that the signup sees. The origin's route alone takes the first (E3).

use crate::ids::{PhoneNumberId, WabaId};
use crate::meta::reading::NumberReading;
use crate::phone::E164;

/// A number in one of the accounts that a signup's token reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenNumber {
    pub waba_id: WabaId,
    pub reading: NumberReading,
}

impl SeenNumber {
    /// Whether it is the number with this id at Meta.
    pub fn is(&self, id: &PhoneNumberId) -> bool {
        self.reading.id.as_ref() == Some(id)
    }

    /// Its phone number; `None` if Meta's text is none.
    pub fn phone(&self) -> Option<E164> {
        E164::parse(self.reading.display_phone_number.as_deref()?).ok()
    }
}

/// What is known of the number that a signup wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The number that the session message, the request or a person named.
    pub number: Option<&'a PhoneNumberId>,
    /// The number of the inbox to re-authorise: its id at Meta may have changed since.
    pub inbox: Option<(&'a PhoneNumberId, &'a E164)>,
    /// E3: without a name the first number is taken, which is the one that was onboarded last.
    pub takes_first: bool,
}

/// The reason why no number was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotChosen {
    /// The accounts hold no number yet.
    NoNumber,
    /// The number that was named is in none of the accounts.
    NotFound,
    /// There are several numbers, and nobody named one.
    Several,
}

/// Chooses the number of a signup. With an inbox whose number is not there, the first is taken, so that the refusal
/// can name it (A3).
pub fn choose<'a>(wanted: Wanted<'_>, seen: &'a [SeenNumber]) -> Result<&'a SeenNumber, NotChosen> {
    if let Some(id) = wanted.number {
        return seen.iter().find(|number| number.is(id)).ok_or(NotChosen::NotFound);
    }
    let first = seen.first().ok_or(NotChosen::NoNumber)?;
    if let Some((id, phone)) = wanted.inbox {
        let same_phone = |number: &&SeenNumber| number.phone().as_ref() == Some(phone);
        let found = seen.iter().find(|number| number.is(id)).or_else(|| seen.iter().find(same_phone));
        return Ok(found.unwrap_or(first));
    }
    if wanted.takes_first || seen.len() == 1 { Ok(first) } else { Err(NotChosen::Several) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(waba: &str, id: &str, phone: &str) -> SeenNumber {
        let reading = NumberReading {
            id: Some(PhoneNumberId(id.to_owned())),
            display_phone_number: Some(phone.to_owned()),
            ..NumberReading::default()
        };
        SeenNumber { waba_id: WabaId(waba.to_owned()), reading }
    }

    fn three() -> Vec<SeenNumber> {
        vec![
            seen("711", "721", "+1 555-010-0001"),
            seen("711", "722", "+1 555-010-0002"),
            seen("712", "723", "+1 555-010-0003"),
        ]
    }

    fn id_of(chosen: Result<&SeenNumber, NotChosen>) -> Result<&str, NotChosen> {
        chosen.map(|number| number.reading.id.as_ref().unwrap().as_str())
    }

    #[test]
    fn a_named_number_is_taken_from_whichever_account_and_never_replaced() {
        let (wanted, other) = (PhoneNumberId("723".to_owned()), PhoneNumberId("799".to_owned()));
        for takes_first in [true, false] {
            let named = |number| Wanted { number: Some(number), takes_first, ..Wanted::default() };
            assert_eq!(id_of(choose(named(&wanted), &three())), Ok("723"));
            assert_eq!(choose(named(&other), &three()), Err(NotChosen::NotFound));
            assert_eq!(choose(named(&other), &[]), Err(NotChosen::NotFound));
        }
    }

    #[test]
    fn without_a_name_only_the_only_number_is_chosen() {
        assert_eq!(choose(Wanted::default(), &three()), Err(NotChosen::Several));
        assert_eq!(id_of(choose(Wanted::default(), &three()[..1])), Ok("721"));
        assert_eq!(choose(Wanted::default(), &[]), Err(NotChosen::NoNumber));
        let first = Wanted { takes_first: true, ..Wanted::default() };
        assert_eq!(id_of(choose(first, &three())), Ok("721"));
        assert_eq!(choose(first, &[]), Err(NotChosen::NoNumber));
    }

    #[test]
    fn an_inbox_gets_its_own_number_by_id_or_by_phone() {
        let (id, gone) = (PhoneNumberId("722".to_owned()), PhoneNumberId("799".to_owned()));
        let (second, third) = (E164::parse("+15550100002").unwrap(), E164::parse("+15550100003").unwrap());
        let of_inbox = |id, phone| Wanted { inbox: Some((id, phone)), ..Wanted::default() };
        assert_eq!(id_of(choose(of_inbox(&id, &second), &three())), Ok("722"));
        assert_eq!(id_of(choose(of_inbox(&gone, &third), &three())), Ok("723"));
        // so that the refusal names it
        let elsewhere = E164::parse("+15550100009").unwrap();
        assert_eq!(id_of(choose(of_inbox(&gone, &elsewhere), &three())), Ok("721"));
    }
}
