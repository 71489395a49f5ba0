//! A connected number as its account owns it. Secrets are not here: the store seals them.

use jiff::Timestamp;

use crate::ids::{AccountId, BusinessId, ChannelId, PhoneNumberId, WabaId};
use crate::name::Name;
use crate::phone::{E164, is_same_number};

/// How a number was connected; a failed reading does not change it (policy, decision rule 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Onboarding {
    /// Embedded Signup's default flow: the number is registered from here.
    Standard,
    /// The number stays in the WhatsApp Business app and is never registered from here.
    Coexistence,
    /// Taken over from another system by an operator; the calls made there are unknown.
    Imported,
    #[default]
    Unknown,
}

/// A number connected to an account: the account sees it as an inbox with the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub id: ChannelId,
    pub account_id: AccountId,
    /// The name of the inbox; a re-authorisation keeps it (A3).
    pub name: String,
    /// Unique in the installation (A2).
    pub phone_number: E164,
    pub phone_number_id: PhoneNumberId,
    pub waba_id: WabaId,
    pub business_id: Option<BusinessId>,
    pub onboarding: Onboarding,
    pub created_at: Timestamp,
}

/// The channel of a WABA that a webhook names by digits: the one with these digits, otherwise the one whose number may be
/// written so. The channels must be of one WABA: in another the same digits may be another's.
pub fn named_by_digits<'a>(of_waba: &'a [Channel], digits: &str) -> Option<&'a Channel> {
    let exactly = of_waba.iter().find(|channel| channel.phone_number.digits() == digits);
    exactly.or_else(|| of_waba.iter().find(|channel| is_same_number(channel.phone_number.digits(), digits)))
}

/// The callback to which Meta sends a channel's messages: `<public URL>/webhooks/whatsapp/<+E.164>`.
pub fn callback_url(public_url: &str, phone_number: &E164) -> String {
    format!("{}/webhooks/whatsapp/{phone_number}", public_url.trim_end_matches('/'))
}

/// The first name of an inbox, as the origin builds it.
///
/// The business name is Meta's text: what no name may hold is replaced, and a long one is cut.
pub fn first_inbox_name(business_name: &str, phone_number: &E164) -> Name {
    let business_name = if business_name.trim().is_empty() { phone_number.as_str() } else { business_name };
    Name::sanitize(&format!("{business_name} WhatsApp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: i64, number: &str) -> Channel {
        Channel {
            id: ChannelId(id),
            account_id: AccountId(1),
            name: "x".to_owned(),
            phone_number: E164::parse(number).unwrap(),
            phone_number_id: PhoneNumberId(format!("72{id}")),
            waba_id: WabaId("71".to_owned()),
            business_id: None,
            onboarding: Onboarding::Standard,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn digits_name_the_channel_that_has_them_before_one_that_may_be_written_so() {
        let channels = [channel(1, "+5511987654321"), channel(2, "+551187654321"), channel(3, "+5511987654322")];
        let named = |digits| named_by_digits(&channels, digits).map(|channel| channel.id.0);
        assert_eq!((named("5511987654321"), named("551187654321")), (Some(1), Some(2)));
        assert_eq!((named("551187654322"), named("15550100001")), (Some(3), None));
    }

    #[test]
    fn the_first_inbox_name_is_a_name_for_every_business_name() {
        let phone = E164::parse("+15550100001").unwrap();
        assert_eq!(first_inbox_name("Example Bakery", &phone).as_str(), "Example Bakery WhatsApp");
        assert_eq!(first_inbox_name(" ", &phone).as_str(), "+15550100001 WhatsApp");
        assert_eq!(first_inbox_name("a\u{202e}b\n", &phone).as_str(), "a b  WhatsApp");
        assert_eq!(first_inbox_name(&"x".repeat(500), &phone).as_str().len(), 200);
    }
}
